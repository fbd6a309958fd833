"""From a schedule to live ranges: from which time to which every row must be kept."""

from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.scheduled_graph import ScheduledGraph, line_buffer_name

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class LiveRanges:
    """The first and last time at which each row of a tensor is needed; last < first if no step touches the row."""

    first: Array
    last: Array

    @cached_property
    def alive(self) -> Array:
        """Whether any step touches each row."""
        return self.last >= self.first

    @cached_property
    def begin(self) -> int:
        """The first time at which any row is there."""
        return int(self.first.min())

    @cached_property
    def end(self) -> int:
        """The last time at which any row is there."""
        return int(self.last.max())

    @cached_property
    def pattern(self) -> Hashable:
        """When every row lives, counted from `begin` on: the same for all rows that live alike."""
        first, last = self.first[self.alive] - self.begin, self.last[self.alive] - self.begin
        times = (self.alive.tobytes(), first.tobytes(), last.tobytes())
        return len(self.alive), blake2b(b"".join(times), digest_size=16).digest()

    @cached_property
    def slots(self) -> int:
        """The least number of slots with which row r may live in slot r mod slots.

        When row r is written, some rows before it are still alive; the oldest of them is row q. With r - q + 1
        slots, the slot of r is not that of q or of any row between them. The greatest such number suffices for all.
        """
        if len(self.first) == 1:
            return 1
        last = np.maximum.accumulate(self.last)
        oldest = last.searchsorted(self.first)
        rows = np.arange(len(self.first))
        return max(1, int(((rows - np.minimum(oldest, rows) + 1) * self.alive).max()))


class LiveBlocks(NamedTuple):
    """Blocks of `bytes` each: number i is alive from time first[i] to last[i], and never if last < first."""

    first: Array
    last: Array
    bytes: int


def live_bytes_over_time(blocks: Sequence[LiveBlocks]) -> Array:
    """The bytes that are alive at each time, up to the last one."""
    if not blocks:
        return np.zeros(1, np.int64)
    first, gone = np.concatenate([b.first for b in blocks]), np.concatenate([b.last for b in blocks]) + 1
    sizes = np.repeat([b.bytes for b in blocks], [len(b.first) for b in blocks])
    alive = gone > first
    if not alive.all():
        first, gone, sizes = first[alive], gone[alive], sizes[alive]
    end = int(gone.max(initial=0)) + 1
    return np.cumsum(np.bincount(first, sizes, end) - np.bincount(gone, sizes, end)).astype(np.int64)


def live_ranges(
    scheduled: ScheduledGraph, times: Mapping[int, Array], end: int, whole: Set[str], kept: Set[str]
) -> dict[str, LiveRanges]:
    """The live ranges of every tensor and line buffer that the schedule touches, by name.

    `times` and `end` are those of `StepTimes`. Tensors in `whole` are there from the start; those in `kept` live on
    after the last step. A row that is written lives at least at the time of its step, so that it never stands where
    another row is read or written in this step.

    Of a tensor with a state, the first rows are there from the start, and the last ones live on: the live range of
    a row runs around the end of a call into the next one.
    """
    found: dict[str, LiveRanges] = {}

    def extend(name: str, first: Array | int | None, last: Array | int) -> None:
        if name not in found:
            height = scheduled.rows[name].height
            found[name] = LiveRanges(np.full(height, NEVER), np.full(height, -1, np.int64))
        ranges = found[name]
        if first is not None:
            np.minimum(ranges.first, first, out=ranges.first)
        np.maximum(ranges.last, last, out=ranges.last)

    for name, earlier in scheduled.history.items():
        height = scheduled.rows[name].height
        first, last = np.full(height, NEVER), np.full(height, -1, np.int64)
        first[:earlier], last[:earlier], last[height - earlier :] = 0, 0, end
        found[name] = LiveRanges(first, last)
    for name in whole:
        extend(name, 0, 0)
    for index, at in times.items():
        if index < 0:
            name = scheduled.graph.input_names[-1 - index]
            earlier = scheduled.history.get(name, 0)
            unread = scheduled.rows[name].height - earlier - len(at)  # rows that no step reads are never stored
            arrival = np.concatenate([np.full(earlier, NEVER), at, np.full(unread, NEVER)])
            extend(name, arrival, np.where(arrival == NEVER, -1, arrival))
            continue
        stage, rows = scheduled.stages[index], scheduled.step_rows[index]
        written, output = at[rows.writer], stage.node.output
        if output in scheduled.history:
            before = np.full(scheduled.history[output], NEVER)
            extend(output, np.append(before, written), np.append(np.full(len(before), -1), written))
        else:
            found[output] = LiveRanges(written, written.copy())
        for name, readers in zip(stage.inputs, rows.readers, strict=True):
            extend(name, None, np.where(readers >= 0, at[readers], -1))
        if stage.line_buffer:
            found[line_buffer_name(stage.node.name)] = _in_line_buffer(rows.buffered, at)
    for name in kept & found.keys():
        extend(name, None, end)
    return found


def _in_line_buffer(buffered: Array, at: Array) -> LiveRanges:
    """A row enters the line buffer at the end of its step, so it may stand where this step has read a row."""
    alive = buffered >= 0
    begin = np.full(len(buffered), NEVER)
    begin[alive] = at[np.flatnonzero(alive)] + 1
    return LiveRanges(begin, np.where(alive, at[buffered], -1))


def union(a: LiveRanges, b: LiveRanges) -> LiveRanges:
    """The live ranges of rows that hold two tensors, of which one may have fewer rows."""
    height = max(len(a.first), len(b.first))
    first, last = np.full(height, NEVER), np.full(height, -1, np.int64)
    for ranges in (a, b):
        rows = slice(len(ranges.first))
        np.minimum(first[rows], ranges.first, out=first[rows])
        np.maximum(last[rows], ranges.last, out=last[rows])
    return LiveRanges(first, last)
