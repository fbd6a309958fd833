"""Cuts by dynamic programming: the floor that spares firing most segments changes none of them."""

from __future__ import annotations

import numpy as np
import pytest
from nets import Net, mobilenet_v2

from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan.lifetimes import Problem
from ircompile.plan.search import lines_everywhere
from ircompile.plan.segments import SegmentCosts, least_peak, least_worst
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
def test_no_cut_is_lost_to_the_floor(make: object, rows: bool) -> None:
    lowered = lower(make(), load_target("cortex-m4"))  # type: ignore[operator]
    for lines in (frozenset[str](), lines_everywhere(lowered.graph)):
        problem = Problem(lowered.graph, lowered.demands, lines)
        pruned, every = SegmentCosts(problem, rows), SegmentCosts(problem, rows)
        every.floor = np.zeros_like(pruned.floor)
        assert least_peak(pruned, pruned.live) == least_peak(every, every.live)
        worst = max(map(every.live, least_peak(every, every.live)))
        assert least_worst(SegmentCosts(problem, rows)) == least_worst(every) == worst
        assert least_peak(pruned, pruned.slots) == least_peak(every, every.slots)
        assert len(pruned.known) <= len(every.known)
        assert all(pruned.floor[segment] <= min(peaks) for segment, peaks in every.known.items())
