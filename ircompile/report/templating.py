"""Jinja over templates/report, and how pages and pictures say numbers."""

from __future__ import annotations

import jinja2

from ircompile.resources import templates_dir


def environment() -> jinja2.Environment:
    """Jinja over templates/, with everything escaped."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["number"] = number
    return env


def number(value: float | None) -> str:
    """A count with thousands separated."""
    return "-" if value is None else f"{value:,}"
