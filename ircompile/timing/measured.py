"""What a board measured, layer by layer: read from the self-test's output, and waiting times fitted to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.timing.board import FETCH, Board, BoardMemory
from ircompile.timing.model import Work, cycles_of, waits_of

ALL = "(all)"


@dataclass(frozen=True)
class Measured:
    """Cycles of one inference, of each layer by its name and in all, and by which counter."""

    layers: Mapping[str, int]
    total: int
    counter: str


@dataclass(frozen=True)
class Fit:
    """A board whose waiting times are fitted to a measurement; `error` is how far layers are off on average then.

    `terms` names what was fitted: "fetch" and the memories from which enough was brought.
    """

    board: Board
    terms: tuple[str, ...]
    error: float


def parse_log(text: str) -> Measured:
    """The lines "cycles NAME LAYER COUNT" that a self-test prints, wherever they stand in a log.

    Of several runs the last counts. Raises CompileError where there are none.
    """
    found = re.findall(r"^.*?\bcycles \S+ (\S+) (\d+)(?: by (\w+))?\s*$", text, flags=re.MULTILINE)
    layers = {layer: int(count) for layer, count, _ in found if layer != ALL}
    whole = [(int(count), counter) for layer, count, counter in found if layer == ALL]
    if not layers or not whole:
        raise CompileError(
            "--measured", "no line 'cycles NAME LAYER COUNT' in the log",
            hint="the self-test prints them, compiled with NAME_SELFTEST_CYCLES: docs/timing.md",
        )  # fmt: skip
    if not whole[-1][0]:
        raise CompileError("--measured", "the board counted no cycles", hint="emulators have no DWT counter")
    return Measured(layers, *whole[-1])


def fit(board: Board, works: Mapping[str, Work], measured: Measured) -> Fit:
    """Waiting times, none below 0, with which the model comes nearest to a measurement, by least squares.

    Each layer counts by its relative error, so that small ones are not lost. Raises CompileError where the log
    is of another network.
    """
    names = [name for name in works if name in measured.layers]
    if set(measured.layers) - set(works):
        strange = sorted(set(measured.layers) - set(works))[0]
        raise CompileError("--measured", f"layer {strange} is none of this network", "the log of its own self-test")
    names = [name for name in names if measured.layers[name] > 0]
    waits = {name: waits_of(works[name], board) for name in names}
    brought = {name for each in waits.values() for name, lines in each.lines.items() if lines > 0}
    terms = [FETCH, *(memory.name for memory in (*board.memory, *board.flash) if memory.name in brought)]
    counts = {name: {FETCH: each.instructions, **each.lines} for name, each in waits.items()}
    matrix = np.array([[counts[name][term] for term in terms] for name in names])
    weight = 1 / np.array([measured.layers[name] for name in names], float)
    over = np.array([measured.layers[name] - works[name].cycles for name in names])
    found = dict(zip(terms, _least_squares(matrix * weight[:, None], over * weight), strict=True))
    fitted = _with(board, found)
    error = float(np.mean([abs(cycles_of(works[n], fitted) / measured.layers[n] - 1) for n in names]))
    return Fit(fitted, tuple(terms), error)


def waiting_of(board: Board, term: str) -> float:
    """The cycles that a board waits by a term of `Fit.terms`: for an instruction's code, or a line of a memory."""
    stalls = {memory.name: memory.stall for memory in (*board.memory, *board.flash)}
    return board.fetch if term == FETCH else stalls[term]


def _with(board: Board, found: Mapping[str, float]) -> Board:
    """The board with these waiting times in place of its own."""

    def fitted(memories: tuple[BoardMemory, ...]) -> tuple[BoardMemory, ...]:
        return tuple(replace(memory, stall=found.get(memory.name, memory.stall)) for memory in memories)

    return replace(board, fetch=found[FETCH], memory=fitted(board.memory), flash=fitted(board.flash))


def _least_squares(matrix: np.ndarray, wanted: np.ndarray) -> list[float]:
    """The solution without negative values: terms that would be negative are left out, the worst first."""
    columns = list(range(matrix.shape[1]))
    while columns:
        found = np.linalg.lstsq(matrix[:, columns], wanted, rcond=None)[0]
        if found.min() >= 0:
            break
        del columns[int(found.argmin())]
    values = [0.0] * matrix.shape[1]
    for column, value in zip(columns, found if columns else (), strict=True):
        values[column] = float(value)
    return values
