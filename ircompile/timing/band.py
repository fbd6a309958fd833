"""How far the model may be off: what it says for every public measurement, beside what the board took.

Some of a board's waiting times were fitted to these very measurements. So each is held against an estimate in which
they are fitted anew, without it: the band is what is left of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from typing import Any

import numpy as np

from ircompile.resources import targets_dir
from ircompile.target import build_record, read_tables, read_toml
from ircompile.timing.board import FETCH, Board, load_board
from ircompile.timing.model import Work, cycles_of

LEFT_OUT = 10
"""The worst of so many rows may lie outside of a core's band."""
LEAST = 0.15
"""No band is narrower: the rows are few, and of four networks."""
UNFITTED = 0.10
"""On top for a board without a measurement of its own, whose terms are those of others: how far these differ."""
WIDEST = 0.9
"""No band is wider: a time is not negative."""
UNMEASURED = 0.5
"""The band of a core of which no public measurement is known: assumed."""


@dataclass(frozen=True)
class Counted:
    """What CMSIS-NN executes for a network, on a core: instructions, and cycles at zero wait states.

    `weights` are, for each layer, its bytes of weights and how many it loads.
    """

    model: str
    core: str
    instructions: int
    cycles: int
    weights: list[list[int]]


@dataclass(frozen=True)
class Measurement:
    """A public measurement: `cycles` that a network took on a board, by which runtime, and who says so."""

    board: str
    runtime: str
    model: str
    cycles: float
    source: str


@dataclass(frozen=True)
class Row:
    """A measurement beside what the model says; of the estimated cycles, `fitted` are those of fitted terms.

    `blind` is the estimate by a board whose fitted terms were fitted to its other rows alone.
    """

    measurement: Measurement
    core: str
    instructions: int
    estimate: float
    fitted: float
    blind: float = 0.0

    @property
    def error(self) -> float:
        """How much more the board took: 0.1 is a tenth more than estimated."""
        return self.measurement.cycles / self.estimate - 1

    @property
    def blind_error(self) -> float:
        """The same of the estimate that knows nothing of this row."""
        return self.measurement.cycles / self.blind - 1


@dataclass(frozen=True)
class Planned:
    """A core's counted cycles for each instruction that the planner estimates, and how far that is off at most."""

    core: str
    cycles: float
    error: float


@dataclass(frozen=True)
class _Public:
    counted: tuple[Counted, ...]
    measured: tuple[Measurement, ...]
    planned: tuple[Planned, ...]


@cache
def rows() -> tuple[Row, ...]:
    """Every public measurement that the model can be held against."""
    found = [_row(measurement) for measurement in _public().measured]
    return tuple(
        replace(row, blind=blind_estimate(row, [other for other in found if other is not row])) for row in found
    )


def _row(measurement: Measurement) -> Row:
    board = load_board(measurement.board)
    counted = {(each.model, each.core): each for each in _public().counted}
    work = counted[measurement.model, board.target.name]
    layers = [Work(0, 0, {board.flash[0].name: (size, loaded)}) for size, loaded in work.weights]
    parts = (Work(work.instructions, work.cycles), *layers)
    known = replace(
        board,
        fetch=0.0 if FETCH in board.fitted else board.fetch,
        flash=tuple(replace(m, stall=0.0) if m.name in board.fitted else m for m in board.flash),
    )
    estimate, rest = (sum(cycles_of(part, each) for part in parts) for each in (board, known))
    return Row(measurement, board.target.name, work.instructions, estimate, estimate - rest)


def blind_estimate(row: Row, others: Sequence[Row]) -> float:
    """The estimate of a row by a board whose fitted terms are multiplied by what suits its other rows best.

    That is by least squares of relative errors. A board without other rows waits for its code as the other boards
    of its core do, on average.
    """
    rest, same = row.estimate - row.fitted, [o for o in others if o.measurement.board == row.measurement.board]
    if not same:
        names = sorted({other.measurement.board for other in others if other.core == row.core})
        fetches = [load_board(name).fetch for name in names]
        return rest + row.instructions * sum(fetches) / len(fetches)
    parts = np.array([other.fitted / other.measurement.cycles for other in same])
    wanted = np.array([1 - (other.estimate - other.fitted) / other.measurement.cycles for other in same])
    return rest + max(0.0, float(parts @ wanted / (parts @ parts))) * row.fitted


def band_of(board: Board, counted: bool = True) -> float:
    """The part by which a time on `board` may be off, either way: 0.2 is 20 %.

    With `counted`, instructions were counted as they executed; else they were estimated from a plan.
    """
    band = core_band(board.target.name)
    fitted = any(measurement.board == board.name for measurement in _public().measured)
    if not fitted and band != UNMEASURED:
        band += UNFITTED
    if not counted:
        band = min(WIDEST, band + planned_bands().get(board.target.name, UNMEASURED))
    return ceil(round(100 * band, 6)) / 100


def cycles_an_instruction(core: str) -> float:
    """Cycles at zero wait states for each instruction that the planner estimates on a core."""
    return next((each.cycles for each in _public().planned if each.core == core), 1.5)


def planned_bands() -> dict[str, float]:
    """By core, how far times from the plan's estimate of instructions are off those counted."""
    return {each.core: each.error for each in _public().planned}


@cache
def core_band(core: str, without: Row | None = None) -> float:
    """The band of a core's measured boards: their largest blind error, the worst of ten rows left out.

    `without` is a row that is not looked at.
    """
    errors = sorted(abs(row.blind_error) for row in rows() if row.core == core and row != without)
    if not errors:
        return UNMEASURED
    kept = errors[: len(errors) - len(errors) // LEFT_OUT]
    return max(LEAST, kept[-1])


@cache
def _public() -> _Public:
    path = targets_dir() / "timing" / "measurements.toml"
    data = read_toml(path)

    def read(key: str, kind: type[Any]) -> tuple[Any, ...]:
        return tuple(build_record(kind, row, path) for row in read_tables(data, key, path))

    return _Public(read("counted", Counted), read("measured", Measurement), read("planned", Planned))
