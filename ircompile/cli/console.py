"""Talking to people and to programs: rich text on a terminal, plain when piped, JSON on request."""

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from ircompile.emit.templating import shorten
from ircompile.errors import CompileError

WIDTH = 100
"""Of lists that are broken into lines."""


class _Piped(Console):
    """A console that leaves a reader that has gone to `main`, and does not end the program by itself."""

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError."""
        raise BrokenPipeError


class _Said(Console):
    """A console for messages, which are lost where nobody reads them: what is done, and its status, stay."""

    def on_broken_pipe(self) -> None:
        """Says nothing more."""
        self.quiet = True


OUT = _Piped(highlight=False, soft_wrap=True)
ERR = _Said(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Shows what is going on while it does, on a terminal; says nothing elsewhere."""
    if not ERR.is_terminal:
        yield
        return
    with ERR.status(f"{what} ..."):
        yield


def print_error(error: CompileError) -> None:
    """What cannot be done and why; a long list of what is supported comes last."""
    long = len(error.supported) > WIDTH
    short = CompileError(error.where, error.problem, "" if long else error.supported)
    lines = [f"error: {shorten(str(short))}"]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    if long:
        lines += ["supported:", wrapped(error.supported)]
    ERR.print("\n".join(lines), markup=False, style="red" if ERR.is_terminal else None)


def wrapped(text: str, indent: str = "    ") -> str:
    """A long list on indented lines."""
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def print_json(data: Any) -> None:
    """The same facts for programs."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], numeric: Sequence[int] = ()) -> None:
    """A table; the columns in `numeric` are flush right, names of fused layers short. Tab-separated when piped."""
    if not OUT.is_terminal:
        for row in (headers, *rows):
            sys.stdout.write("\t".join(shorten(str(cell)) for cell in row) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, header in enumerate(headers):
        table.add_column(header, justify="right" if i in numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(shorten(str(cell)) for cell in row))
    OUT.print(table)


def number(value: float | int | None) -> str:
    """A count with thousands separated; a dash where unknown."""
    return "-" if value is None else f"{value:,}"
