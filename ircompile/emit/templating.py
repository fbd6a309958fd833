"""Jinja over templates/, for the emitted C, projects, harnesses and pages."""

from __future__ import annotations

import re

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
    env.filters["comment"] = comment
    env.filters["shorten"] = shorten
    return env


def comment(text: str) -> str:
    """A name of the user's, harmless within a comment of C: on one line, and what could end or splice it apart."""
    line = "".join(char if char.isprintable() else " " for char in text).replace("\\", "/")
    return re.sub(r"(?<=\*)(?=/)|(?<=/)(?=\*)|(?<=\?)(?=\?)", " ", line)


def number(value: float | None) -> str:
    """A count with thousands separated."""
    return "-" if value is None else f"{value:,}"


def shorten(text: str, longest: int = 60) -> str:
    """A text with the long names of fused layers, which TensorFlow joins by ";", shortened in their middle."""
    head = longest // 2

    def shortened(name: re.Match[str]) -> str:
        whole = name[0]
        return f"{whole[:head]}...{whole[head + 3 - longest :]}" if len(whole) > longest else whole

    return re.sub(r"[^\s';]+(;[^\s';]*)+", shortened, text)
