"""Where to cut: dynamic programming over runs of nodes that stream together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from heapq import heappop, heappush

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.known import Peaks
from ircompile.plan.lifetimes import Problem
from ircompile.plan.peaks import peaks_of

LONGEST = 24  # nodes of a segment, where there are no more than MANY
MANY = 200
Segment = tuple[int, int]


class SegmentCosts:
    """Peaks of segments, each found once by firing it, in whatever forms of the graph it is the same."""

    def __init__(self, problem: Problem, rows_input: bool) -> None:
        self.problem, self.rows_input = problem, rows_input
        self.known: dict[Segment, Peaks] = {}

    def __call__(self, segment: Segment) -> Peaks:
        """Peaks of what lives while the segment streams, what merely passes by included."""
        if segment not in self.known:
            there = self._there(segment)
            key, peaks = self._facts(segment, there), self.problem.known.peaks
            if key not in peaks:
                peaks[key] = self._find(segment, there)
            aside = self._aside(segment, there)
            self.known[segment] = Peaks(*(peak + aside for peak in peaks[key]))
        return self.known[segment]

    def live(self, segment: Segment) -> int:
        """The most bytes alive at one step."""
        return self(segment).live

    def slots(self, segment: Segment) -> int:
        """The most bytes of rings in use at one step."""
        return self(segment).slots

    def _find(self, segment: Segment, there: Sequence[str]) -> Peaks:
        problem, (first, stop) = self.problem, segment
        kept = {name for name in self._touched(segment, there) if problem.last_reader[name] >= stop}
        times, steps = problem.fired(first, stop, self.rows_input)
        return peaks_of(problem, times, steps, set(there), kept)

    def _facts(self, segment: Segment, there: Sequence[str]) -> Hashable:
        """All that its peaks depend on, but for what passes by."""
        problem, (first, stop) = self.problem, segment
        return (
            self.rows_input and first == 0,
            tuple(problem.facts[first:stop]),
            tuple(min(stage.join, stop - 1) - first for stage in problem.stages[first:stop]),
            tuple(problem.known.number(problem.facts_of(name)) for name in there),
            tuple(problem.last_reader[name] >= stop for name in self._touched(segment, there)),
        )

    def _touched(self, segment: Segment, there: Sequence[str]) -> list[str]:
        """What is there before and counts, what its stages read, and what they write."""
        stages = self.problem.stages[slice(*segment)]
        return [*there, *(name for stage in stages for name in (*stage.inputs, stage.node.output))]

    def _there(self, segment: Segment) -> list[str]:
        """Tensors that are there before the segment begins and that it reads, and slices, which share rows."""
        problem, (first, stop) = self.problem, segment
        pushed = problem.graph.input_names[0] if self.rows_input and first == 0 else None
        read = dict.fromkeys(name for stage in problem.stages[first:stop] for name in stage.inputs)
        slices = (name for name in problem.slices if problem.last_reader[name] >= first)
        return [n for n in dict.fromkeys([*read, *slices]) if self.made[n] <= first and n != pushed]

    def _aside(self, segment: Segment, there: Sequence[str]) -> int:
        """Bytes of all else that is there from the segment's begin to its end."""
        problem, (first, stop) = self.problem, segment
        names = [name for name in there if problem.last_reader[name] >= stop]
        if self.rows_input and first == 0 and problem.last_reader[problem.graph.input_names[0]] >= stop:
            names.append(problem.graph.input_names[0])
        return int(self.beside[segment]) - sum(problem.graph.tensors[name].bytes for name in names)

    @cached_property
    def made(self) -> dict[str, int]:
        """The stage from which on each tensor is there."""
        made = dict.fromkeys(self.problem.graph.input_names, 0)
        return made | {stage.node.output: i + 1 for i, stage in enumerate(self.problem.stages)}

    @cached_property
    def beside(self) -> Array:
        """Bytes [first, stop] of what is there before stage `first` and still needed from `stop` on."""
        problem, count = self.problem, len(self.problem.stages)
        sizes = np.zeros((count + 1, count + 1), np.int64)
        for name, first in self.made.items():
            if problem.last_reader[name] >= 0:
                sizes[first, problem.last_reader[name]] += problem.graph.tensors[name].bytes
        return np.cumsum(np.cumsum(sizes, axis=0)[:, ::-1], axis=1)[:, ::-1]

    @cached_property
    def passing(self) -> list[int]:
        """Bytes that are there before each stage fires, if a segment begins with it; no cut there needs less."""
        return [int(size) for size in np.diagonal(self.beside)]

    @cached_property
    def floor(self) -> Array:
        """Bytes [first, stop] that segment [first, stop) needs at least, without firing it.

        What is there when it begins, or when it ends, or beside the row that a stage writes, its scratch and sums.
        """
        problem, count, beside = self.problem, len(self.problem.stages), self.beside.copy()
        if self.rows_input:  # pushed rows come one by one
            name = problem.graph.input_names[0]
            beside[:, : problem.last_reader[name] + 1] -= problem.graph.tensors[name].bytes
        own = np.array(problem.sums) + [problem.rows[stage.node.output][0] for stage in problem.stages]
        own += [problem.demands[stage.node.name].scratch for stage in problem.stages]
        passing, floor = np.diagonal(beside), np.zeros((count, count + 1), np.int64)
        for first in range(count):
            most = beside[first, first + 1 :] + np.maximum.accumulate(own[first:])
            floor[first, first + 1 :] = np.maximum(np.maximum(most, passing[first + 1 :]), passing[first])
        return floor


