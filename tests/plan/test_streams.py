"""Every operator streams where its receptive field allows: a picture four times as high takes no more memory.

Rows are pushed, and a mean ends the network, so that nothing but the operator can ask for a whole map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net
from proved import prove

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import Requant
from ircompile.plan import Plan
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan

WIDTH, CHANNELS = 12, 8
MORE = 64
"""Bytes that a picture four times as high may take more: parts of rows that fall otherwise."""

Step = Callable[[Net, str], str]


def resized(kind: str, factor: float, **how: bool) -> Step:
    def add(net: Net, x: str) -> str:
        height, width, _ = net.tensors[x].shape
        size = (int(height * factor), int(width * factor))
        return net.add("resize", ops.Resize(kind, size, **how), (x,), 0.05, net.tensors[x].zero_point)  # type: ignore[arg-type]

    return add


def transposed(kernel: int, stride: int) -> Step:
    def add(net: Net, x: str) -> str:
        height, width, channels = net.tensors[x].shape
        net.consts["tw"] = net.rng.integers(-127, 128, (4, kernel, kernel, channels)).astype(np.int8)
        net.consts["tb"] = net.rng.integers(-99, 99, 4).astype(np.int32)
        net.consts["ts"] = np.full(4, 0.002)
        size = (height * stride, width * stride)
        padding = ((kernel - stride) // 2,) * 2
        op = ops.TransposeConv(size, (stride, stride), padding, "tw", "tb", Requant("double", "ts", 0))
        return net.add("transposed", op, (x,), zero=0)

    return add


def joined(axis: int) -> Step:
    def add(net: Net, x: str) -> str:
        parts = (net.conv(x, CHANNELS), net.conv(x, CHANNELS, (3, 3)), net.depthwise(x))
        for name in parts:
            net.tensors[name] = replace(net.tensors[name], zero_point=3)
        return net.add("concat", ops.Concat(axis), parts, 0.05, 3)

    return add


def one(make: Callable[[Net, str], ops.Op]) -> Step:
    return lambda net, x: net.add("op", make(net, x), (x,), 0.05, net.tensors[x].zero_point)


def sliced(net: Net, x: str) -> ops.Op:
    height, width, channels = net.tensors[x].shape
    return ops.Slice((1, 2, 3), ((height - 1) // 2, width - 2, channels - 3), (2, 1, 1))


def table(net: Net, x: str) -> ops.Op:
    net.consts["t"] = net.rng.permutation(np.arange(-128, 128)).astype(np.int8)
    return ops.Table("t")


def prelu(net: Net, x: str) -> ops.Op:
    net.consts["p"] = net.rng.integers(-128, 128, (1, 1, net.tensors[x].channels)).astype(np.int8)
    return ops.Prelu("p", 0.01, 0)


def greater(net: Net, x: str) -> str:
    y = net.depthwise(x)
    net.tensors[y] = replace(net.tensors[y], zero_point=net.tensors[x].zero_point)
    return net.add("max", ops.Binary("max", "raw"), (x, y), 0.05, net.tensors[x].zero_point)


def fed_back(net: Net, x: str) -> str:
    """A pyramid of two levels: a smaller map, made larger again, beside the map itself."""
    small = net.conv(x, CHANNELS, (3, 3), (2, 2))
    large = resized("nearest", 2)(net, net.conv(small, CHANNELS))
    return net.conv(net.sum(x, large), CHANNELS, (3, 3))


def reshaped(net: Net, x: str) -> ops.Op:
    height, width, channels = net.tensors[x].shape
    return ops.Reshape((height * 2, width // 2, channels))


def sigmoid(net: Net, x: str) -> str:
    wide = net.add("widen", ops.Rescale(90.0, 90.0, -32768, 32767), (x,), 0.001, 0, "int16")
    return net.add("sigmoid", ops.Sigmoid("logistic", 3, 0), (wide,), 2.0**-15, 0, "int16")


STREAMS: dict[str, Step] = {
    "Conv": lambda net, x: net.conv(x, CHANNELS, (3, 3)),
    "Conv, dilation 5": lambda net, x: net.conv(x, CHANNELS, (3, 3), dilation=(5, 5)),
    "Conv, 1 x N": lambda net, x: net.conv(x, CHANNELS, (1, 7)),
    "Conv, N x 1": lambda net, x: net.conv(x, CHANNELS, (7, 1)),
    "Depthwise": lambda net, x: net.depthwise(x, (5, 5), (2, 2)),
    "Depthwise, multiplier": lambda net, x: net.depthwise(x, multiplier=3),
    "TransposeConv, 2 x 2": transposed(2, 2),
    "TransposeConv, 4 x 4": transposed(4, 2),
    "TransposeConv, 3 x 3": transposed(3, 1),
    "MaxPool": one(lambda net, x: ops.MaxPool(ops.Window((3, 3), (2, 2)))),
    "AveragePool": one(lambda net, x: ops.AveragePool(ops.Window((3, 3), (2, 2)))),
    "Mean over columns": one(lambda net, x: ops.Mean("w")),
    "Mean over rows": one(lambda net, x: ops.Mean("h")),
    "Extreme over columns": one(lambda net, x: ops.Extreme("max", "w")),
    "Extreme over rows": one(lambda net, x: ops.Extreme("min", "h")),
    "Binary": lambda net, x: net.sum(x, net.depthwise(x), "mul"),
    "Binary, raw": greater,
    "Prelu": one(prelu),
    "Table": one(table),
    "Rescale": lambda net, x: net.add("rescale", ops.Rescale(0.9, 0.4, -128, 127), (x,), 0.05, 3),
    "Sigmoid": lambda net, x: net.add("narrow", ops.Rescale(0.01, 0.01, -128, 127), (sigmoid(net, x),), 0.05, 3),
    "Softmax": lambda net, x: net.add("softmax", ops.Softmax("gemmlowp"), (x,), 1 / 256, -128),
    "L2Normalization": lambda net, x: net.add("l2", ops.L2Normalization(), (x,), 1 / 128, 0),
    "Resize, nearest": resized("nearest", 2),
    "Resize, nearest, smaller": resized("nearest", 0.5),
    "Resize, bilinear": resized("bilinear", 2, half_pixel=True),
    "Resize, bilinear, corners": resized("bilinear", 3, align_corners=True),
    "Resize, bilinear, asymmetric": resized("bilinear", 2),
    "Resize, bilinear, of ONNX": resized("bilinear_onnx", 2, half_pixel=True),
    "Resize, beside the map": fed_back,
    "Concat, channels": joined(2),
    "Concat, columns": joined(1),
    "Slice": one(sliced),
    "Gather, channels": one(lambda net, x: ops.Gather(2, (*range(1, CHANNELS), 0))),
    "Gather, columns": one(lambda net, x: ops.Gather(1, (*range(1, WIDTH), 0))),
    "Pad": one(lambda net, x: ops.Pad((3, 1, 2), (1, 2, 0), 5)),
    "DepthToSpace": one(lambda net, x: ops.DepthToSpace(2)),
    "SpaceToDepth": one(lambda net, x: ops.SpaceToDepth(2)),
    "Reshape": one(reshaped),
    "ArgMax": lambda net, x: net.add("argmax", ops.ArgMax(), (x,), dtype="int32"),
    "Transpose of columns and channels": one(lambda net, x: ops.Transpose((0, 2, 1))),
}


BYTES: dict[str, Callable[[Net], ops.Op]] = {
    "Flip": lambda net: ops.Flip(),
    "PixelTable": lambda net: ops.PixelTable("p"),
}
"""Operators that take uint8, and so the model's input."""
LOWERED = {ops.Copy, ops.RunningSum, ops.MeanOfSums}
"""What stands in no model: lowering adds it for kernels that want rows in another order, or running_sums does."""


