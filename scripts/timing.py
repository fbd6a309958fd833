"""Writes the tables of docs/timing.md: bands, and public measurements. `--check` compares instead."""

from __future__ import annotations

import sys
from pathlib import Path

from ircompile.timing.band import Row, band_of, core_band, planned_bands, rows
from ircompile.timing.board import Board, list_boards

PAGE = Path(__file__).parents[1] / "docs" / "timing.md"


def page() -> str:
    """The page, with its tables written anew."""
    found, text = rows(), PAGE.read_text()
    for name, table in (("bands", _bands(found)), ("measured", _measured(found))):
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, _, rest = text.partition(begin)
        text = before + begin + table + end + rest.partition(end)[2]
    return text


def _bands(found: tuple[Row, ...]) -> str:
    lines = [
        "| core | rows | band, counted | of them inside | more from the plan alone |",
        "|---|---:|---:|---:|---:|",
    ]
    for core, planned in planned_bands().items():
        own = [row for row in found if row.core == core]
        band = core_band(core)
        inside = sum(abs(row.blind_error) <= band for row in own)
        lines.append(f"| {core} | {len(own)} | +-{100 * band:.0f} % | {inside} | {100 * planned:.0f} % |")
    lines += ["", "| board | MHz | band, counted | from the plan |", "|---|---:|---:|---:|"]
    lines += [_board(board) for board in list_boards()]
    return "\n".join(lines) + "\n"


def _board(board: Board) -> str:
    counted, planned = (100 * band_of(board, how) for how in (True, False))
    return f"| {board.name}: {board.description} | {board.mhz:g} | +-{counted:.0f} % | +-{planned:.0f} % |"


def _measured(found: tuple[Row, ...]) -> str:
    lines = [
        "| board | network | runtime | board, M cycles | model | board is | blind | source |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for row in sorted(found, key=lambda row: (row.core, row.measurement.board)):
        given, errors = row.measurement, f"{100 * row.error:+.1f} % | {100 * row.blind_error:+.1f} %"
        lines.append(
            f"| {given.board} | {given.model} | {given.runtime} | {given.cycles / 1e6:.3f} "
            f"| {row.estimate / 1e6:.3f} | {errors} | {given.source} |"
        )
    lines += ["", _coverage(found)]
    return "\n".join(lines) + "\n"


def _coverage(found: tuple[Row, ...]) -> str:
    """How many rows lie in their core's band, fitted and blind; and how many would in bands of other rows alone."""
    fitted, blind, strict = (
        sum(abs(error) <= band for error, band in pairs)
        for pairs in (
            [(row.error, core_band(row.core)) for row in found],
            [(row.blind_error, core_band(row.core)) for row in found],
            [(row.blind_error, core_band(row.core, without=row)) for row in found],
        )
    )
    return (
        f"Of {len(found)} rows, {fitted} lie in their core's band; of the blind estimates, {blind}. "
        f"If the band, too, knows only the other rows, {strict} do."
    )


def main() -> int:
    """Writes or checks the page."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        print(f"{PAGE.name} is out of date: run scripts/timing.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