def least_peak(costs: SegmentCosts, peak: Callable[[Segment], int]) -> list[Segment]:
    """The segments whose greatest `peak`, one of `costs`, is least; rather several low ones than one high one.

    Few places come into question, first those where least passes: one where more passes than the best so far needs
    cannot be better.
    """
    count = len(costs.problem.stages)
    passing = sorted(set(costs.passing[1:count]))
    tried = len(passing) // 4
    while True:
        most = passing[min(tried, len(passing) - 1)] if passing else 0
        cuts = [cut for cut in range(count) if cut == 0 or costs.passing[cut] <= most]
        worst, segments = _least_peak([*cuts, count], costs.floor, peak)
        if all(worst < more for more in passing[tried + 1 :]):
            return segments
        tried = 2 * tried + 1


def _least_peak(cuts: Sequence[int], floor: Array, peak: Callable[[Segment], int]) -> tuple[int, list[Segment]]:
    """The least peak, and its segments, that begin and end at `cuts`; no peak is below `floor`.

    Of the last segments that may end at a cut, those come first that promise most, until none can be better.
    """
    best: list[tuple[int, int, list[Segment]]] = [(0, 0, [])]
    longest = LONGEST if cuts[-1] <= MANY else LONGEST // 2
    for number, stop in enumerate(cuts[1:]):
        offers: list[tuple[tuple[int, int], int, int]] = []  # promise, how far back, where it begins
        for first, (worst, total, _) in zip(cuts[number::-1], best[::-1], strict=True):
            if stop - first <= longest or first == cuts[number]:
                least = int(floor[first, stop])
                offers.append(((max(worst, least), total + least**4), len(offers), first))
        choice: tuple[int, int, list[Segment]] | None = None
        for promise, before, first in sorted(offers):
            if choice and promise > choice[:2]:
                break
            worst, total, segments = best[-1 - before]
            cost = peak((first, stop))
            offer = (max(worst, cost), total + cost**4, [*segments, (first, stop)])
            choice = min(choice, offer) if choice else offer
        assert choice
        best.append(choice)
    return best[-1][0], best[-1][2]


def least_worst(costs: SegmentCosts) -> int:
    """The least that the greatest live bytes of segments, from the first stage to the last, come down to.

    From cut to cut, the most promising first: a segment is fired when nothing else promises less.
    """
    count, floor = len(costs.problem.stages), costs.floor
    longest = LONGEST if count <= MANY else LONGEST // 2
    rest = np.zeros(count + 1, np.int64)  # what the segments from each cut on need at least
    for first in reversed(range(count)):
        stops = slice(first + 1, first + longest + 1)
        rest[first] = np.maximum(floor[first, stops], rest[stops]).min()
    reached = set[int]()
    # Bytes, how far (negative: far first), where the last segment begins, whether that is fired.
    ahead = [(int(rest[0]), 0, 0, True)]
    while True:
        least, end, first, fired = heappop(ahead)
        cut = -end
        if cut in reached:
            continue
        if not fired:
            heappush(ahead, (max(least, costs.live((first, cut))), end, first, True))
        elif cut == count:
            return least
        else:
            reached.add(cut)
            for stop in range(cut + 1, min(cut + longest, count) + 1):
                heappush(ahead, (max(least, int(floor[cut, stop]), int(rest[stop])), -stop, cut, False))


def neighbours(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Cuts that differ in one place: one taken away, one moved by up to three nodes, one added."""
    count = segments[-1][1]
    cuts = [first for first, _ in segments[1:]]
    variants = [[c for c in cuts if c != gone] for gone in cuts]
    variants += [[*(c for c in cuts if c != cut), cut + by] for cut in cuts for by in (-1, 1, -2, 2, -3, 3)]
    variants += [[*cuts, new] for new in range(1, count)]
    unique = {tuple(sorted({c for c in cuts if 0 < c < count})) for cuts in variants}
    return [list(zip((0, *cuts), (*cuts, count), strict=True)) for cuts in sorted(unique)]
