"""Where to cut: a dynamic program over the places between nodes, which fires few segments.

Firing a segment is expensive, so the program begins with an estimate for each. It chooses the best cuts, fires the
chosen segments, puts their true costs in place of the estimates, and chooses again. Once all chosen segments have
been fired, no other cuts are better, as long as no estimate is too high. It ends sooner if the greatest cost cannot
become less, and the sum hardly, or once enough steps were fired.
"""

from collections.abc import Callable, Sequence
from math import inf

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.schedule import Segment
from ircompile.plan.segment_estimates import estimated_bytes
from ircompile.plan.settings import (
    ESTIMATE_SHARE,
    FIRING_OVERHEAD,
    MOVED_BY,
    PARTITION_EFFORT,
    PEAK_EXPONENT,
    SUM_SHARE,
)


def partition(
    costs: SegmentCosts, peak: Callable[[Segment], int], effort: float = PARTITION_EFFORT
) -> list[Segment]:
    """The segments whose greatest `peak`, which is `costs.live` or `costs.rings`, is least.

    At most about `effort` steps are fired; then the best segments so far are taken.
    """
    estimates = ESTIMATE_SHARE * estimated_bytes(costs.scheduled, costs.rows_input)
    estimates = np.maximum(estimates, costs.lower_bounds)
    for segment in costs.found:
        estimates[segment] = peak(segment)
    steps = np.cumsum([0, *(stage.steps for stage in costs.scheduled.stages)])
    best, least = list[Segment](), (inf, inf)
    while not best or effort > 0:
        segments = best_partition(estimates)
        promise = _greatest_and_sum(estimates[tuple(np.transpose(segments))])
        if best and promise[0] >= least[0] and promise[1] >= SUM_SHARE * least[1]:
            break
        for first, stop in (segment for segment in segments if segment not in costs.found):
            effort -= FIRING_OVERHEAD + int(steps[stop] - steps[first])
        found = np.array([peak(segment) for segment in segments], float)
        estimates[tuple(np.transpose(segments))] = found
        if (cost := _greatest_and_sum(found)) < least:
            best, least = segments, cost
    return best


def _greatest_and_sum(costs: Array) -> tuple[float, float]:
    return float(costs.max()), float((costs**PEAK_EXPONENT).sum())


def best_partition(costs: Array) -> list[Segment]:
    """The segments whose greatest cost is least; of those, the ones whose sum of powers of costs is least.

    `costs` [first, stop] are those of all segments [first, stop). Of equal choices, the one of the shortest last
    segment is taken.
    """
    count = len(costs)
    worst, total = np.zeros(count + 1), np.zeros(count + 1)  # of the best segments up to each cut
    begins = np.zeros(count + 1, np.int64)
    powers = costs**PEAK_EXPONENT
    for stop in range(1, count + 1):
        greatest = np.maximum(worst[:stop], costs[:stop, stop])
        sums = np.where(greatest == greatest.min(), total[:stop] + powers[:stop, stop], np.inf)
        first = stop - 1 - int(sums[::-1].argmin())
        worst[stop], total[stop], begins[stop] = greatest[first], sums[first], first
    segments: list[Segment] = []
    while count:
        segments.append((int(begins[count]), count))
        count = int(begins[count])
    return segments[::-1]


def neighbours(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Partitions that differ in one cut: one taken away, one moved by a few nodes, or one added."""
    count = segments[-1][1]
    cuts = [first for first, _ in segments[1:]]
    variants = [[c for c in cuts if c != gone] for gone in cuts]
    variants += [[*(c for c in cuts if c != cut), cut + by] for cut in cuts for by in MOVED_BY]
    variants += [[*cuts, new] for new in range(1, count)]
    unique = {tuple(sorted({c for c in cuts if 0 < c < count})) for cuts in variants}
    return [list(zip((0, *cuts), (*cuts, count), strict=True)) for cuts in sorted(unique)]
