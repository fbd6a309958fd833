"""What variants of a graph share is what each would find by itself."""

from __future__ import annotations

from itertools import combinations

import pytest
from nets import Net
from plan.random_nets import random_net

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.passes.split_channels import split_channels, splittable
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.fast.cache import PlanCache
from ircompile.plan.order import short_branches_first
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.search import find_candidate
from ircompile.plan.stages import line_buffers_everywhere
from ircompile.target import load_target

MOST = 5  # nodes of the segments that are compared


def shortcuts() -> Graph:
    """Blocks whose shortcuts are convolutions that come last."""
    net = Net((12, 12, 8))
    x = net.conv("x", 8, (3, 3))
    for channels in (16, 24):
        wide = net.depthwise(net.conv(x, 2 * channels), (3, 3), (2, 2))
        x = net.sum(net.conv(wide, channels), net.conv(x, channels, (1, 1), (2, 2)))
    return net.graph(net.conv(x, 4), net.conv(x, 40, (3, 3)))


def forms(graph: Graph, cache: PlanCache | None) -> list[ScheduledGraph]:
    """Both orders, with and without lines, and one convolution after the other in two parts."""
    graphs = [graph, short_branches_first(graph), *(split_channels(graph, {n: 2}) for n in splittable(graph))]
    scheduled = []
    for form in graphs:
        lowered = lower(form, load_target("cortex-m4"))
        for lines in (frozenset[str](), line_buffers_everywhere(lowered.graph, lowered.demands)):
            scheduled.append(ScheduledGraph(lowered.graph, lowered.demands, lines, shortcuts=cache))
    return scheduled


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_peaks(seed: int, rows: bool) -> None:
    graph, cache = shortcuts() if seed == 0 else random_net(seed), PlanCache()
    fired = 0
    for shared, alone in zip(forms(graph, cache), forms(graph, None), strict=True):
        ones, others = SegmentCosts(shared, rows), SegmentCosts(alone, rows)
        segments = [s for s in combinations(range(len(alone.stages) + 1), 2) if s[1] - s[0] <= MOST]
        assert list(map(ones.peaks, segments)) == list(map(others.peaks, segments))
        fired += len(segments)
    assert sum(kind == "segment peaks" for kind, _ in cache.results) < fired


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_plans(mode: InputMode) -> None:
    graph, cache = shortcuts(), PlanCache()
    for shared, alone in zip(forms(graph, cache), forms(graph, None), strict=True):
        one, other = find_candidate(shared, mode), find_candidate(alone, mode)
        assert (one.segments, one.placement) == (other.segments, other.placement)
