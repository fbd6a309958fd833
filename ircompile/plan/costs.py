"""What a segment costs: the most bytes alive while it streams, found by firing it and without placing anything."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.allocations import ring_groups, root_live_ranges, temporary_blocks
from ircompile.plan.liveness import LiveBlocks, LiveRanges, live_bytes_over_time, live_ranges
from ircompile.plan.schedule import Segment
from ircompile.plan.scheduled_graph import ScheduledGraph


class PeakBytes(NamedTuple):
    """The most bytes of rows alive at one time, and an estimate of the most bytes of ring buffers in use at one."""

    live: int
    rings: int


class SegmentCosts:
    """The peaks of segments of one graph. Each segment is fired once, when its peak is asked for.

    A segment's own peak is that of the tensors that its stages read or write. To it are added the carried bytes:
    tensors that are there before the segment and are needed after it, while no stage of it touches them. Tensors
    with a state do not count: they are there in any case. Without `with_rings`, which is quicker, the bytes of ring
    buffers are not estimated, and stand as those of live rows.
    """

    def __init__(self, scheduled: ScheduledGraph, rows_input: bool, with_rings: bool = True) -> None:
        self.scheduled, self.rows_input, self.with_rings = scheduled, rows_input, with_rings
        self.found: dict[Segment, PeakBytes] = {}

    def peaks(self, segment: Segment) -> PeakBytes:
        """The peaks of a segment, carried bytes included."""
        if segment not in self.found:
            entering = self._entering(segment)
            carried = self._carried_bytes(segment, entering)
            self.found[segment] = PeakBytes(*(peak + carried for peak in self._own(segment, entering)))
        return self.found[segment]

    def live(self, segment: Segment) -> int:
        """The most bytes of rows alive at one time."""
        return self.peaks(segment).live

    def rings(self, segment: Segment) -> int:
        """An estimate of the most bytes of ring buffers in use at one time."""
        return self.peaks(segment).rings

    def _own(self, segment: Segment, entering: Sequence[str]) -> PeakBytes:
        """The peaks without carried bytes: the segment is fired and its live ranges are added up."""
        scheduled, (first, stop) = self.scheduled, segment
        kept = {name for name in self.touched(segment, entering) if scheduled.last_reader[name] >= stop}
        times, end = scheduled.segment_times(first, stop, self.rows_input)
        live, roots = root_live_ranges(scheduled, live_ranges(scheduled, times, end, set(entering), kept))
        temporary = [block.live for block in temporary_blocks(scheduled, times)]
        rows = [LiveBlocks(ranges.first, ranges.last, scheduled.rows[name].bytes) for name, ranges in live.items()]
        if not self.with_rings:
            alive = int(live_bytes_over_time(temporary + rows).max())
            return PeakBytes(alive, alive)
        rings = []
        for names in ring_groups(scheduled, live, roots, True):
            rings += estimated_rings([live[name] for name in names], scheduled.rows[names[0]].bytes)
        peaks = (int(live_bytes_over_time(temporary + blocks).max()) for blocks in (rows, rings))
        return PeakBytes(*peaks)

    def touched(self, segment: Segment, entering: Sequence[str]) -> list[str]:
        """What enters the segment, what its stages read, and what they write."""
        stages, history = self.scheduled.stages[slice(*segment)], self.scheduled.history
        names = (name for stage in stages for name in (*stage.inputs, stage.node.output))
        return [*entering, *(name for name in names if name not in history)]

    def _entering(self, segment: Segment) -> list[str]:
        """The tensors that exist before the segment and that it reads; and slices, which share rows with others."""
        scheduled, (first, stop) = self.scheduled, segment
        pushed = scheduled.graph.input_names[0] if self.rows_input and first == 0 else None
        inputs = (name for stage in scheduled.stages[first:stop] for name in stage.inputs)
        read = dict.fromkeys(name for name in inputs if name not in scheduled.history)
        slices = (name for name in scheduled.slices if scheduled.last_reader[name] >= first)
        return [n for n in dict.fromkeys([*read, *slices]) if self._made[n] <= first and n != pushed]

    def _carried_bytes(self, segment: Segment, entering: Sequence[str]) -> int:
        """Bytes of all other tensors that are there from the segment's begin to its end."""
        scheduled, (first, stop) = self.scheduled, segment
        names = [name for name in entering if scheduled.last_reader[name] >= stop]
        pushed = scheduled.graph.input_names[0]
        if (
            self.rows_input
            and first == 0
            and scheduled.last_reader[pushed] >= stop
            and pushed not in scheduled.history
        ):
            names.append(pushed)
        return int(self._spanning[segment]) - sum(scheduled.graph.tensors[name].bytes for name in names)

    @cached_property
    def _made(self) -> dict[str, int]:
        """The first stage at whose begin each tensor exists."""
        made = dict.fromkeys(self.scheduled.graph.input_names, 0)
        return made | {stage.node.output: i + 1 for i, stage in enumerate(self.scheduled.stages)}

    @cached_property
    def _spanning(self) -> Array:
        """Bytes [first, stop] of the tensors that exist before stage `first` and are needed from `stop` on."""
        scheduled, count = self.scheduled, len(self.scheduled.stages)
        sizes = np.zeros((count + 1, count + 1), np.int64)
        for name, first in self._made.items():
            if scheduled.last_reader[name] >= 0 and name not in scheduled.history:
                sizes[first, scheduled.last_reader[name]] += scheduled.graph.tensors[name].bytes
        return np.cumsum(np.cumsum(sizes, axis=0)[:, ::-1], axis=1)[:, ::-1]

    @cached_property
    def lower_bounds(self) -> Array:
        """Bytes [first, stop] that segment [first, stop) needs at least, found without firing it.

        That is what exists at its begin, or at its end, or beside the row that a stage writes with its scratch and
        sums, whichever is most.
        """
        scheduled, count, spanning = self.scheduled, len(self.scheduled.stages), self._spanning.copy()
        name = scheduled.graph.input_names[0]
        if self.rows_input and name not in scheduled.history:  # pushed rows come one by one
            spanning[:, : scheduled.last_reader[name] + 1] -= scheduled.graph.tensors[name].bytes
        outputs = [stage.node.output for stage in scheduled.stages]
        own = np.array(scheduled.sums) + [scheduled.rows[n].bytes * (n not in scheduled.history) for n in outputs]
        own += [scheduled.demands[stage.node.name].scratch for stage in scheduled.stages]
        at_cut, bounds = np.diagonal(spanning), np.zeros((count, count + 1), np.int64)
        for first in range(count):
            beside = spanning[first, first + 1 :] + np.maximum.accumulate(own[first:])
            bounds[first, first + 1 :] = np.maximum(np.maximum(beside, at_cut[first + 1 :]), at_cut[first])
        return bounds


def estimated_rings(live: Sequence[LiveRanges], pitch: int) -> list[LiveBlocks]:
    """Separate ring buffers, or one for as many rows as are alive together in all, whichever takes fewer bytes."""
    apart = [_block(ranges.begin, ranges.end, ranges.slots * pitch) for ranges in live]
    if len(live) == 1:
        return apart
    size = int(live_bytes_over_time([LiveBlocks(r.first, r.last, pitch) for r in live]).max())
    if size >= live_bytes_over_time(apart).max():
        return apart
    return [_block(min(ranges.begin for ranges in live), max(ranges.end for ranges in live), size)]


def _block(begin: int, end: int, size: int) -> LiveBlocks:
    return LiveBlocks(np.array([begin]), np.array([end]), size)