def around(step: Step, height: int) -> Graph:
    """A convolution, what `step` adds behind it, and the mean of that if it is int8."""
    net = Net((height, WIDTH, 3))
    x = step(net, net.conv("x", CHANNELS, (3, 3)))
    return net.graph(net.add("mean", ops.Mean(), (x,)) if net.tensors[x].dtype == "int8" else x)


def behind_bytes(make: Callable[[Net], ops.Op], height: int) -> Graph:
    """The operator, a convolution and the mean of that."""
    net = Net((height, WIDTH, 3), dtype="uint8")
    net.consts["p"] = net.rng.integers(-128, 128, (3, 256)).astype(np.int8)
    x = net.add("op", make(net), ("x",), 0.05, net.tensors["x"].zero_point - 128)
    return net.graph(net.add("mean", ops.Mean(), (net.conv(x, CHANNELS, (3, 3)),)))


def planned(graph: Graph) -> Plan:
    plan = choose_plan(graph, load_target("cortex-m4"), "rows").plan
    prove(plan)
    return plan


def beside_outputs(graph: Graph) -> int:
    """Bytes of the arena; not counted are outputs, which stay to the end."""
    return planned(graph).arena_bytes - sum(graph.tensors[name].bytes for name in graph.output_names)


def test_every_operator_is_tried() -> None:
    graphs = [around(step, 32) for step in STREAMS.values()]
    graphs += [behind_bytes(make, 32) for make in BYTES.values()]
    assert {type(node.op) for graph in graphs for node in graph.nodes} == set(ops.OPS) - LOWERED


