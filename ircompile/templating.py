"""Jinja over templates/, for the emitted C, projects, harnesses and pages."""

from __future__ import annotations

import jinja2

from ircompile.resources import templates_dir


def environment(*, escaped: bool = False) -> jinja2.Environment:
    """Strict: a name that is not given is an error. `escaped` for HTML."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=escaped,
    )
    env.filters["number"] = number
    return env


def number(value: float | None) -> str:
    """A count with thousands separated."""
    return "-" if value is None else f"{value:,}"
