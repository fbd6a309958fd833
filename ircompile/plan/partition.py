"""Where to cut: a dynamic program over the places between nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ircompile.ir.tensor import Array
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.schedule import Segment
from ircompile.plan.settings import LONGEST_SEGMENT, MANY_NODES, MOVED_BY, PEAK_EXPONENT


def partition(costs: SegmentCosts, peak: Callable[[Segment], int]) -> list[Segment]:
    """The segments whose greatest `peak`, which is `costs.live` or `costs.rings`, is least.

    Only places where few bytes exist come into question as cuts: a cut where more exist than the best partition so
    far needs cannot be better. So the search begins with a quarter of the places and doubles them until it has all
    that might be better.
    """
    count = len(costs.scheduled.stages)
    sizes = sorted(set(costs.at_cut[1:count]))
    tried = len(sizes) // 4
    while True:
        most = sizes[min(tried, len(sizes) - 1)] if sizes else 0
        cuts = [cut for cut in range(count) if cut == 0 or costs.at_cut[cut] <= most]
        longest = LONGEST_SEGMENT if count <= MANY_NODES else LONGEST_SEGMENT // 2
        segments = best_partition([*cuts, count], costs.lower_bounds, peak, longest)
        worst = max(map(peak, segments))
        if all(worst < more for more in sizes[tried + 1 :]):
            return segments
        tried = 2 * tried + 1


def best_partition(
    cuts: Sequence[int], lower_bounds: Array, cost: Callable[[Segment], float], longest: int
) -> list[Segment]:
    """The segments whose greatest cost is least; of those, the ones whose sum of powers of costs is least.

    Segments begin and end at `cuts` and have up to `longest` nodes; between neighbouring cuts they may have more.
    No cost is below lower_bounds[segment], so costs are asked for in the order of what the bounds promise, until no
    other segment can be better.
    """
    best: list[tuple[float, float, list[Segment]]] = [(0, 0, [])]  # greatest cost, sum, segments up to each cut
    for number, stop in enumerate(cuts[1:]):
        bounds = lower_bounds[:, stop].tolist()
        offers: list[tuple[tuple[float, float], int, int]] = []  # promise, how many cuts back, where it begins
        for first, (worst, total, _) in zip(cuts[number::-1], best[::-1], strict=True):
            if stop - first > longest and first != cuts[number]:
                break
            promise = max(worst, bounds[first]), total + bounds[first] ** PEAK_EXPONENT
            offers.append((promise, len(offers), first))
        choice: tuple[float, float, list[Segment]] | None = None
        for promise, back, first in sorted(offers):
            if choice and promise > choice[:2]:
                break
            worst, total, segments = best[-1 - back]
            own = cost((first, stop))
            offer = max(worst, own), total + own**PEAK_EXPONENT, [*segments, (first, stop)]
            choice = min(choice, offer) if choice else offer
        assert choice
        best.append(choice)
    return best[-1][2]


def neighbours(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Partitions that differ in one cut: one taken away, one moved by a few nodes, or one added."""
    count = segments[-1][1]
    cuts = [first for first, _ in segments[1:]]
    variants = [[c for c in cuts if c != gone] for gone in cuts]
    variants += [[*(c for c in cuts if c != cut), cut + by] for cut in cuts for by in MOVED_BY]
    variants += [[*cuts, new] for new in range(1, count)]
    unique = {tuple(sorted({c for c in cuts if 0 < c < count})) for cuts in variants}
    return [list(zip((0, *cuts), (*cuts, count), strict=True)) for cuts in sorted(unique)]
