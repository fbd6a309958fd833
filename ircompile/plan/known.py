"""What is found once for several problems: forms of one graph, and the cuts of each, have most of it in common.

Every key holds all that the value depends on, so nothing here is ever out of date.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from ircompile.ir.tensor import Site
from ircompile.plan.model import Stage
from ircompile.plan.steps import StageRows, kind_of, rows_of


class Peaks(NamedTuple):
    """The most bytes alive at one step, and an estimate of the most bytes of rings in use at one."""

    live: int
    slots: int


class Distances(NamedTuple):
    """Open intervals in which the base of the second of two items less that of the first must not lie, merged.

    `mirrored`: the base of the first less that of the second.
    """

    between: list[tuple[int, int]]
    mirrored: list[tuple[int, int]]


class Shared(NamedTuple):
    """Slots of a ring that several tensors share, and the phase of each."""

    slots: int
    phases: list[int]


@dataclass(frozen=True)
class Known:
    """Rows of stages, peaks of segments, rings of tensors with equal rows, distances forbidden between two items.

    The latter by the numbers of their patterns and how much later the second begins.
    """

    rows: dict[Hashable, StageRows] = field(default_factory=dict)
    distances: dict[tuple[int, int, int], Distances] = field(default_factory=dict)
    peaks: dict[Hashable, Peaks] = field(default_factory=dict)
    rings: dict[Hashable, Shared | None] = field(default_factory=dict)
    numbers: dict[Hashable, int] = field(default_factory=dict)

    def number(self, facts: Hashable) -> int:
        """A number for these facts, the same whenever they come: long keys get short."""
        return self.numbers.setdefault(facts, len(self.numbers))

    def rows_of(self, stage: Stage, site: Site) -> StageRows:
        """Which rows the steps of a stage read and complete."""
        kind = kind_of(stage, site)
        if kind not in self.rows:
            self.rows[kind] = rows_of(stage, site)
        return self.rows[kind]
