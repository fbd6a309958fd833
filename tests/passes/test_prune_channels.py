"""The pruned graph gives what the original gives, and is proved to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from nets import Net, mobilenet_v2
from planted import BIG, codes, plant, planted_nets

from ircompile.checks.pruning import check_pruning
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.passes.prune_channels import prune_channels, pruning


def proved_equal(graph: Graph) -> Graph:
    """The pruned graph, after proof and trial."""
    pruned, kept = pruning(graph)
    assert check_pruning(graph, pruned, kept) == ()
    for inputs in codes(graph, 1):
        expected, got = run_graph(graph, inputs, keep_all=True), run_graph(pruned, inputs, keep_all=True)
        for name, value in got.items():
            np.testing.assert_array_equal(value, expected[name][..., kept[name]], err_msg=name)
    return pruned


@pytest.mark.thorough
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(planted_nets())
def test_random_networks(graph: Graph) -> None:
    pruned = proved_equal(graph)
    assert prune_channels(pruned) is pruned or not shrinks(pruned), "one run reaches the fixpoint"


def shrinks(graph: Graph) -> bool:
    smaller = prune_channels(graph)
    return any(smaller.tensors[name].channels < graph.tensors[name].channels for name in smaller.tensors)


def channels(graph: Graph) -> dict[str, int]:
    return {name: tensor.channels for name, tensor in graph.tensors.items()}


def test_nothing_to_prune_returns_the_graph_itself() -> None:
    net = Net((6, 6, 3))
    graph = net.graph(net.conv(net.conv("x", 4, (3, 3)), 2))
    assert prune_channels(graph) is graph


def test_constant_channel_folds_into_the_bias_of_its_reader() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 4, (3, 3))
    y = net.conv(a, 2)
    net.consts["b0"][1] = BIG
    before = net.consts["b1"].copy()
    pruned = proved_equal(net.graph(y))
    assert pruned.tensors[a].channels == 3
    added = net.consts["w1"][:, 0, 0, 1].astype(int) * (127 - net.tensors[a].zero_point)
    np.testing.assert_array_equal(pruned.consts["b1"], before + added)
    assert pruned.notices[-1].startswith("pruned 1 of 6 channels; live MACs ")


def test_constant_behind_padding_stays_unless_it_is_the_zero_point() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 4, relu=True)
    y = net.conv(a, 2, (3, 3))
    net.consts["b0"][:2] = BIG, -BIG  # 127 changes at the borders, -128 is the zero point
    assert proved_equal(net.graph(y)).tensors[a].channels == 3


def test_padding_does_not_matter_where_border_taps_are_zero() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 4, relu=True)
    y = net.conv(a, 2, (3, 3))
    net.consts["b0"][0] = BIG
    weights = net.consts["w1"][..., 0]
    weights[:, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
    assert proved_equal(net.graph(y)).tensors[a].channels == 3


def test_padded_depthwise_of_a_constant_is_constant_if_all_borders_agree() -> None:
    for bias, left in ((BIG, 3), (0, 4)):  # saturated again, or different at the border
        net = Net((6, 6, 3))
        a = net.conv("x", 4, relu=True)
        b = net.depthwise(a)
        y = net.conv(b, 2)
        net.consts["b0"][2] = BIG
        net.consts["b1"][2] = bias
        net.consts["w1"][..., 2], net.consts["s1"][2] = 5, 0.01
        pruned = proved_equal(net.graph(y))
        assert (pruned.tensors[a].channels, pruned.tensors[b].channels) == (left, left)


def test_unread_channels_go_up_to_the_input() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 6)
    b = net.depthwise(a)
    c = net.add("pool", ops.MaxPool(ops.Window((2, 2), (2, 2))), (b,))
    y = net.conv(c, 2)
    net.consts["w3"][..., [0, 4]] = 0
    sizes = channels(proved_equal(net.graph(y)))
    assert [sizes[name] for name in ("x", a, b, c)] == [3, 4, 4, 4]


def test_dead_in_one_reader_alone_stays() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 6)
    b, c = net.conv(a, 4), net.conv(a, 4)
    y = net.sum(b, c)
    net.consts["w1"][..., [0, 1]] = 0
    net.consts["w2"][..., [1, 2]] = 0
    assert proved_equal(net.graph(y)).tensors[a].channels == 5


def test_residual_keeps_what_either_side_needs() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 6)
    b = net.conv(a, 6)
    total = net.sum(a, b)
    y = net.conv(total, 2)
    net.consts["b1"][[0, 3]] = BIG
    net.consts["w3"][..., [3, 4]] = 0  # of the sum, and so of both operands, were `a` not read by the convolution
    net.consts["w1"][..., 3] = 0
    sizes = channels(proved_equal(net.graph(y)))
    assert [sizes[name] for name in (a, b, total)] == [5, 5, 5]


def test_multiplier_keeps_whole_groups() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 4)
    b = net.depthwise(a, multiplier=2)
    y = net.conv(b, 2)
    net.consts["w2"][..., [0, 1, 2]] = 0
    sizes = channels(proved_equal(net.graph(y)))
    assert (sizes[a], sizes[b]) == (3, 6)


def test_multiplier_of_one_input_channel_loses_any() -> None:
    net = Net((6, 6, 1))
    b = net.depthwise("x", multiplier=8)
    y = net.conv(b, 2)
    net.consts["w1"][..., [0, 1, 2]] = 0
    assert proved_equal(net.graph(y)).tensors[b].channels == 5


def test_channel_padding_shrinks() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 4)
    b = net.add(
        "pad", ops.Pad((0, 0, 1), (1, 1, 2), net.tensors[a].zero_point), (a,), zero=net.tensors[a].zero_point
    )
    y = net.conv(b, 2, (3, 3))
    net.consts["b0"][0] = BIG
    net.consts["w2"][..., 1] = 0  # the constant channel: its padding makes it two codes, so that it must be unread
    pruned = proved_equal(net.graph(y))
    assert (pruned.tensors[a].channels, pruned.tensors[b].channels) == (3, 3)


def test_outputs_stay_whole_but_read_less() -> None:
    net = Net((6, 6, 3))
    a = net.conv("x", 5)
    y = net.conv(a, 3)
    net.consts["b1"][1] = BIG
    net.consts["w1"][[0, 2], ..., 4] = 0  # read by the constant row alone
    pruned = proved_equal(net.graph(y))
    assert (pruned.tensors[a].channels, pruned.tensors[y].channels) == (4, 3)
    assert not pruned.consts["w1"][1].any()


def test_one_channel_remains_where_all_are_constant() -> None:
    net = Net((6, 6, 3))
    x = net.conv("x", 8, (3, 3))
    for _ in range(2):
        x = net.conv(net.depthwise(x), 8)
    graph = net.graph(x)
    plant(net, 0.0)
    net.consts["b0"][:] = BIG
    net.consts["b1"][:] = -BIG
    pruned = proved_equal(graph)
    assert channels(pruned) == {"x": 3, "conv0": 1, "dw1": 1, "conv2": 1, "dw3": 1, "conv4": 8} or pruned


def test_fully_connected_over_a_map_counts_as_convolution() -> None:
    net = Net((4, 4, 2))
    a = net.conv("x", 6, (3, 3))
    y = net.conv(a, 3, (4, 4), padding=(0, 0, 0, 0))
    net.consts["b0"][[1, 5]] = BIG, -BIG
    assert proved_equal(net.graph(y)).tensors[a].channels == 4


def test_nodes_that_no_output_needs_are_gone() -> None:
    net = Net((4, 4, 2))
    a = net.conv("x", 6)
    net.conv(a, 5)
    y = net.conv(a, 3)
    assert [node.output for node in proved_equal(net.graph(y)).nodes] == [a, y]


def test_shared_constants_are_cut_apart() -> None:
    net = Net((4, 4, 2))
    a, b = net.conv("x", 6), net.conv("x", 6)
    net.nodes[1] = net.nodes[1].__class__(b, net.nodes[0].op, ("x",), b)
    y = net.sum(net.conv(a, 3), net.conv(b, 3))
    net.consts["w2"][..., 0] = 0
    net.consts["w3"][..., 1] = 0
    pruned = proved_equal(net.graph(y))
    assert (pruned.tensors[a].channels, pruned.tensors[b].channels) == (5, 5)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_mobilenet_v2_takes_less_than_a_second(share: float) -> None:
    import time

    graph = mobilenet_v2(1.0, 224)
    net = Net((1, 1, 1))
    net.nodes, net.consts = list(graph.nodes), graph.consts  # type: ignore[assignment]
    plant(net, share)
    start = time.process_time()
    pruned, _ = pruning(graph)
    assert time.process_time() - start < 1.0
    assert pruned.macs() < graph.macs()


@pytest.mark.parametrize("rounding", ["double", "single", "float32_even", "float64_away"])
def test_constant_rows_that_stay_get_the_smallest_bias(rounding: str) -> None:
    net = Net((4, 4, 2), rounding=rounding)
    a = net.conv("x", 5)
    y = net.depthwise(a)
    net.consts["b0"][:2] = 2**30, -(2**30)
    net.consts["b1"][3:] = 2**30, -(2**30)
    pruned = proved_equal(net.graph(y, a))
    weights, bias, dw = (pruned.consts[name] for name in ("w0", "b0", "b1"))
    assert not weights[:2].any()
    assert weights[2:].any(axis=(1, 2, 3)).all()
    assert (np.abs([*bias[:2], *dw[3:]]) < 2**20).all()
    for name, row, node in (("b0", 0, "conv0"), ("b0", 1, "conv0"), ("b1", 3, "dw1"), ("b1", 4, "dw1")):
        graph = replace(pruned, consts={**pruned.consts, name: pruned.consts[name].copy()})
        graph.consts[name][row] -= np.sign(graph.consts[name][row])  # one nearer to 0 changes the code
        inputs = codes(graph, 1)[0]
        changed = run_graph(graph, inputs)[node] != run_graph(pruned, inputs)[node]
        assert changed[..., row].all() == bool(pruned.consts[name][row])
