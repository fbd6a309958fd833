"""Weights that a cache brings, beside a cache that is followed line by line."""

from __future__ import annotations

import random
from collections import OrderedDict

import nets
import pytest

from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.plan.weight_reads import order_of_steps, weights_brought
from ircompile.plan.work import weight_loads
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan

LINE = 4


def mixed() -> Graph:
    """Layers of many sizes, with rows of one to twelve pixels."""
    net = nets.Net((12, 12, 4), 3)
    x = net.depthwise(net.conv("x", 24), stride=(2, 2))
    x = net.depthwise(net.conv(x, 40), stride=(2, 2))
    return net.graph(net.conv(net.conv(x, 16, (3, 3)), 8))


def by_line(names: list[str], passes: dict[str, int], sizes: dict[str, int], cache: int) -> dict[str, int]:
    """Bytes brought by a cache that drops the line that was used longest ago."""
    held, brought = OrderedDict[tuple[str, int], None](), dict.fromkeys(sizes, 0)
    for name in names:
        for _ in range(passes[name]):
            for line in range(0, sizes[name], LINE):
                if (name, line) not in held:
                    brought[name] += LINE
                held[name, line] = None
                held.move_to_end((name, line))
                while len(held) > cache // LINE:
                    held.popitem(last=False)
    return brought


@pytest.mark.thorough
@pytest.mark.parametrize("cache", [0, 64, 400, 1200, 2000, 8000, 10**6])
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_as_a_cache_does(cache: int, mode: InputMode) -> None:
    plan = choose_plan(mixed(), load_target("cortex-m33"), mode).plan
    convolutions = [node for node in plan.graph.nodes if isinstance(node.op, ops.Convolution)]
    sizes = {node.name: plan.graph.consts[node.op.weights].nbytes // LINE * LINE for node in convolutions}
    loads = weight_loads(plan, dict.fromkeys(sizes, 1))
    passes = {s.node.name: round(loads[s.node.name] / s.steps) for s in plan.stages if s.node.name in sizes}
    order = order_of_steps(plan)
    orders = [order, random.Random(5).sample(order, len(order))]
    for steps in orders:
        names = [plan.stages[stage].node.name for stage in steps if plan.stages[stage].node.name in sizes]
        assert weights_brought(plan, steps, sizes, cache) == by_line(names, passes, sizes, cache)


def test_between_once_and_every_pass() -> None:
    plan = choose_plan(mixed(), load_target("cortex-m33"), "resident").plan
    loads = weight_loads(plan)
    sizes = {name: plan.graph.consts[f"w{i}"].nbytes for i, name in enumerate(loads)}
    order = order_of_steps(plan)
    assert weights_brought(plan, order, sizes, 10**6) == sizes
    assert weights_brought(plan, order, sizes, 0) == loads
