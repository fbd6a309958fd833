from __future__ import annotations

import numpy as np
import pytest
from nets import Net, random_inputs

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.passes import normalize
from ircompile.passes.merge_tables import merge_tables


def table(net: Net, x: str) -> str:
    name = f"t{len(net.nodes)}"
    net.consts[name] = net.rng.integers(-128, 128, 256).astype(np.int8)
    return net.add("table", ops.Table(name, name), (x,))


def same(graph: Graph, changed: Graph) -> None:
    inputs = random_inputs(graph)
    want, got = run_graph(graph, inputs), run_graph(changed, inputs)
    for name, other in zip(graph.output_names, changed.output_names, strict=True):
        np.testing.assert_array_equal(got[other], want[name])


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
@pytest.mark.parametrize("kind", ["add", "sub", "mul"])
def test_island_becomes_one_table(kind: str, rounding: str) -> None:
    """A hard swish as frameworks write it: x times a function of x, then functions of that."""
    net = Net((16, 16, 5), rounding=rounding)
    x = net.conv("x", 5)
    y = net.sum(x, table(net, table(net, x)), kind)
    y = net.sum(table(net, y), table(net, x), kind)
    net.conv(net.sum(y, y, kind), 3)
    graph = net.graph()
    changed = normalize(graph)
    assert [type(node.op) for node in changed.nodes] == [ops.Conv, ops.Table, ops.Conv]
    same(graph, changed)


def test_other_names_of_the_same_codes_are_part_of_a_table() -> None:
    """A Reshape to the same shape, before and behind a function, costs nothing; standing alone it stays."""
    net = Net((6, 5, 4))
    x = net.add("codes", ops.Reshape((6, 5, 4)), (net.conv("x", 4),), 0.3, 7)
    y = net.add("codes", ops.Reshape((6, 5, 4)), (table(net, x),), 0.01, -3)
    z = net.add("codes", ops.Reshape((6, 5, 4)), (net.conv(y, 4),), 0.4, 5)
    graph = net.graph(net.sum(z, y))
    changed = normalize(graph)
    assert [type(node.op) for node in changed.nodes] == [ops.Conv, ops.Table, ops.Conv, ops.Reshape, ops.Binary]
    assert (changed.tensors[y].scale, changed.tensors[y].zero_point) == (0.01, -3)
    same(graph, changed)


def test_functions_of_two_tensors_stay() -> None:
    net = Net((4, 4, 3))
    x, y = net.conv("x", 3), net.conv("x", 3)
    net.sum(table(net, x), y)
    graph = net.graph()
    assert [node.op for node in merge_tables(graph).nodes] == [node.op for node in graph.nodes]


def test_names_are_free() -> None:
    net = Net((4, 4, 3))
    net.consts["table1_merged"] = np.zeros(256, np.int8)
    net.add("a", ops.Table("table1_merged"), ("x",))
    table(net, net.nodes[-1].output)
    graph = net.graph()
    same(graph, merge_tables(graph))
