"""Rows written over longer ones, or over more of them, that are read in the same step."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net
from proved import prove

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.pipeline import build
from ircompile.plan import Plan
from ircompile.target import load_target


def block(width: int, wide: int, narrow: int) -> Graph:
    """An inverted residual block; the projection gathers pixels of `wide` codes two by two."""
    net = Net((6, width, narrow), width + wide)
    y = net.conv(net.depthwise(net.conv("x", wide)), narrow)
    return net.graph(net.sum("x", y))


def pooled(kernel: int, stride: int, padding: int) -> Graph:
    net = Net((4, 7, 3), kernel)
    window = ops.Window((kernel, kernel), (stride, stride), (0, 0, padding, 0))
    x = net.add("pool", ops.MaxPool(window), (net.conv("x", 5),))
    return net.graph(net.conv(x, 2))


def is_over(plan: Plan, kind: type) -> bool:
    """Whether the last node of a kind writes where its input is."""
    node = [node for node in plan.graph.nodes if isinstance(node.op, kind)][-1]
    return plan.buffers[node.output].row(0) == plan.buffers[node.inputs[0]].row(0)


@pytest.mark.parametrize(
    ("width", "wide", "narrow", "over"),
    [(8, 24, 8, True), (8, 8, 8, True), (7, 24, 8, True), (7, 8, 8, False), (1, 24, 8, False), (8, 6, 8, False)],
)
def test_projection(width: int, wide: int, narrow: int, over: bool) -> None:
    plan = build(block(width, wide, narrow), load_target("cortex-m4"), "net").plan
    prove(plan)
    assert is_over(plan, ops.Conv) == over


def test_portable_projection_reads_while_it_writes() -> None:
    lowered = lower(block(8, 24, 8), load_target("cortex-m0plus"))
    assert all(lowered.demands[n.name].in_place is None for n in lowered.graph.nodes if isinstance(n.op, ops.Conv))


@pytest.mark.parametrize(("padding", "over"), [(0, True), (1, False)])
def test_pool(padding: int, over: bool) -> None:
    lowered = lower(pooled(2, 2, padding), load_target("cortex-m4"))
    (node,) = (n for n in lowered.graph.nodes if isinstance(n.op, ops.MaxPool))
    assert (lowered.demands[node.name].in_place == 0) == over


@pytest.mark.toolchain
def test_compiled(tmp_path: Path) -> None:
    blocks = [block(*sizes) for sizes in ((8, 24, 8), (8, 8, 8), (7, 24, 8), (9, 11, 9), (3, 6, 4), (2, 5, 5))]
    pools = [pooled(kernel, stride, 0) for kernel, stride in ((2, 2), (3, 2), (2, 1), (3, 3))]
    climb(join([*blocks, *pools]), tmp_path, rungs=("gcc", "cortex-m0plus", "cortex-m4"))
