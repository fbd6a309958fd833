"""How long an inference takes on a board, in words; never without how far that may be off."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ircompile.cli.console import OUT, number, print_json, print_table
from ircompile.errors import CompileError
from ircompile.timing.band import band_of
from ircompile.timing.board import BoardMemory, list_boards


def timing_rows(timing: dict[str, Any] | None) -> list[tuple[str, str]]:
    """The rows of a summary; none where no board was asked about."""
    if timing is None:
        return []
    basis = "executed instructions" if timing["counted"] else "the plan's estimate of instructions"
    cycles = f"{number(timing['cycles'])} cycles at {timing['mhz']:g} MHz, from {basis}; docs/timing.md"
    return [("time", f"{time_text(timing)} on {timing['board']}"), ("", cycles)]


def time_text(timing: dict[str, Any]) -> str:
    """Milliseconds, their band, and millijoules where they are known."""
    least, most = (_figure(timing[key]) for key in ("at_least", "at_most"))
    text = f"about {_figure(timing['milliseconds'])} ms, {least} to {most} (+-{100 * timing['band']:.0f} %)"
    energy = timing["millijoules"]
    return text if energy is None else f"{text}, {_figure(energy)} mJ"


def read_text(path: Path) -> str:
    """A log as text, whatever bytes a serial line put into it. Raises CompileError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CompileError(str(path), f"cannot be read: {error.strerror}") from error


def print_measured(measured: dict[str, Any], timing: dict[str, Any]) -> None:
    """What the board measured, beside the estimates and what the fitted waiting times give."""
    rows = [
        (row["layer"], number(row["measured"]), number(row["estimated"]), number(row["fitted"]))
        for row in measured["layers"]
    ]
    print_table(("layer", "measured cycles", "estimated", "fitted"), rows, numeric=(1, 2, 3))
    off = measured["cycles"] / timing["cycles"] - 1
    inside = "inside" if abs(off) <= timing["band"] else "OUTSIDE"
    OUT.print(
        f"measured  {_figure(measured['milliseconds'])} ms by {measured['counter']}, {100 * off:+.1f} % of the "
        f"estimate, {inside} the band; fitted, layers are {100 * measured['fitted_error']:.1f} % off on average",
        markup=False,
    )


def list_the_boards(as_json: bool) -> None:
    """Every board: its core, clock, memories, and how far its times may be off."""
    boards = list_boards()
    if as_json:
        print_json(
            [
                {
                    "name": board.name,
                    "description": board.description,
                    "target": board.target.name,
                    "mhz": board.mhz,
                    "memory": [{"name": each.name, "bytes": each.bytes} for each in board.memory],
                    "flash": [{"name": each.name, "bytes": each.bytes} for each in board.flash],
                    "band": band_of(board),
                    "milliwatts": board.milliwatts,
                }
                for board in boards
            ]
        )
        return
    rows = [
        (board.name, board.description, f"{board.mhz:g}", _sizes(board.memory), _sizes(board.flash),
         f"+-{100 * band_of(board):.0f} %")
        for board in boards
    ]  # fmt: skip
    print_table(("board", "what it is", "MHz", "RAM", "flash", "time"), rows, numeric=(2, 5))


def _sizes(memories: Sequence[BoardMemory]) -> str:
    """Each memory by its name and size, the fastest first."""
    return " + ".join(f"{each.name} {_bytes(each.bytes)}" for each in memories)


def _bytes(count: int) -> str:
    """As `--ram` takes it."""
    return f"{count // 2**20}M" if count % 2**20 == 0 else f"{count / 1024:g}K"


def _figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
