"""A plan found in a moment: cuts from a formula, then live bytes counted on the schedule that they give.

One firing of the whole network as a single stream says how many rows of every tensor are alive at once. From these,
the bytes that a run of stages needs follow without firing it:

    stored whole and passing by + rings within + the greater of what it reads and what it writes + scratch and sums

Dynamic programming over that formula gives cuts. The segments that it chooses are fired for true, which corrects
the formula there, and it chooses anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.tensor import Array
from ircompile.plan.draft import Draft
from ircompile.plan.firing import Fired
from ircompile.plan.items import Item, live_bytes, shared_lives
from ircompile.plan.lifetimes import Problem, row_lives
from ircompile.plan.segments import Segment, SegmentCosts

HOPE = 0.6  # of the formula: it must not be above what firing a segment gives, or that is never found out
EFFORT = 40_000  # events fired to find cuts
EACH = 100  # events that firing one segment counts for besides


@dataclass(frozen=True)
class Coarse:
    """A schedule and the bytes alive in it; placing them may take a few percent more."""

    problem: Problem
    segments: tuple[Segment, ...]
    rows: bool

    @cached_property
    def fired(self) -> Fired:
        """The run."""
        return self.draft.fired

    @cached_property
    def items(self) -> list[Item]:
        """All that must be placed."""
        return self.draft.items

    @cached_property
    def live(self) -> Array:
        """Bytes alive at each step, counters not counted."""
        return live_bytes(self.items)

    @property
    def bytes(self) -> int:
        """Arena bytes, if nothing is lost in placing."""
        draft = self.draft
        return draft.arena(int(self.live.max()))

    @cached_property
    def draft(self) -> Draft:
        """The same schedule, to be placed for true."""
        return Draft(self.problem, self.segments, self.rows, False)

    @property
    def peak_node(self) -> Node:
        """The node that fires when most bytes are alive."""
        return self.problem.stages[self.fired.stage_at(int(self.live.argmax()))].node


def find_coarse(problem: Problem, rows: bool) -> Coarse:
    """A schedule of few live bytes: dynamic programming again and again, until its segments are all fired ones."""
    fired = SegmentCosts(problem, rows)
    cost = HOPE * segment_bytes(problem, rows)
    steps = np.cumsum([0, *(stage.steps for stage in problem.stages)])
    best: tuple[int, list[Segment]] | None = None
    effort = EFFORT
    while effort > 0:
        segments = best_cuts(cost)
        new = [segment for segment in segments if segment not in fired.known]
        for first, stop in new:
            cost[first, stop] = fired.live((first, stop))
            effort -= EACH + int(steps[stop] - steps[first])
        worst = max(map(fired.live, segments))
        if best is None or worst < best[0]:
            best = worst, segments
        if not new:
            break
    assert best
    return Coarse(problem, tuple(best[1]), rows)


def segment_bytes(problem: Problem, rows: bool) -> Array:
    """Bytes [first, stop] that the formula gives every segment [first, stop)."""
    graph, count = problem.graph, len(problem.stages)
    passing, inside = np.zeros((count, count + 1)), np.zeros((count, count + 1))
    read, written = np.zeros((count, count + 1)), np.zeros((count, count + 1))
    for name, (made, used, ring) in _spans(problem).items():
        pitch, height = problem.rows[name]
        whole, begin, end = pitch * height, max(made + 1, 0), min(used, count - 1)
        passing[begin:, : used + 1] += whole
        written[: made + 1, made + 1 : used + 1] += whole
        if name in graph.input_names and rows and name == graph.input_names[0]:
            begin, made = 1, 0  # pushed: only a ring of it, where the first segment is done with it
        inside[: made + 1, used + 1 :] += ring
        read[begin : end + 1, used + 1 :] += whole
    return passing + inside + np.maximum(read, written) + _own(problem)


def _own(problem: Problem) -> Array:
    """The most scratch, and all sums, of every segment."""
    count = len(problem.stages)
    scratch = np.array([problem.demands[stage.node.name].scratch for stage in problem.stages])
    sums = np.array(problem.sums)
    own = np.zeros((count, count + 1))
    for first in range(count):
        own[first, first + 1 :] = np.maximum.accumulate(scratch[first:]) + np.cumsum(sums[first:])
    return own


def _spans(problem: Problem) -> dict[str, tuple[int, int, int]]:
    """For every tensor with rows of its own: the stage that writes it, the last that reads it, its ring's bytes."""
    graph, count = problem.graph, len(problem.stages)
    times, steps = problem.fired(0, count, True)
    lives = row_lives(problem, times, steps, set(graph.input_names[1:]), set())
    shared, homes = shared_lives(problem, lives)
    made = {stage.node.output: i for i, stage in enumerate(problem.stages)}
    made |= dict.fromkeys(graph.input_names, -1)
    spans = {
        name: [made.get(name, count), -1, life.slots * problem.rows[name][0]]
        for name, life in shared.items()
        if name in made
    }
    for name, home in homes.items():
        if home in spans and name in made:
            spans[home][0] = min(spans[home][0], made[name])
            spans[home][1] = max(spans[home][1], problem.last_reader[name])
    return {name: (first, last, ring) for name, (first, last, ring) in spans.items()}


def best_cuts(cost: Array) -> list[Segment]:
    """The segments whose greatest cost is least; among those rather several low ones than one high one."""
    count = len(cost)
    best: list[tuple[float, float, int]] = [(0.0, 0.0, 0)]
    for stop in range(1, count + 1):
        costs = cost[:stop, stop]
        worst = np.maximum(costs, [entry[0] for entry in best])
        total = [entry[1] for entry in best] + costs**4
        first = int(np.lexsort((total, worst))[0])
        best.append((float(worst[first]), float(total[first]), first))
    segments, stop = [], count
    while stop:
        segments.append((best[stop][2], stop))
        stop = best[stop][2]
    return segments[::-1]
