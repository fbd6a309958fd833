"""Where to cut: dynamic programming over runs of nodes that stream together."""

from __future__ import annotations

from collections.abc import Callable

from ircompile.plan.firing import fire
from ircompile.plan.lifetimes import Problem, items_of, peak_live

LONGEST = 24
Segment = tuple[int, int]


def segment_peak(problem: Problem, segment: Segment, rows_input: bool) -> int:
    """Peak live bytes while the segment streams, found by firing it; what merely passes by included."""
    graph, (first, stop) = problem.graph, segment
    pushed = graph.tensors[graph.input_names[0]].height if rows_input and first == 0 else 0
    before = {name for name in graph.input_names} | {s.node.output for s in problem.stages[:first]}
    before = {name for name in before if problem.last_reader[name] >= first}
    if pushed:
        before.discard(graph.input_names[0])
    kept = {name for name, reader in problem.last_reader.items() if reader >= stop}
    events = list(fire(problem.stages, first, stop, pushed))
    return peak_live(items_of(problem, events, before, kept))


def least_peak(count: int, peak: Callable[[Segment], int]) -> tuple[list[Segment], int]:
    """The segments whose greatest peak is least; among those the fewest bytes summed over segments."""
    best: list[tuple[int, int, list[Segment]]] = [(0, 0, [])]
    for stop in range(1, count + 1):
        choices = []
        for first in range(max(0, stop - LONGEST), stop):
            worst, total, cuts = best[first]
            cost = peak((first, stop))
            choices.append((max(worst, cost), total + cost, [*cuts, (first, stop)]))
        best.append(min(choices))
    worst, _, cuts = best[count]
    return cuts, worst
