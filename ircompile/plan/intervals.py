"""Rows in their slots over time, and which distances between two buffers they forbid.

Two rows that are alive at the same time must not overlap. If row a stands `at` bytes behind its buffer's base and
row b stands at base_b + `other`, then base_b - base_a must not lie in the open interval

    (at - other - bytes of b, at - other + bytes of a)

Rows are born in order and nearly always die in order. So the rows of one buffer that are alive together with a row
of another follow each other, and two binary searches find them: work grows with the rows, not with their pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.liveness import LiveRanges

Interval = tuple[int, int]
Lookup = tuple["RowIntervals", "RowIntervals", int]
"""The rows of the first are looked up in the second, whose rows are ordered; and the number of the pair."""


@dataclass(frozen=True)
class RowIntervals:
    """Rows of `pitch` bytes: number i lives in slot (begin + i) mod slots from time first[i] to last[i].

    Rows with last < first are never there.
    """

    first: Array
    last: Array
    begin: int
    slots: int
    pitch: int

    @cached_property
    def alive(self) -> Array:
        """Whether each row is ever there."""
        return self.last >= self.first

    def alive_at(self, time: int) -> int:
        """Bytes of the rows that are alive at a time."""
        return self.pitch * int(np.sum((self.first <= time) & (self.last >= time)))

    @property
    def byte_steps(self) -> int:
        """The sum over all rows of their bytes times the time for which they live."""
        return self.pitch * int(np.sum((self.last - self.first + 1)[self.alive]))

    @cached_property
    def rows(self) -> tuple[Array, Array, Array]:
        """First times, last times and byte offsets of the rows that are ever there."""
        rows = np.flatnonzero(self.alive)
        return self.first[rows], self.last[rows], (self.begin + rows) % self.slots * self.pitch

    @cached_property
    def born(self) -> Array:
        """The time at which each row, or any row after it, is born."""
        return np.minimum.accumulate(self.first[::-1])[::-1]

    @cached_property
    def gone(self) -> Array:
        """The time at which each row, and every row before it, has died."""
        return np.maximum.accumulate(self.last)

    @cached_property
    def ordered(self) -> bool:
        """Whether the rows are born in order and die in order."""
        return np.array_equal(self.born, self.first) and np.array_equal(self.gone, self.last)

    @property
    def span(self) -> tuple[int, int]:
        """The first and last time of any row."""
        return int(self.born[0]), int(self.gone[-1])


def intervals_of(ranges: LiveRanges, slots: int, pitch: int, slot_offset: int = 0) -> RowIntervals:
    """The rows of a tensor in a buffer of some slots, from the first row that is ever there to the last."""
    rows = np.flatnonzero(ranges.alive)
    if not len(rows):
        return RowIntervals(np.array([0]), np.array([-1]), 0, slots, pitch)
    there = slice(rows[0], rows[-1] + 1)
    return RowIntervals(ranges.first[there], ranges.last[there], (int(rows[0]) + slot_offset) % slots, slots, pitch)


def meetings(a: RowIntervals, b: RowIntervals) -> tuple[Array, Array]:
    """For each row of a, the rows [start, stop) of b that are alive with it; stop <= start if none is.

    If rows of b do not die in order, some of these may be dead already.
    """
    start = b.gone.searchsorted(a.first)
    stop = np.where(a.alive, b.born.searchsorted(a.last, side="right"), 0)
    return start, stop


def forbidden_distances(
    pairs: Sequence[tuple[Sequence[RowIntervals], Sequence[RowIntervals]]],
) -> list[list[Interval]]:
    """For each pair (a, b) the open intervals in which base of b - base of a must not lie, merged.

    The rows of all pairs are looked up at once: those of a in b, or those of b in a if b's do not die in order.
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
    """Both ends of the forbidden intervals of base of b - base of a, and the number of the lookup of each.

    Each row of a that meets rows of b gives one interval, or two if these rows wrap around the ring.
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
    over = end > slots  # rows that wrap around: they continue at the first slot
    if over.any():
        low = np.append(low, (at - (end - slots) * pitch)[over])
        high, which = np.append(high, top[over]), np.append(which, which[over])
    return low, high, np.array([number for _, _, number in lookups])[which]


def _looked_up(ordered: Sequence[Array], times: Array, which: Array, side: Literal["left", "right"]) -> Array:
    """The position of each time in the array number `which` of `ordered`, counted from the first array's begin."""
    apart = 2 + max(int(times.max(initial=0)), *(int(part[-1]) for part in ordered))  # keeps arrays apart
    shift = np.repeat(np.arange(len(ordered)) * apart, [len(part) for part in ordered])
    return np.searchsorted(np.concatenate(ordered) + shift, times + which * apart, side)


def _merged(low: Array, high: Array, number: Array, count: int) -> list[list[Interval]]:
    """The intervals of each number below `count`, with those that overlap merged into one."""
    merged: list[list[Interval]] = [[] for _ in range(count)]
    if len(low):
        apart = number * (int(high.max()) - int(low.min()) + 1)  # keeps numbers apart
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


def differences(a: RowIntervals, b: RowIntervals) -> Array:
    """All differences i - j of rows i of a and j of b that are alive at the same time, in ascending order."""
    start, stop = meetings(a, b)
    rows = np.flatnonzero(stop > start)
    low, high = rows - stop[rows] + 1, rows - start[rows] + 1
    origin = -len(b.first)
    change = np.zeros(len(a.first) + len(b.first) + 2, np.int64)
    np.add.at(change, low - origin, 1)
    np.subtract.at(change, high - origin, 1)
    return np.flatnonzero(np.cumsum(change)) + origin