@pytest.mark.thorough
@pytest.mark.parametrize("name", STREAMS)
def test_a_higher_picture_takes_no_more(name: str) -> None:
    low, high = (beside_outputs(around(STREAMS[name], height)) for height in (32, 128))
    assert high <= low + MORE


@pytest.mark.parametrize("name", BYTES)
def test_a_higher_picture_of_bytes_takes_no_more(name: str) -> None:
    low, high = (beside_outputs(behind_bytes(BYTES[name], height)) for height in (32, 128))
    assert high <= low + MORE


@pytest.mark.parametrize("height", [32, 128])
def test_of_a_gated_map_no_more_is_stored_than_itself(height: int) -> None:
    """Squeeze and excite: its mean grows while rows pass; the map waits for it, what is made of it streams."""
    net = Net((height, WIDTH, 3))
    x = net.depthwise(net.conv("x", CHANNELS, (3, 3), (2, 2)))
    gate = net.conv(net.conv(net.add("mean", ops.Mean(), (x,)), 2, relu=True), CHANNELS)
    y = net.conv(net.sum(x, gate, "mul"), 2 * CHANNELS)
    graph = net.graph(net.add("mean", ops.Mean(), (net.depthwise(y),)))
    others = (beside_outputs(around(STREAMS["Depthwise"], 32)), 16 * WIDTH * CHANNELS)
    assert planned(graph).arena_bytes <= graph.tensors[x].bytes + max(others)


def test_what_cannot_stream_is_stored_once() -> None:
    """Rows of the output that need all of the input's: one map is kept, not two."""
    net = Net((32, WIDTH, 3))
    x = net.conv("x", CHANNELS, (3, 3))
    y = net.add("op", ops.Transpose((1, 0, 2)), (x,), 0.05, net.tensors[x].zero_point)
    graph = net.graph(net.add("mean", ops.Mean(), (net.conv(y, 2),)))
    assert planned(graph).arena_bytes <= 1.2 * graph.tensors[x].bytes


@pytest.mark.toolchain
def test_rows_that_need_no_input_wait_for_the_first(tmp_path: Path) -> None:
    """Rows of padding can be computed at once, but C computes nothing before a row is pushed; nor does the plan."""
    climb(around(STREAMS["Pad"], 9), tmp_path, "rows", rungs=("gcc",))
