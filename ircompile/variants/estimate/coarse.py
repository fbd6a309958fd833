"""A plan found in a moment: cuts from a formula, then live bytes counted on the schedule that they give.

The whole network is fired once as a single segment. That says how many rows of every tensor are alive at once, and
so the size of every ring buffer. From these follow the bytes of any segment, without firing it:

    carried bytes + rings within + the greater of what it reads and what it writes + scratch and sums

A dynamic program over this formula gives cuts. The segments that it chooses are fired, which corrects the formula
for them, and it chooses again, until all segments that it chooses have been fired.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.tensor import Array
from ircompile.plan.allocations import Allocation, root_live_ranges
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.liveness import live_ranges
from ircompile.plan.schedule import Segment, StepTimes
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import FIRING_EFFORT, FIRING_OVERHEAD, FORMULA_SHARE, PEAK_EXPONENT


@dataclass(frozen=True)
class CoarsePlan:
    """A schedule, and the bytes alive in it; placing them may take a few percent more."""

    scheduled: ScheduledGraph
    segments: tuple[Segment, ...]
    rows_input: bool

    @cached_property
    def candidate(self) -> CandidatePlan:
        """The same schedule as a candidate that can be placed, without shared rings."""
        return CandidatePlan(self.scheduled, self.segments, self.rows_input, False)

    @property
    def times(self) -> StepTimes:
        """The times of all steps."""
        return self.candidate.times

    @property
    def allocations(self) -> list[Allocation]:
        """All that must be placed."""
        return self.candidate.allocations

    @property
    def peak_time(self) -> int:
        """The first time at which most bytes are alive."""
        return self.candidate.peak_time

    @property
    def bytes(self) -> int:
        """Arena bytes, if nothing is lost in placing."""
        return self.candidate.least_arena

    @property
    def peak_node(self) -> Node:
        """The node that takes its step when most bytes are alive."""
        return self.candidate.peak_node


def find_coarse(scheduled: ScheduledGraph, rows_input: bool) -> CoarsePlan:
    """A schedule of few live bytes."""
    costs = SegmentCosts(scheduled, rows_input, with_rings=False)
    formula = FORMULA_SHARE * segment_bytes(scheduled, rows_input)
    steps = np.cumsum([0, *(stage.steps for stage in scheduled.stages)])
    best: tuple[int, list[Segment]] | None = None
    effort = FIRING_EFFORT
    while effort > 0:
        segments = _cheapest(formula)
        new = [segment for segment in segments if segment not in costs.found]
        for first, stop in new:
            formula[first, stop] = costs.live((first, stop))
            effort -= FIRING_OVERHEAD + int(steps[stop] - steps[first])
        worst = max(map(costs.live, segments))
        if best is None or worst < best[0]:
            best = worst, segments
        if not new:
            break
    assert best
    return CoarsePlan(scheduled, tuple(best[1]), rows_input)


def _cheapest(costs: Array) -> list[Segment]:
    """The segments whose greatest cost is least; of those, the ones whose sum of powers of costs is least.

    `costs` are those of every segment, [first, stop]. `partition.best_partition` finds the same while it asks for
    as few as it can; where all are known, it is quicker to look at all that end at a place at once.
    """
    count = len(costs)
    powers = costs**PEAK_EXPONENT
    worst, total = np.zeros(count + 1), np.zeros(count + 1)
    begins = np.zeros(count + 1, int)
    for stop in range(1, count + 1):
        greatest = np.maximum(worst[:stop], costs[:stop, stop])
        sums = np.where(greatest == greatest.min(), total[:stop] + powers[:stop, stop], np.inf)
        first = int(sums.argmin())
        begins[stop], worst[stop], total[stop] = first, greatest[first], sums[first]
    segments: list[Segment] = []
    stop = count
    while stop:
        segments.append((int(begins[stop]), stop))
        stop = int(begins[stop])
    return segments[::-1]


def segment_bytes(scheduled: ScheduledGraph, rows_input: bool) -> Array:
    """Bytes [first, stop] that the formula gives for segment [first, stop)."""
    graph, count = scheduled.graph, len(scheduled.stages)
    carried, inside = np.zeros((count, count + 1)), np.zeros((count, count + 1))
    read, written = np.zeros((count, count + 1)), np.zeros((count, count + 1))
    for name, (made, used, ring) in _spans(scheduled).items():
        pitch, height = scheduled.rows[name]
        whole, begin, end = pitch * height, max(made + 1, 0), min(used, count - 1)
        carried[begin:, : used + 1] += whole
        written[: made + 1, made + 1 : used + 1] += whole
        if name in graph.input_names and rows_input and name == graph.input_names[0]:
            begin, made = 1, 0  # pushed: only a ring of it, where the first segment is done with it
        inside[: made + 1, used + 1 :] += ring
        read[begin : end + 1, used + 1 :] += whole
    return carried + inside + np.maximum(read, written) + _own(scheduled)


def _own(scheduled: ScheduledGraph) -> Array:
    """The greatest scratch and all sums of every segment."""
    count = len(scheduled.stages)
    scratch = np.array([scheduled.demands[stage.node.name].scratch for stage in scheduled.stages])
    sums = np.array(scheduled.sums)
    own = np.zeros((count, count + 1))
    for first in range(count):
        own[first, first + 1 :] = np.maximum.accumulate(scratch[first:]) + np.cumsum(sums[first:])
    return own


def _spans(scheduled: ScheduledGraph) -> dict[str, tuple[int, int, int]]:
    """For every tensor with rows of its own: the stage that writes it, the last that reads it, its ring's bytes."""
    graph, count = scheduled.graph, len(scheduled.stages)
    times, end = scheduled.segment_times(0, count, True)
    live = live_ranges(scheduled, times, end, set(graph.input_names[1:]), set())
    own, roots = root_live_ranges(scheduled, live)
    made = {stage.node.output: i for i, stage in enumerate(scheduled.stages)}
    made |= dict.fromkeys(graph.input_names, -1)
    spans = {
        name: [made.get(name, count), -1, ranges.slots * scheduled.rows[name][0]]
        for name, ranges in own.items()
        if name in made
    }
    for name, root in roots.items():
        if root in spans and name in made:
            spans[root][0] = min(spans[root][0], made[name])
            spans[root][1] = max(spans[root][1], scheduled.last_reader[name])
    return {name: (first, last, ring) for name, (first, last, ring) in spans.items()}
