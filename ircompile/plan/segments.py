"""Where to cut: dynamic programming over runs of nodes that stream together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ircompile.plan.firing import fire, rows_pushed
from ircompile.plan.items import items_of, live_bytes
from ircompile.plan.lifetimes import Problem, times_of

LONGEST = 24  # nodes of a segment, where there are no more than MANY
MANY = 200
Segment = tuple[int, int]


class SegmentCosts:
    """Peak live bytes of segments, each found once by firing it."""

    def __init__(self, problem: Problem, rows_input: bool) -> None:
        self.problem, self.rows_input = problem, rows_input
        self.known: dict[Segment, int] = {}

    def __call__(self, segment: Segment) -> int:
        """Peak of what lives while the segment streams, what merely passes by included."""
        if segment not in self.known:
            self.known[segment] = self._find(segment)
        return self.known[segment]

    def _find(self, segment: Segment) -> int:
        problem, (first, stop) = self.problem, segment
        graph = problem.graph
        pushed = rows_pushed(problem.stages) if self.rows_input and first == 0 else 0
        before = {*graph.input_names, *(s.node.output for s in problem.stages[:first])}
        before = {name for name in before if problem.last_reader[name] >= first}
        if pushed:
            before.discard(graph.input_names[0])
        kept = {name for name, reader in problem.last_reader.items() if reader >= stop}
        events = list(fire(problem.stages, first, stop, pushed))
        return int(live_bytes(items_of(problem, times_of(events), len(events), before, kept, None).items).max())


def least_peak(count: int, peak: Callable[[Segment], int]) -> list[Segment]:
    """The segments whose greatest peak is least; among those rather several low peaks than one high one."""
    best: list[tuple[int, int, list[Segment]]] = [(0, 0, [])]
    longest = LONGEST if count <= MANY else LONGEST // 2
    for stop in range(1, count + 1):
        choice: tuple[int, int, list[Segment]] | None = None
        for first in range(stop - 1, max(0, stop - longest) - 1, -1):
            worst, total, cuts = best[first]
            if choice and worst > choice[0]:
                continue
            cost = peak((first, stop))
            offer = (max(worst, cost), total + cost**4, [*cuts, (first, stop)])
            choice = min(choice, offer) if choice else offer
        assert choice
        best.append(choice)
    return best[count][2]


def neighbours(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Cuts that differ in one place: one taken away, one moved by up to three nodes, one added."""
    count = segments[-1][1]
    cuts = [first for first, _ in segments[1:]]
    variants = [[c for c in cuts if c != gone] for gone in cuts]
    variants += [[*(c for c in cuts if c != cut), cut + by] for cut in cuts for by in (-1, 1, -2, 2, -3, 3)]
    variants += [[*cuts, new] for new in range(1, count)]
    unique = {tuple(sorted({c for c in cuts if 0 < c < count})) for cuts in variants}
    return [list(zip((0, *cuts), (*cuts, count), strict=True)) for cuts in sorted(unique)]
