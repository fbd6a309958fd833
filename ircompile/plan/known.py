"""What is found once for several problems: forms of one graph, and the cuts of each, have most of it in common.

Every key holds all that the value depends on, so nothing here is ever out of date.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple


class Peaks(NamedTuple):
    """The most bytes alive at one step, and an estimate of the most bytes of rings in use at one."""

    live: int
    slots: int


class Shared(NamedTuple):
    """Slots of a ring that several tensors share, and the phase of each."""

    slots: int
    phases: list[int]


@dataclass(frozen=True)
class Known:
    """Distances between items that are forbidden, peaks of segments, and rings of tensors with equal rows."""

    distances: dict[Hashable, list[tuple[int, int]]] = field(default_factory=dict)
    peaks: dict[Hashable, Peaks] = field(default_factory=dict)
    rings: dict[Hashable, Shared | None] = field(default_factory=dict)
    numbers: dict[Hashable, int] = field(default_factory=dict)

    def number(self, facts: Hashable) -> int:
        """A number for these facts, the same whenever they come: long keys get short."""
        return self.numbers.setdefault(facts, len(self.numbers))
