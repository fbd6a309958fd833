"""Cuts by dynamic programming: estimates spare firing most segments, and the cuts are as good as without them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from nets import Net, mobilenet_v2

from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.partition import best_partition, partition
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.stages import line_buffers_everywhere
from ircompile.target import load_target


def residual() -> Graph:
    """Blocks whose shortcuts are convolutions, and a second output."""
    net = Net((24, 24, 8))
    x = net.conv("x", 8, (3, 3))
    for channels in (16, 24):
        y = net.conv(net.conv(x, channels, (3, 3), (2, 2)), channels, (3, 3))
        x = net.sum(net.conv(x, channels, (1, 1), (2, 2)), y)
    return net.graph(net.conv(x, 4), net.conv(x, 40, (3, 3)))


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("make", [residual, lambda: mobilenet_v2(0.35, 48, 10)])
def test_few_segments_are_fired_and_the_cuts_are_those_of_firing_all(make: object, rows: bool) -> None:
    lowered = lower(make(), load_target("cortex-m4"))  # type: ignore[operator]
    for lines in (frozenset[str](), line_buffers_everywhere(lowered.graph, lowered.demands)):
        scheduled = ScheduledGraph(lowered.graph, lowered.demands, lines)
        few, every = SegmentCosts(scheduled, rows), SegmentCosts(scheduled, rows)
        for kind in ("live", "rings"):
            found, peak = partition(few, getattr(few, kind)), getattr(every, kind)
            costs = np.zeros_like(every.lower_bounds, dtype=float)
            for first, stop in combinations(range(len(costs) + 1), 2):
                costs[first, stop] = peak((first, stop))
            assert max(map(peak, found)) == max(map(peak, best_partition(costs)))
        assert len(few.found) < len(every.found)
        assert all(few.lower_bounds[segment] <= min(peaks) for segment, peaks in every.found.items())
