"""Tensors before gates that are computed twice instead of stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb, codes_for
from nets import Net

from ircompile.analyses.pipeline_breakers import pipeline_breakers
from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.passes.compute_twice import MOST_MACS, compute_twice
from ircompile.plan.settings import WORTH_COMPUTING_TWICE
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan, explore
from ircompile.variants.tradeoffs import default_variant


def gated(net: Net, x: str, by: str) -> str:
    """`x` times what is computed from the mean of `by`."""
    mean = net.add("mean", ops.Mean(), (by,))
    gate = net.conv(net.conv(mean, 8, relu=True), net.tensors[x].channels)
    return net.sum(x, gate, "mul")


def decoder() -> Graph:
    """Small maps, made larger, added to an earlier one and gated by the mean of the sum, as in DeepLab's."""
    net = Net((32, 30, 3))
    skip = net.conv("x", 16, (3, 3), (2, 2))
    x = net.depthwise(net.depthwise(skip, stride=(2, 2)), stride=(2, 2))
    x = net.conv(net.conv(net.conv(x, 48, (3, 3)), 48, (3, 3)), 32)
    x = net.conv(net.add("resize", ops.Resize("bilinear", (16, 15), half_pixel=True), (x,)), 16)
    return net.graph(net.conv(net.sum(x, gated(net, skip, net.sum(x, skip))), 2))


def height(graph: Graph) -> int:
    return max(sum(graph.tensors[name].bytes for name in breaker.kept) for breaker in pipeline_breakers(graph))


def test_breakers_know_what_is_stored() -> None:
    net = Net((8, 8, 4))
    x = net.conv("x", 8)
    y = gated(net, x, x)
    (breaker,) = pipeline_breakers(net.graph(net.conv(net.sum(y, x), 4)))
    assert breaker.node.op == ops.Mean()
    assert breaker.kept == {x}  # y is behind; the input is only read before


def test_breakers_know_what_stands_beside() -> None:
    """A function of x that only the gated product reads needs x behind the mean; another mean does not."""
    net = Net((8, 8, 4))
    x = net.conv("x", 8)
    beside = net.depthwise(x)
    other = net.add("mean", ops.Mean(), (net.conv(x, 8),))
    y = net.sum(gated(net, beside, net.depthwise(x)), other, "mul")
    first, second = pipeline_breakers(net.graph(y))
    assert first.kept == {x}
    assert {beside, y} <= second.behind
    assert other not in second.behind | second.kept
    assert second.kept == {x}


def test_highest_dam_is_lowered_and_no_bit_differs() -> None:
    graph = decoder()
    twice = compute_twice(graph)
    assert height(twice) < height(graph)
    assert graph.macs() < twice.macs() <= (1 + MOST_MACS) * graph.macs()
    assert len(twice.notices) > len(graph.notices)
    for vector in codes_for(graph, 4):
        for name, want in run_graph(graph, vector).items():
            np.testing.assert_array_equal(run_graph(twice, vector)[name], want)


def test_nothing_to_gain() -> None:
    net = Net((8, 8, 3))
    x = net.conv("x", 8)
    graph = net.graph(net.conv(gated(net, x, x), 4))  # the source of x is the model's input
    assert compute_twice(graph) is graph


@pytest.mark.thorough
def test_default_takes_it_where_it_is_much_less() -> None:
    graph, target = decoder(), load_target("cortex-m4")
    kept, found = default_variant(graph, target, "resident"), choose_plan(graph, target, "resident")
    assert found.ram <= WORTH_COMPUTING_TWICE * kept.ram
    assert found.macs > kept.macs == graph.macs()
    assert found.ram in [form.ram for form in explore(graph, target, "resident")]


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_compiled(mode: InputMode, tmp_path: Path) -> None:
    built = climb(decoder(), tmp_path, mode, rungs=("gcc", "cortex-m4"))
    assert any(node.name.endswith("_again") for node in built["cortex-m4"].lowered.graph.nodes)
