"""Where to cut: dynamic programming over runs of nodes that stream together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from ircompile.plan.items import peak_of
from ircompile.plan.lifetimes import Problem

LONGEST = 24  # nodes of a segment, where there are no more than MANY
MANY = 200
Segment = tuple[int, int]


class SegmentCosts:
    """Peak live bytes of segments, each found once by firing it, or with `slots` what rings take then."""

    def __init__(self, problem: Problem, rows_input: bool, slots: bool = False) -> None:
        self.problem, self.rows_input, self.slots = problem, rows_input, slots
        self.known: dict[Segment, int] = {}

    def __call__(self, segment: Segment) -> int:
        """Peak of what lives while the segment streams, what merely passes by included."""
        if segment not in self.known:
            self.known[segment] = self._find(segment)
        return self.known[segment]

    def _find(self, segment: Segment) -> int:
        problem, (first, stop) = self.problem, segment
        before = set(self._passing(first))
        if self.rows_input and first == 0:
            before.discard(problem.graph.input_names[0])
        kept = {name for name, reader in problem.last_reader.items() if reader >= stop}
        times, steps = problem.fired(first, stop, self.rows_input)
        return peak_of(problem, times, steps, before, kept, self.slots)

    def _passing(self, cut: int) -> list[str]:
        """Tensors that are there before a stage fires, and still needed."""
        problem = self.problem
        before = [*problem.graph.input_names, *(s.node.output for s in problem.stages[:cut])]
        return [name for name in before if problem.last_reader[name] >= cut]

    @cached_property
    def passing(self) -> list[int]:
        """Bytes that are there before each stage fires, if a segment begins with it; no cut there needs less."""
        tensors, stages = self.problem.graph.tensors, self.problem.stages
        return [sum(tensors[name].bytes for name in self._passing(cut)) for cut in range(len(stages) + 1)]


def least_peak(costs: SegmentCosts) -> list[Segment]:
    """The segments whose greatest peak is least; among those rather several low peaks than one high one.

    Few places come into question, first those where least passes: one where more passes than the best so far needs
    cannot be better.
    """
    count = len(costs.problem.stages)
    passing = sorted(set(costs.passing[1:count]))
    tried = len(passing) // 4
    while True:
        most = passing[min(tried, len(passing) - 1)] if passing else 0
        cuts = [cut for cut in range(count) if cut == 0 or costs.passing[cut] <= most]
        worst, segments = _least_peak([*cuts, count], costs)
        if all(worst < more for more in passing[tried + 1 :]):
            return segments
        tried = 2 * tried + 1


def _least_peak(cuts: Sequence[int], peak: Callable[[Segment], int]) -> tuple[int, list[Segment]]:
    """The least peak, and its segments, that begin and end at `cuts`."""
    best: list[tuple[int, int, list[Segment]]] = [(0, 0, [])]
    longest = LONGEST if cuts[-1] <= MANY else LONGEST // 2
    for number, stop in enumerate(cuts[1:]):
        choice: tuple[int, int, list[Segment]] | None = None
        for first, (worst, total, segments) in zip(cuts[number::-1], best[::-1], strict=True):
            if choice and (stop - first > longest or worst > choice[0]):
                continue
            cost = peak((first, stop))
            offer = (max(worst, cost), total + cost**4, [*segments, (first, stop)])
            choice = min(choice, offer) if choice else offer
        assert choice
        best.append(choice)
    return best[-1][0], best[-1][2]


def neighbours(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Cuts that differ in one place: one taken away, one moved by up to three nodes, one added."""
    count = segments[-1][1]
    cuts = [first for first, _ in segments[1:]]
    variants = [[c for c in cuts if c != gone] for gone in cuts]
    variants += [[*(c for c in cuts if c != cut), cut + by] for cut in cuts for by in (-1, 1, -2, 2, -3, 3)]
    variants += [[*cuts, new] for new in range(1, count)]
    unique = {tuple(sorted({c for c in cuts if 0 < c < count})) for cuts in variants}
    return [list(zip((0, *cuts), (*cuts, count), strict=True)) for cuts in sorted(unique)]
