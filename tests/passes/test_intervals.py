"""Intervals are sound on whole networks, and exact where the inputs of an op are independent."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from nets import Net
from planted import BIG, codes, planted_nets

from ircompile.analyses.intervals import analyze
from ircompile.checks.reach import reach
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array
from ircompile.passes.notice_overflow import check_overflow, notice_overflow

GEOMETRIES = [
    # size, kernel, stride, padding, dilation
    ((5, 5), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((5, 6), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((6, 6), (3, 3), (2, 2), (0, 1, 0, 1), (1, 1)),
    ((1, 1), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((2, 2), (5, 5), (1, 1), (2, 2, 2, 2), (1, 1)),
    ((7, 7), (3, 3), (1, 1), (2, 2, 2, 2), (2, 2)),
    ((7, 5), (3, 2), (3, 1), (1, 0, 0, 1), (1, 1)),
    ((4, 4), (4, 4), (1, 1), (0, 0, 0, 0), (1, 1)),
]


def accumulators(graph: Graph, name: str, inputs: Array) -> Array:
    """The int64 accumulators of a Conv or Depthwise that reads `inputs` (H, W, C), one tap after the other."""
    node = next(node for node in graph.nodes if node.name == name)
    site = graph.site(node)
    weights, bias = (graph.consts[c].astype(np.int64) for c in (node.op.weights, node.op.bias))
    window, source = node.op.window, site.inputs[0]
    acc = np.tile(bias, (*site.output.shape[:2], 1))
    kh, kw = window.kernel
    for oy, ox, ky, kx in product(*map(range, (*site.output.shape[:2], kh, kw))):
        y = oy * window.stride[0] - window.padding[0] + ky * window.dilation[0]
        x = ox * window.stride[1] - window.padding[2] + kx * window.dilation[1]
        if 0 <= y < source.height and 0 <= x < source.width:
            real = inputs[y, x].astype(np.int64) - source.zero_point
            if isinstance(node.op, ops.Conv):
                acc[oy, ox] += weights[:, ky, kx] @ real
            else:
                acc[oy, ox] += weights[ky, kx] * np.repeat(real, len(bias) // source.channels)
    return acc


def reached(graph: Graph, name: str) -> tuple[Array, Array]:
    """Least and greatest accumulator by trying, for each output element, the inputs that serve it best."""
    node = next(node for node in graph.nodes if node.name == name)
    shape = graph.tensors[node.inputs[0]].shape
    zero = graph.tensors[node.inputs[0]].zero_point
    base = accumulators(graph, name, np.full(shape, zero))
    low, high = base.copy(), base.copy()
    for place in np.ndindex(shape):  # linear: each element's best code is found alone
        unit = np.full(shape, zero)
        unit[place] += 1
        slope = accumulators(graph, name, unit) - base
        ends = np.stack([slope * (-128 - zero), slope * (127 - zero)])
        low, high = low + ends.min(axis=0), high + ends.max(axis=0)
    return low.min(axis=(0, 1)), high.max(axis=(0, 1))


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation"), GEOMETRIES)
def test_accumulators_are_exact(kind: str, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
                                padding: tuple[int, int, int, int], dilation: tuple[int, int]) -> None:  # fmt: skip
    net = Net((*size, 2))
    if kind == "conv":
        net.conv("x", 3, kernel, stride, padding, dilation)
    else:
        net.depthwise("x", kernel, stride, padding, dilation, multiplier=2)
    graph = net.graph()
    name = graph.nodes[0].name
    low, high = analyze(graph).accumulators[name]
    expected = reached(graph, name)
    np.testing.assert_array_equal(low, expected[0])
    np.testing.assert_array_equal(high, expected[1])


def test_magnitude_bounds_every_partial_sum() -> None:
    net = Net((5, 5, 3))
    net.conv("x", 4, (3, 3))
    graph = net.graph()
    weights, bias = np.abs(net.consts["w0"].astype(int)), np.abs(net.consts["b0"])
    largest = max(127 - graph.tensors["x"].zero_point, 128 + graph.tensors["x"].zero_point)
    expected = weights.sum(axis=(1, 2, 3)) * largest + bias
    np.testing.assert_array_equal(analyze(graph).magnitude["conv0"], expected)


def test_padding_that_helps_is_counted() -> None:
    """A bias so low that only a border window, which drops the negative tap, reaches its greatest value."""
    net = Net((3, 3, 1))
    y = net.conv("x", 1, (1, 3))
    net.tensors["x"] = replace(net.tensors["x"], zero_point=-128)
    net.consts["w0"][:] = np.array([-100, 1, 1]).reshape(1, 1, 3, 1)
    net.consts["b0"][:] = 0
    low, high = analyze(net.graph(y)).accumulators[y]
    assert (low[0], high[0]) == (-25500, 510)
    net.consts["b0"][:] = 5
    net.tensors["x"] = replace(net.tensors["x"], zero_point=127)  # now each tap adds 0 or less
    low, high = analyze(net.graph(y)).accumulators[y]
    assert (low[0], high[0]) == (5 - 510, 5 + 25500)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(planted_nets())
def test_sound_on_random_networks(graph: Graph) -> None:
    intervals = analyze(graph)
    for inputs in codes(graph, 2):
        for name, value in run_graph(graph, inputs, keep_all=True).items():
            low, high = intervals.codes[name]
            assert low.shape == high.shape == value.shape[2:]
            assert (value >= low).all(), name
            assert (value <= high).all(), name


@pytest.mark.thorough
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(planted_nets())
def test_agrees_with_running_the_ops(graph: Graph) -> None:
    """What is found by running the ops, on lowest and on highest codes, is never wider than what the rules say."""
    intervals, reached = analyze(graph), reach(graph)
    for name, ends in reached.codes.items():
        low, high = intervals.codes[name]
        assert (ends.low >= low).all(), name
        assert (ends.high <= high).all(), name
    for name, ends in reached.sums.items():
        np.testing.assert_array_equal(ends, intervals.sums[name], name)


def single(op: ops.Op, shape: tuple[int, int, int] = (4, 4, 2), **consts: Array) -> Graph:
    net = Net(shape)
    net.consts.update(consts)
    zero = net.tensors["x"].zero_point
    return net.graph(net.add("op", op, ("x",), zero=zero))


@pytest.mark.parametrize(
    "op",
    [
        ops.MaxPool(ops.Window((2, 2)), low=-20, high=90),
        ops.AveragePool(ops.Window((3, 3), padding=(1, 1, 1, 1)), low=-20),
        ops.AveragePool(ops.Window((3, 3), padding=(1, 1, 1, 1)), "float32_even"),
        ops.Mean(),
        ops.Mean("h", "float32_even", high=17),
        ops.Mean("w", "code"),
        ops.Table("t"),
        ops.Binary("mul", "double", constant=ops.Constant("k", 0.03, 4)),
        ops.Binary("sub", "double", constant=ops.Constant("k", 0.03, 4, first=True)),
        ops.Binary("add", "float32_even", constant=ops.Constant("k", 0.03, 4)),
        ops.Binary("min", "raw", constant=ops.Constant("k", 0.05, 0)),
        ops.Prelu("k", 0.01, -3),
        ops.Extreme("max"),
        ops.Resize("bilinear", (7, 7), half_pixel=True),
        ops.Resize("nearest", (2, 7)),
        ops.Pad((1, 0, 1), (0, 2, 0), 7),
        ops.Slice((0, 1, 1), (4, 2, 1)),
        ops.Transpose((1, 0, 2)),
        ops.Transpose((0, 2, 1)),
        ops.Reshape((2, 8, 2)),
        ops.Reshape((1, 4, 8)),
        ops.SpaceToDepth(2),
        ops.Copy(),
    ],
    ids=lambda op: type(op).__name__,
)  # fmt: skip
def test_other_ops_reach_their_bounds(op: ops.Op) -> None:
    """Maps of one code are enough to reach the least and the greatest output of all these."""
    rng = np.random.default_rng(3)
    table = np.clip(rng.integers(-20, 20, 256).cumsum(), -128, 127).astype(np.int8)
    graph = single(op, t=table, k=rng.integers(-60, 60, (1, 1, 2)).astype(np.int8))
    out = graph.output_names[0]
    found = [run_graph(graph, {"x": np.full((4, 4, 2), code, np.int8)})[out] for code in range(-128, 128)]
    low, high = analyze(graph).codes[out]
    np.testing.assert_array_equal(low, np.min(found, axis=(0, 1, 2)))
    np.testing.assert_array_equal(high, np.max(found, axis=(0, 1, 2)))


def test_left_shift_that_can_wrap_gives_up() -> None:
    """mbqm shifts left before it multiplies; where that passes int32 the codes are no longer monotone."""
    net = Net((2, 2, 1))
    y = net.conv("x", 2)
    net.consts["s0"][:] = 2.0**12, 0.01
    net.consts["w0"][:] = 127
    net.consts["b0"][:] = 2**20
    low, high = analyze(net.graph(y)).codes[y]
    assert (low[0], high[0]) == (-128, 127)
    assert low[1] == high[1] == 127


def test_overflow_is_noticed() -> None:
    net = Net((2, 2, 4))
    y = net.conv("x", 3)
    net.consts["b0"][:] = 2**31 - 1, 0, BIG
    net.consts["w0"][0] = 127
    graph = net.graph(y)
    (notice,) = check_overflow(graph, analyze(graph))
    assert "conv0" in notice
    assert "accumulators of 1 channels can overflow int32 (channel 0 lies in" in notice
    assert notice_overflow(graph).notices == (notice,)
    net.consts["b0"][0] = 0
    graph = net.graph(y)
    assert check_overflow(graph, analyze(graph)) == ()
    assert notice_overflow(graph) is graph


def test_partial_sums_beyond_int32_are_noticed() -> None:
    net = Net((2, 2, 2))
    net.tensors["x"] = replace(net.tensors["x"], zero_point=-128)
    y = net.conv("x", 1)
    net.consts["b0"][:] = 2**31 - 1
    net.consts["w0"][:] = -127
    graph = net.graph(y)
    (notice,) = check_overflow(graph, analyze(graph))
    assert "partial sums of 1 channels can leave int32 and return" in notice
