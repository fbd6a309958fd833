"""Placing anew only what a change of the order can move."""

from __future__ import annotations

import numpy as np
import pytest
from nets import mobilenet_v2
from plan.random_nets import random_net

from ircompile.kernels.lower import lower
from ircompile.plan.lifetimes import Problem
from ircompile.plan.packing import Packer, change, first_orders
from ircompile.plan.search import find
from ircompile.target import load_target


@pytest.mark.parametrize("seed", range(8))
def test_as_if_all_were_placed_anew(seed: int) -> None:
    graph = mobilenet_v2(0.35, 32, 10) if seed == 0 else random_net(seed)
    lowered = lower(graph, load_target("cortex-m4"))
    items = find(Problem(lowered.graph, lowered.demands), "rows").items
    packer, rng = Packer(items), np.random.default_rng(seed)
    order, bases, top = packer.best_of(first_orders(items))
    for _ in range(100):
        limit = top + int(rng.integers(200))
        other, moved = change(order, bases, items, top, rng)
        whole, partly = packer.place(other), packer.place_again(other, moved, bases, limit)
        assert whole
        assert partly == (whole[0] if whole[1] <= limit else None)
        if partly:
            order, (bases, top) = other, whole
