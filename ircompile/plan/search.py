"""The search for a plan: cuts by live bytes, then by the bytes of the arena once all is placed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.plan.bound import lower_bound
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.model import Demand
from ircompile.plan.partition import neighbours, partition
from ircompile.plan.peak_bound import bound_beside
from ircompile.plan.schedule import Segment
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import LINE_BUFFER_EFFORT, NEAR_LEAST, SEARCH_EFFORT
from ircompile.plan.stages import line_buffers_everywhere


def find_default(graph: Graph, demands: Mapping[str, Demand], input_mode: InputMode) -> CandidatePlan:
    """The candidate with the fewest line buffers among those within NEAR_LEAST of the least memory.

    A line buffer costs the copy of every row, so it stands only in segments that need it to be small.
    """
    plain = find_candidate(ScheduledGraph(graph, demands), input_mode)
    if _near_bound(plain):
        return plain
    least = find_least(graph, demands, input_mode)
    if plain.size <= NEAR_LEAST * least.size:
        return plain
    most, without = NEAR_LEAST * least.size, SegmentCosts(plain.scheduled, plain.rows_input)
    low = [segment for segment in least.segments if least.arena_bytes(without.live(segment)) <= most]
    return fewer_line_buffers(least, low, most)


def _near_bound(candidate: CandidatePlan) -> bool:
    """Whether a candidate without line buffers is within NEAR_LEAST of what every plan needs."""
    least = candidate.size / NEAR_LEAST
    if least <= lower_bound(candidate.scheduled, candidate.rows_input):
        return True
    return least <= candidate.least_arena and least <= bound_beside(candidate)


def fewer_line_buffers(candidate: CandidatePlan, segments: Sequence[Segment], most: float) -> CandidatePlan:
    """The candidate without line buffers in these segments, or in as many of them as `most` bytes allow.

    It tries all segments at once; if that is too much, the first half of them, then the second half, and so on.
    """
    groups, effort = [segments], LINE_BUFFER_EFFORT
    while groups and effort > 0:
        group, scheduled = groups.pop(), candidate.scheduled
        nodes = {stage.node.name for first, stop in group for stage in scheduled.stages[first:stop]}
        if not nodes & scheduled.line_buffers:
            continue
        remaining = scheduled.line_buffers - nodes
        fewer = ScheduledGraph(scheduled.graph, scheduled.demands, remaining)
        effort -= len(scheduled.stages)
        if (other := replace(candidate, scheduled=fewer)).quick_size <= most:
            candidate = other
        elif len(group) > 1:
            groups += [group[len(group) // 2 :], group[: len(group) // 2]]
    return candidate


def find_least(graph: Graph, demands: Mapping[str, Demand], input_mode: InputMode) -> CandidatePlan:
    """The candidate that needs the fewest bytes without recomputing: it has line buffers wherever they can be."""
    scheduled = ScheduledGraph(graph, demands, line_buffers_everywhere(graph, demands))
    return find_candidate(scheduled, input_mode)


def find_candidate(scheduled: ScheduledGraph, input_mode: InputMode) -> CandidatePlan:
    """The candidate that needs the fewest bytes of a graph whose line buffers are given.

    The partitions of least live bytes and of least ring bytes are placed, with separate and with shared rings. Then
    one cut of the best candidate is changed, as long as that helps.
    """
    rows_input, count = input_mode == "rows", len(scheduled.stages)
    costs = SegmentCosts(scheduled, rows_input)
    effort = SEARCH_EFFORT

    starts = dict.fromkeys(tuple(partition(costs, peak)) for peak in (costs.live, costs.rings))
    candidates = [CandidatePlan(scheduled, cuts, rows_input, share) for cuts in starts for share in (True, False)]
    best = min(candidates, key=lambda candidate: candidate.quick_size)
    least, seen, improved = best.quick_size, {best.segments}, True
    while improved and effort > 0:
        improved = False
        ranked = sorted(
            (max(map(costs.live, cuts)), cuts)
            for cuts in neighbours(best.segments)
            if tuple(cuts) not in seen and costs.lower_bounds[tuple(np.transpose(cuts))].max() < least
        )
        for peak, cuts in ranked:
            if peak >= least or effort <= 0:
                break
            seen.add(tuple(cuts))
            effort -= count
            other = CandidatePlan(scheduled, tuple(cuts), rows_input, best.share_rings)
            size = other.quick_size_within(least)
            if size < least:
                best, least, improved = other, size, True
                break
    other = replace(best, share_rings=not best.share_rings)
    other_size = other.quick_size_within(least)
    return best if (least, not best.share_rings) < (other_size, best.share_rings) else other
