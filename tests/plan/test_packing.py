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
    packed = packer.best_of(first_orders(items))
    for _ in range(100):
        limit = packed.top + int(rng.integers(200))
        order, moved, start = change(packed, rng)
        whole, partly = packer.place(order), packer.place_again(packed, order, moved, start, limit)
        assert whole
        assert (partly and partly.bases) == (whole.bases if whole.top <= limit else None)
        packed = partly or packed
