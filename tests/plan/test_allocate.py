"""Placing only what a change of the order can move gives what placing all gives."""

from __future__ import annotations

import numpy as np
import pytest
from nets import mobilenet_v2
from plan.random_nets import random_net

from ircompile.kernels.lower import lower
from ircompile.plan.allocate import change, first_orders
from ircompile.plan.allocator import Allocator
from ircompile.plan.fast.incremental import place_changed
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.search import find_candidate
from ircompile.target import load_target


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(8))
def test_as_if_all_were_placed_anew(seed: int) -> None:
    graph = mobilenet_v2(0.35, 32, 10) if seed == 0 else random_net(seed)
    lowered = lower(graph, load_target("cortex-m4"))
    allocations = find_candidate(ScheduledGraph(lowered.graph, lowered.demands), "rows").allocations
    allocator, rng = Allocator(allocations), np.random.default_rng(seed)
    placed = allocator.best_of(first_orders(allocations))
    for _ in range(100):
        limit = placed.top + int(rng.integers(200))
        order, moved, start = change(placed, rng)
        whole, partly = allocator.place(order), place_changed(allocator, placed, order, moved, start, limit)
        assert whole
        assert (partly and partly.bases) == (whole.bases if whole.top <= limit else None)
        placed = partly or placed
