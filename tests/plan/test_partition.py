"""Cuts by dynamic programming: the lower bounds that spare firing most segments change none of them."""

from __future__ import annotations

import numpy as np
import pytest
from nets import Net, mobilenet_v2

from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.partition import partition
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
def test_no_cut_is_lost_to_the_bounds(make: object, rows: bool) -> None:
    lowered = lower(make(), load_target("cortex-m4"))  # type: ignore[operator]
    for lines in (frozenset[str](), line_buffers_everywhere(lowered.graph, lowered.demands)):
        scheduled = ScheduledGraph(lowered.graph, lowered.demands, lines)
        pruned, every = SegmentCosts(scheduled, rows), SegmentCosts(scheduled, rows)
        every.lower_bounds = np.zeros_like(pruned.lower_bounds)
        assert partition(pruned, pruned.live) == partition(every, every.live)
        assert partition(pruned, pruned.rings) == partition(every, every.rings)
        assert len(pruned.found) <= len(every.found)
        assert all(pruned.lower_bounds[segment] <= min(peaks) for segment, peaks in every.found.items())
