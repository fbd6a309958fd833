"""Rows in a ring over time, and which distances between two rings they forbid.

Rows are born in order and, nearly always, die in order. So those of another track that a row meets follow each
other, and two binary searches find them: work grows with the rows, not with their pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.lifetimes import Life

Interval = tuple[int, int]
Lookup = tuple["Track", "Track", int]
"""The rows of the one are looked up in the other, which come and go in order; and a number."""


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
    def rows(self) -> tuple[Array, Array, Array]:
        """First steps, last steps and offsets of the rows that are there."""
        rows = np.flatnonzero(self.alive)
        return self.first[rows], self.last[rows], (self.begin + rows) % self.slots * self.pitch

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


def forbidden_distances(pairs: Sequence[tuple[Sequence[Track], Sequence[Track]]]) -> list[list[Interval]]:
    """For each pair (a, b) the open intervals in which base of b - base of a must not lie, merged.

    The rows of all pairs are looked up at once: a's in b, or b's in a where b's do not come and go in order.
    """
    straight, mirrored = list[Lookup](), list[Lookup]()
    for number, (a, b) in enumerate(pairs):
        for one in a:
            for other in b:
                if other.ordered:
                    straight.append((one, other, number))
                else:
                    mirrored.append((other, one, number))
    parts = [_intervals(straight)] if straight else []
    if mirrored:
        low, high, numbers = _intervals(mirrored)
        parts.append((-high, -low, numbers))
    low, high, numbers = (np.concatenate(ends) for ends in zip(*parts, strict=True))
    return _merged(low, high, numbers, len(pairs))


def _intervals(lookups: Sequence[Lookup]) -> tuple[Array, Array, Array]:
    """Ends of the forbidden intervals of base of b - base of a, one or two for each row of an a that meets its b.

    The third array tells the number of the lookup of each.
    """
    rows = [a.rows for a, _, _ in lookups]
    first, last, at = (np.concatenate(part) for part in zip(*rows, strict=True))
    which = np.repeat(np.arange(len(lookups)), [len(part) for part, _, _ in rows])
    tracks = {id(b): b for _, b, _ in lookups}
    place = {key: n for n, key in enumerate(tracks)}
    looked = np.array([place[id(b)] for _, b, _ in lookups])[which]
    begins = np.cumsum([0, *(len(b.first) for b in tracks.values())])[looked]
    start = _looked_up([b.gone for b in tracks.values()], first, looked, "left") - begins
    stop = _looked_up([b.born for b in tracks.values()], last, looked, "right") - begins

    meet = stop > start
    start, count, at, which = start[meet], (stop - start)[meet], at[meet], which[meet]
    pitch, slots, origin = np.array([(b.pitch, b.slots, b.begin) for _, b, _ in lookups]).T[:, which]
    full = count >= slots
    begin = np.where(full, 0, (origin + start) % slots)
    end = np.where(full, slots, begin + count)
    top = at + np.array([a.pitch for a, _, _ in lookups])[which]
    low, high = at - np.minimum(end, slots) * pitch, top - begin * pitch
    over = end > slots  # the rows that begin anew at the ring's first slot
    if over.any():
        low = np.append(low, (at - (end - slots) * pitch)[over])
        high, which = np.append(high, top[over]), np.append(which, which[over])
    return low, high, np.array([number for _, _, number in lookups])[which]


def _looked_up(ordered: Sequence[Array], steps: Array, which: Array, side: Literal["left", "right"]) -> Array:
    """Where each step belongs in the array `which` of `ordered`, counted from the first one's begin."""
    apart = 2 + max(int(steps.max(initial=0)), *(int(part[-1]) for part in ordered))  # so that arrays never mix
    shift = np.repeat(np.arange(len(ordered)) * apart, [len(part) for part in ordered])
    return np.searchsorted(np.concatenate(ordered) + shift, steps + which * apart, side)


def _merged(low: Array, high: Array, number: Array, count: int) -> list[list[Interval]]:
    """Of each number below `count` its intervals, those that overlap as one."""
    merged: list[list[Interval]] = [[] for _ in range(count)]
    if len(low):
        apart = number * (int(high.max()) - int(low.min()) + 1)  # so that those of different numbers never overlap
        order = np.argsort(low + apart, kind="stable")
        apart, number = apart[order], number[order]
        low, reach = low[order] + apart, np.maximum.accumulate(high[order] + apart)
        breaks = np.flatnonzero(low[1:] >= reach[:-1])
        begin, end = np.append(0, breaks + 1), np.append(breaks, len(low) - 1)
        lows, highs = low[begin] - apart[begin], reach[end] - apart[end]
        intervals = zip(lows.tolist(), highs.tolist(), strict=True)
        for its, interval in zip(number[begin].tolist(), intervals, strict=True):
            merged[its].append(interval)
    return merged


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
