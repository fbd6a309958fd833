"""Cycles of a network on a board: what its core computes, and what it waits for.

    cycles = cycles at zero wait states + fetch * instructions + sum over memories of stall * lines brought

A memory brings a line where its cache does not hold it. Of a plan's constants that is told by the order of steps
(`plan/weight_reads.py`); of a layer by itself it is every time that it passes over its weights, unless they fit in
the cache: then once. Of activations it is each row once when written and once for every layer that reads it.
`fetch` and `stall` stand in the board's file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ircompile.timing.board import Board


@dataclass(frozen=True)
class Work:
    """What a layer, or a network, executes.

    `cycles` are those at zero wait states. `constants` are the bytes that it has in each memory for constants, and
    those that it loads of them; both are those that the cache brings where that is known. `moved` are the bytes of
    activations that it reads and writes in each RAM.
    """

    instructions: float
    cycles: float
    constants: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    moved: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Waits:
    """What the terms of the model multiply: instructions, and lines brought from each memory by name."""

    instructions: float
    lines: Mapping[str, float]


def waits_of(work: Work, board: Board) -> Waits:
    """Lines that the work brings from each of the board's memories."""
    lines: dict[str, float] = {}
    for memory in board.flash:
        size, loaded = work.constants.get(memory.name, (0.0, 0.0))
        lines[memory.name] = (size if size <= memory.cache else loaded) / memory.line
    for memory in board.memory:
        lines[memory.name] = work.moved.get(memory.name, 0.0) / memory.line
    return Waits(work.instructions, lines)


def cycles_of(work: Work, board: Board) -> float:
    """Estimated cycles of the work on the board."""
    waits = waits_of(work, board)
    stalls = {memory.name: memory.stall for memory in (*board.memory, *board.flash)}
    waited = sum(stalls[name] * lines for name, lines in waits.lines.items())
    return work.cycles + board.fetch * waits.instructions + waited
