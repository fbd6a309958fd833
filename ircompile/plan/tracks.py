"""Rows in a ring over time, and which distances between two rings they forbid.

Rows are born in order and, nearly always, die in order. So those of another track that a row meets follow each
other, and two binary searches find them: work grows with the rows, not with their pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ircompile.plan.lifetimes import Life
from ircompile.tensor import Array

Interval = tuple[int, int]


@dataclass(frozen=True)
class Track:
    """Rows of `pitch` bytes: number i lives in slot (begin + i) mod slots from step first[i] to last[i].

    Rows with last < first are not there.
    """

    first: Array
    last: Array
    begin: int
    slots: int
    pitch: int

    @cached_property
    def alive(self) -> Array:
        """Which rows are there."""
        return self.last >= self.first

    def alive_at(self, step: int) -> int:
        """Bytes of the rows that are there at a step."""
        return self.pitch * int(np.sum((self.first <= step) & (self.last >= step)))

    @property
    def byte_steps(self) -> int:
        """Bytes times the steps that they are there, all rows together."""
        return self.pitch * int(np.sum((self.last - self.first + 1)[self.alive]))

    @cached_property
    def born(self) -> Array:
        """When every row or one after it is there first."""
        return np.minimum.accumulate(self.first[::-1])[::-1]

    @cached_property
    def gone(self) -> Array:
        """When every row or one before it is there last."""
        return np.maximum.accumulate(self.last)

    @cached_property
    def ordered(self) -> bool:
        """Whether rows are born in order and die in order."""
        return np.array_equal(self.born, self.first) and np.array_equal(self.gone, self.last)

    @property
    def span(self) -> tuple[int, int]:
        """First and last step of any row."""
        return int(self.born[0]), int(self.gone[-1])


def track_of(life: Life, slots: int, pitch: int, phase: int = 0) -> Track:
    """The rows of a tensor in a ring."""
    rows = np.flatnonzero(life.alive)
    if not len(rows):
        return Track(np.array([0]), np.array([-1]), 0, slots, pitch)
    there = slice(rows[0], rows[-1] + 1)
    return Track(life.first[there], life.last[there], (int(rows[0]) + phase) % slots, slots, pitch)


def meetings(a: Track, b: Track) -> tuple[Array, Array]:
    """Of each row of a, the rows [start, stop) of b that are alive with it; stop <= start where none is.

    Where rows of b do not die in order, some between them may be dead already.
    """
    start = b.gone.searchsorted(a.first)
    stop = np.where(a.alive, b.born.searchsorted(a.last, side="right"), 0)
    return start, stop


def forbidden_distances(a: Sequence[Track], b: Sequence[Track]) -> list[Interval]:
    """The open intervals in which base of b - base of a must not lie, merged."""
    lows, highs = [], []
    for one in a:
        for other in b:
            if (one.ordered, len(one.first)) <= (other.ordered, len(other.first)):
                low, high = _intervals(one, other)
            else:
                low, high = (-x for x in _intervals(other, one)[::-1])
            lows.append(low)
            highs.append(high)
    low, high = np.concatenate(lows), np.concatenate(highs)
    if len(low) < 2:
        return list(zip(low.tolist(), high.tolist(), strict=True))
    order = np.argsort(low, kind="stable")
    low, reach = low[order], np.maximum.accumulate(high[order])
    breaks = np.flatnonzero(low[1:] >= reach[:-1])
    begins, ends = low[np.append(0, breaks + 1)], reach[np.append(breaks, len(low) - 1)]
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _intervals(a: Track, b: Track) -> tuple[Array, Array]:
    """Low and high ends of the forbidden intervals, one or two for each row of a that meets any of b."""
    start, stop = meetings(a, b)
    rows = np.flatnonzero(stop > start)
    start, count = start[rows], (stop - start)[rows]
    at = (a.begin + rows) % a.slots * a.pitch
    full = count >= b.slots
    begin = np.where(full, 0, (b.begin + start) % b.slots)
    end = np.where(full, b.slots, begin + count)
    low, high = at - np.minimum(end, b.slots) * b.pitch, at + a.pitch - begin * b.pitch
    over = np.flatnonzero(end > b.slots)  # the rows that begin anew at the ring's first slot
    if len(over):
        low = np.concatenate([low, at[over] - (end[over] - b.slots) * b.pitch])
        high = np.concatenate([high, at[over] + a.pitch])
    return low, high


def differences(a: Track, b: Track) -> Array:
    """All differences i - j of rows i of a and j of b that are alive at once, in order."""
    start, stop = meetings(a, b)
    rows = np.flatnonzero(stop > start)
    low, high = rows - stop[rows] + 1, rows - start[rows] + 1
    origin = -len(b.first)
    change = np.zeros(len(a.first) + len(b.first) + 2, np.int64)
    np.add.at(change, low - origin, 1)
    np.subtract.at(change, high - origin, 1)
    return np.flatnonzero(np.cumsum(change)) + origin
