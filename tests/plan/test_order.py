"""The order of nodes: short branches first, where that needs less."""

from __future__ import annotations

from nets import Net
from proved import prove

from ircompile.ir.graph import Graph
from ircompile.ir.validate import validate
from ircompile.plan.order import orders_of
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan, in_order


def residual() -> Graph:
    """A block whose shortcut, a strided convolution, comes last in the file."""
    net = Net((32, 32, 8))
    x = net.conv("x", 8, (3, 3))
    y = net.conv(net.conv(x, 16, (3, 3), (2, 2)), 16, (5, 5))
    return net.graph(net.sum(net.conv(x, 16, (1, 1), (2, 2)), y))


def test_short_branches_come_first() -> None:
    other, graph = orders_of(residual())
    validate(other)
    assert [n.name for n in graph.nodes] == ["conv0", "conv1", "conv2", "conv3", "add4"]
    assert [n.name for n in other.nodes] == ["conv0", "conv3", "conv1", "conv2", "add4"]


def test_a_chain_has_one_order() -> None:
    net = Net((9, 9, 4))
    assert len(orders_of(net.graph(net.inverted_residual(net.conv("x", 8), 3, 8)))) == 1


def test_the_smaller_is_chosen() -> None:
    target, graph = load_target("cortex-m4"), residual()
    assert [n.name for n in in_order(graph, target, "rows").nodes][1] == "conv3"
    prove(choose_plan(graph, target, "rows").plan)
