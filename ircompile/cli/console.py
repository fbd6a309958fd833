"""Talking to people and to programs: rich text on a terminal, plain when piped, JSON on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Shows what is going on while it does, on a terminal; says nothing elsewhere."""
    if not ERR.is_terminal:
        yield
        return
    with ERR.status(f"{what} ..."):
        yield


def print_json(data: Any) -> None:
    """The same facts for programs."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], numeric: Sequence[int] = ()) -> None:
    """A table; the columns in `numeric` are flush right. Tab-separated when piped."""
    if not OUT.is_terminal:
        for row in (headers, *rows):
            sys.stdout.write("\t".join(str(cell) for cell in row) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, header in enumerate(headers):
        table.add_column(header, justify="right" if i in numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    OUT.print(table)


def number(value: float | int | None) -> str:
    """A count with thousands separated; a dash where unknown."""
    return "-" if value is None else f"{value:,}"
