"""The search for a plan: cuts by dynamic programming over live bytes, then by what they need once packed.

Lines cost a copy of every row: the default plan has them only in segments where they save more than NEAR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np

from ircompile.graph import Graph, Node
from ircompile.plan.bound import lower_bound
from ircompile.plan.firing import Fired, one_after_other
from ircompile.plan.items import Item, Placing, items_of, live_bytes
from ircompile.plan.known import Known
from ircompile.plan.lifetimes import Problem
from ircompile.plan.model import ARENA_ALIGN, COUNTER_BYTES, Demand, InputMode
from ircompile.plan.packing import Placement, pack
from ircompile.plan.segments import Segment, SegmentCosts, least_peak, neighbours
from ircompile.plan.stages import can_have_lines

QUICK, THOROUGH = 50, 1500  # tries of the packer: to compare drafts, and for the one that is kept
HOPE = 1.08  # how much more the first places may need than the last
MANY = 100  # stages from which on fewer are tried
EFFORT = 2400  # nodes laid out in the search, all drafts together
NEAR = 1.05  # the default plan needs at most this much more than the least found


@dataclass(frozen=True)
class Draft:
    """Cuts, and what must be placed; `pooled` where blocks share rings."""

    problem: Problem
    segments: tuple[Segment, ...]
    rows: bool
    pooled: bool

    @cached_property
    def fired(self) -> Fired:
        """The run."""
        return one_after_other([self.problem.fired(*segment, self.rows) for segment in self.segments])

    @property
    def items(self) -> list[Item]:
        """All that must be placed."""
        return self.placing.items

    @cached_property
    def placing(self) -> Placing:
        """All that must be placed, and who lives in whose rows."""
        graph = self.problem.graph
        whole, kept = set(graph.input_names[self.rows :]), set(graph.output_names)
        return items_of(self.problem, *self.fired, whole, kept, self.pooled)

    @property
    def counters(self) -> int:
        """Bytes of the schedule's counters."""
        return COUNTER_BYTES * (max(stop - first for first, stop in self.segments) + self.rows * 2)

    @cached_property
    def peak(self) -> int:
        """The most bytes alive at one step, counters not counted."""
        return int(live_bytes(self.items).max())

    @cached_property
    def peaks(self) -> list[int]:
        """The most bytes alive in each segment, greatest first."""
        live = live_bytes(self.items)
        lengths = [self.problem.fired(*segment, self.rows).steps for segment in self.segments]
        starts = np.minimum(np.cumsum([0, *lengths[:-1]]), len(live) - 1)
        return sorted(np.maximum.reduceat(live, starts).tolist(), reverse=True)

    @property
    def peak_step(self) -> int:
        """The first step at which so many are alive."""
        return int(live_bytes(self.items).argmax())

    @property
    def peak_node(self) -> Node:
        """The node that fires at that step."""
        return self.problem.stages[self.fired.stage_at(self.peak_step)].node

    def held(self, step: int) -> dict[str, int]:
        """Bytes alive at a step: tensors, lines, scratch and sums."""
        held: dict[str, int] = {}
        for item in self.items:
            names = [ring.name for ring in item.rings] or [item.name]
            for name, track in zip(names, item.tracks, strict=True):
                if track.alive_at(step):
                    held[name] = track.alive_at(step)
        return held

    @cached_property
    def quick(self) -> int:
        """Arena bytes after a short search for places."""
        return self.quickly()

    def quickly(self, limit: float = inf) -> int:
        """Arena bytes after a short search for places, a shorter one where `limit` is out of reach."""
        return self.arena(
            pack(self.items, self._tries(QUICK), self.peak, HOPE * limit, known=self.problem.known)[1]
        )

    @cached_property
    def placement(self) -> Placement:
        """Places after a long search."""
        return pack(self.items, self._tries(THOROUGH), self.peak, known=self.problem.known)

    @property
    def size(self) -> int:
        """Arena bytes after a long search for places."""
        return self.arena(self.placement[1])

    def _tries(self, tries: int) -> int:
        return min(tries, tries * MANY**2 // len(self.problem.stages) ** 2)

    def arena(self, top: int) -> int:
        """Arena bytes where buffers need `top`."""
        return aligned(aligned(top) + self.counters)


def aligned(size: int) -> int:
    """Rounded up to the arena's alignment."""
    return -(-size // ARENA_ALIGN) * ARENA_ALIGN


def find_default(
    graph: Graph, demands: Mapping[str, Demand], input_mode: InputMode, known: Known | None = None
) -> Draft:
    """The draft with the fewest lines among those within NEAR of the least."""
    known = known or Known()
    plain = find(Problem(graph, demands, known=known), input_mode)
    if plain.size <= NEAR * lower_bound(plain.problem, plain.rows):
        return plain
    least = find_least(graph, demands, input_mode, known)
    if plain.size <= NEAR * least.size:
        return plain
    draft = least
    for first, stop in least.segments:
        lines = draft.problem.lines - {stage.node.name for stage in draft.problem.stages[first:stop]}
        if lines < draft.problem.lines:
            fewer = replace(draft, problem=Problem(graph, demands, lines, known=known))
            if fewer.quick <= NEAR * least.size:
                draft = fewer
    return draft


def find_least(
    graph: Graph, demands: Mapping[str, Demand], input_mode: InputMode, known: Known | None = None
) -> Draft:
    """The draft that needs the fewest bytes at row grain: lines wherever they can be."""
    return find(Problem(graph, demands, lines_everywhere(graph), known=known), input_mode)


def lines_everywhere(graph: Graph) -> frozenset[str]:
    """All nodes that can have lines, but those that read what others keep lines of, too: a ring serves them all."""
    consumers = graph.consumers()

    def alone(node: Node) -> bool:
        return sum(can_have_lines(other) for other in consumers[node.inputs[0]]) == 1

    return frozenset(node.name for node in graph.nodes if can_have_lines(node) and alone(node))


def find(problem: Problem, input_mode: InputMode) -> Draft:
    """The draft that needs the fewest bytes."""
    rows, count = input_mode == "rows", len(problem.stages)
    costs = SegmentCosts(problem, rows)
    effort = EFFORT

    starts = dict.fromkeys(tuple(least_peak(costs, peak)) for peak in (costs.live, costs.slots))
    drafts = [Draft(problem, cuts, rows, pooled) for cuts in starts for pooled in (True, False)]
    best = min(drafts, key=lambda d: d.quick)
    least, seen, improved = best.quick, {best.segments}, True
    while improved and effort > 0:
        improved = False
        ranked = sorted(
            (max(map(costs.live, cuts)), cuts)
            for cuts in neighbours(best.segments)
            if tuple(cuts) not in seen and max(costs.floor[segment] for segment in cuts) < least
        )
        for peak, cuts in ranked:
            if peak >= least or effort <= 0:
                break
            seen.add(tuple(cuts))
            effort -= count
            other = Draft(problem, tuple(cuts), rows, best.pooled)
            size = other.quickly(least)
            if size < least:
                best, least, improved = other, size, True
                break
    other = replace(best, pooled=not best.pooled)
    return min(best, other, key=lambda d: (least if d is best else other.quickly(least), not d.pooled))
