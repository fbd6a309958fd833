"""The search for a plan: cuts by dynamic programming over live bytes, then by what they need once packed.

Lines cost a copy of every row: the default plan has them only in segments where they save more than NEAR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ircompile.ir.graph import Graph, Node
from ircompile.plan.bound import lower_bound
from ircompile.plan.draft import Draft
from ircompile.plan.known import Known
from ircompile.plan.lifetimes import Problem
from ircompile.plan.model import Demand, InputMode
from ircompile.plan.segments import Segment, SegmentCosts, least_peak, neighbours
from ircompile.plan.stages import can_have_lines

EFFORT = 2400  # nodes laid out in the search for cuts, all drafts together
EFFORT_ON_LINES = 10 * EFFORT  # the same where lines are taken away
NEAR = 1.05  # the default plan needs at most this much more than the least found


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
    most, bare = NEAR * least.size, SegmentCosts(plain.problem, plain.rows)
    return fewer_lines(least, [s for s in least.segments if least.arena(bare.live(s)) <= most], most)


def fewer_lines(draft: Draft, segments: Sequence[Segment], most: float) -> Draft:
    """Without the lines of these segments, or of as many of them as leave it within `most` bytes.

    All at once; where that is too much, first those of one half, then those of the other.
    """
    groups, effort = [segments], EFFORT_ON_LINES
    while groups and effort > 0:
        group, problem = groups.pop(), draft.problem
        nodes = {stage.node.name for first, stop in group for stage in problem.stages[first:stop]}
        if not nodes & problem.lines:
            continue
        fewer = Problem(problem.graph, problem.demands, problem.lines - nodes, known=problem.known)
        effort -= len(problem.stages)
        if (other := replace(draft, problem=fewer)).quick <= most:
            draft = other
        elif len(group) > 1:
            groups += [group[len(group) // 2 :], group[: len(group) // 2]]
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
            if tuple(cuts) not in seen and costs.floor[tuple(np.transpose(cuts))].max() < least
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
