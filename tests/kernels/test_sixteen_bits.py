"""Codes of 16 bits on the whole ladder: every kernel of them, alone and in networks of both widths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb, codes_for, join
from nets import Net
from proved import prove

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import Requant
from ircompile.ir.simulate import run_graph
from ircompile.kernels.long_sums import long_sums
from ircompile.kernels.lower import lower
from ircompile.pipeline import build
from ircompile.plan.simulate import run_plan
from ircompile.qtype import INT16
from ircompile.target import load_target

SHAPE = (6, 7, 5)
TOGETHER = 9
EVERY = ("gcc", "cortex-m0plus", "cortex-m4", "cortex-m55")
Step = Callable[["Wide", str], str]


class Wide(Net):
    """A network of 16-bit codes, zero points 0, whose convolutions have 64-bit biases."""

    def __init__(self, shape: tuple[int, int, int], seed: int = 0) -> None:
        super().__init__(shape, seed, "wide", "int16")
        self.tensors["x"] = replace(self.tensors["x"], zero_point=0)
        self.largest_bias = 2**20

    def op(self, op: ops.Op, *inputs: str, scale: float = 0.05, dtype: str = "int16", zero: int = 0) -> str:
        return self.add("op", op, inputs, scale, zero, dtype)

    def wide(self, shape: tuple[int, ...], channels: int, low: int = INT16.low) -> tuple[str, str, Requant]:
        n, taps = len(self.nodes), np.prod(shape) // channels
        weights = self.const(f"w{n}", self.rng.integers(-128, 128, shape).astype(np.int8))
        bias = self.const(f"b{n}", self.rng.integers(-self.largest_bias, self.largest_bias, channels))
        scale = self.const(f"s{n}", self.rng.uniform(0.3, 1.5, channels) / (70.0 * np.sqrt(taps)))
        return weights, bias, Requant("wide", scale, 0, low, INT16.high)

    def dense(self, x: str, channels: int, window: ops.Window, low: int = INT16.low) -> str:
        shape = (channels, *window.kernel, self.tensors[x].channels)
        return self.op(ops.Conv(window, *self.wide(shape, channels, low)), x)

    def thin(self, x: str, window: ops.Window, multiplier: int = 1, low: int = INT16.low) -> str:
        channels = self.tensors[x].channels * multiplier
        return self.op(ops.Depthwise(window, *self.wide((*window.kernel, channels), channels, low)), x)


def transposed(net: Wide, x: str) -> str:
    weights, bias, requant = net.wide((3, 3, 3, net.tensors[x].channels), 3)
    return net.op(ops.TransposeConv((12, 13), (2, 2), (0, 1), weights, bias, requant), x)


def constant(net: Wide, shape: tuple[int, int, int]) -> ops.Constant:
    return ops.Constant(net.const("c", net.rng.integers(INT16.low, INT16.high, shape).astype(np.int16)), 0.03, 0)


def pair(kind: str, rounding: str = "double", **how: float) -> Step:
    def add(net: Wide, x: str) -> str:
        op = ops.Binary(kind, rounding, INT16.low, INT16.high)  # type: ignore[arg-type]
        return net.op(op, x, net.dense(x, 5, ops.Window((1, 1))), **how)  # type: ignore[arg-type]

    return add


def with_constant(shape: tuple[int, int, int]) -> Step:
    def add(net: Wide, x: str) -> str:
        return net.op(ops.Binary("add", "double", -20000, INT16.high, constant(net, shape)), x, scale=0.07)

    return add


def one(op: ops.Op, scale: float = 0.05, dtype: str = "int16", zero: int = 0) -> Step:
    return lambda net, x: net.op(op, x, scale=scale, dtype=dtype, zero=zero)


SAME = ops.Window((3, 3), (1, 1), (1, 1, 1, 1))
STRIDED = ops.Window((3, 2), (2, 2), (0, 1, 1, 0))
FULL = (INT16.low, INT16.high)
STEPS: dict[str, Step] = {
    "Conv": lambda net, x: net.dense(x, 7, SAME),
    "Conv, strided": lambda net, x: net.dense(x, 4, STRIDED, low=0),
    "Conv, dilated": lambda net, x: net.dense(x, 3, ops.Window((2, 3), (1, 1), (1, 0, 2, 2), (1, 2))),
    "Conv, pointwise": lambda net, x: net.dense(x, 9, ops.Window((1, 1))),
    "Conv, the whole map": lambda net, x: net.dense(x, 4, ops.Window((6, 7))),
    "Depthwise": lambda net, x: net.thin(x, SAME),
    "Depthwise, strided": lambda net, x: net.thin(x, ops.Window((5, 3), (2, 2), (2, 2, 1, 1)), 2),
    "Depthwise, dilated": lambda net, x: net.thin(x, ops.Window((2, 2), (1, 1), (1, 1, 1, 1), (2, 2)), low=-7),
    "Depthwise, a column": lambda net, x: net.thin(net.op(ops.Slice((0, 2, 0), (6, 2, 5)), x), SAME),
    "Conv, a column": lambda net, x: net.dense(x, 4, ops.Window((2, 7))),
    "TransposeConv": transposed,
    "ADD": pair("add", scale=0.09),
    "SUB": pair("sub", scale=0.0513),
    "MUL": pair("mul", scale=30.0),
    "SQUARED_DIFFERENCE": pair("squared_difference", scale=900.0),
    "MAXIMUM": pair("max", "raw"),
    "MINIMUM": pair("min", "raw"),
    "ADD, a constant": with_constant((1, 1, 5)),
    "ADD, constant rows": with_constant((6, 1, 5)),
    "AveragePool": one(ops.AveragePool(STRIDED, "integer", -300, INT16.high)),
    "MaxPool": one(ops.MaxPool(ops.Window((3, 3), (2, 1), (1, 1, 1, 1)), INT16.low, 1000)),
    "Mean": one(ops.Mean("hw", "integer", *FULL), 0.041),
    "Mean over columns": one(ops.Mean("w", "integer", *FULL), 0.041),
    "Mean over rows": one(ops.Mean("h", "code", *FULL)),
    "Extreme": one(ops.Extreme("max")),
    "Extreme over rows": one(ops.Extreme("min", "h")),
    "Pad": one(ops.Pad((1, 2, 1), (0, 1, 2), -1234)),
    "Slice": one(ops.Slice((1, 1, 1), (4, 3, 2), (1, 2, 2))),
    "Slice, runs": one(ops.Slice((0, 1, 1), (6, 5, 3))),
    "Slice, rows": one(ops.Slice((2, 2, 0), (4, 5, 5))),
    "Concat, channels": lambda net, x: net.op(ops.Concat(2), x, net.dense(x, 3, ops.Window((1, 1)))),
    "Concat, columns": lambda net, x: net.op(ops.Concat(1), x, net.thin(x, SAME)),
    "Concat, rows": lambda net, x: net.op(ops.Concat(0), net.thin(x, SAME), x),
    "Reshape": one(ops.Reshape((14, 5, 3))),
    "Transpose": one(ops.Transpose((2, 0, 1))),
    "Transpose of columns": one(ops.Transpose((0, 2, 1))),
    "Resize": one(ops.Resize("nearest", (12, 14))),
    "Resize, other sizes": one(ops.Resize("nearest", (9, 5))),
    "ArgMax": one(ops.ArgMax(), 1.0, "int32"),
    "QUANTIZE to 8 bits": one(ops.Rescale(0.003, 0.003, -128, 127), 16.0, "int8", -7),
    "LEAKY_RELU": one(ops.Rescale(0.9, 0.231, *FULL)),
    "LEAKY_RELU, falling": one(ops.Rescale(1.0, -0.4, *FULL)),
    "RELU6": one(ops.Rescale(1.0, 1.0, 0, 6000)),
    "LOGISTIC": one(ops.Sigmoid("logistic", 30000, 12), 2.0**-15),
    "TANH": one(ops.Sigmoid("tanh", 3, 0), 2.0**-15),
    "Softmax": one(ops.Softmax("interpolated"), 2.0**-15),
}


def network(step: Step) -> Graph:
    """A 16-bit depthwise convolution, the operator, and a convolution behind it where that takes its codes."""
    net = Wide(SHAPE)
    x = step(net, net.thin("x", SAME))
    return net.graph(x)


@pytest.mark.thorough
@pytest.mark.parametrize("name", STEPS)
def test_in_numpy(name: str) -> None:
    """The plan is proved, and its simulation equals the graph's."""
    graph = network(STEPS[name])
    plan = build(graph, load_target("cortex-m4"), "net", "resident").plan
    prove(plan)
    for vector in codes_for(graph, 4):
        wanted, found = run_graph(graph, vector), run_plan(plan, vector)
        for output in graph.output_names:
            assert found[output].dtype == wanted[output].dtype
            np.testing.assert_array_equal(found[output], wanted[output])


@pytest.mark.toolchain
@pytest.mark.parametrize("first", range(0, len(STEPS), TOGETHER))
@pytest.mark.parametrize("rung", EVERY)
def test_on_every_rung(rung: str, first: int, tmp_path: Path) -> None:
    steps = list(STEPS.values())[first : first + TOGETHER]
    climb(join([network(step) for step in steps]), tmp_path, rungs=(rung,))


@pytest.mark.toolchain
@pytest.mark.parametrize("rung", ["gcc", "cortex-m4"])
def test_depthwise_in_pairs(rung: str, tmp_path: Path) -> None:
    """Rows of three taps over all small widths, so that windows begin in both halves of words."""
    graphs = []
    for width in (1, 2, 3, 5, 8):
        for kh, stride, pads in ((3, 1, (1, 1)), (1, 2, (1, 0)), (5, 1, (0, 2)), (2, 3, (2, 2))):
            if width + sum(pads) >= 3:
                net = Wide((6, width, 3))
                window = ops.Window((kh, 3), (1, stride), (1, kh // 2, *pads))
                graphs.append(net.graph(net.thin("x", window, 1 + (width + kh) % 2)))
    lowered = [lower(graph, load_target("cortex-m4")) for graph in graphs]
    assert {kernel.template for one in lowered for kernel in one.kernels.values()} == {"copy", "depthwise_pairs"}
    climb(join(graphs), tmp_path, rungs=(rung,))


def both(mode: str = "plain") -> Graph:
    """8 bits, 16 bits, 8 bits again; with a stride, a residual connection and, at will, sums of 64 bits."""
    net = Wide((9, 8, 4), 3)
    net.largest_bias = 2**44 if mode == "long" else 2**20
    net.tensors["x"] = replace(net.tensors["x"], dtype="int8", zero_point=11)
    x = net.op(ops.Rescale(97.3, 97.3, *FULL), "x", scale=0.0005)
    y = net.dense(net.thin(net.dense(x, 12, ops.Window((1, 1)), low=0), SAME, low=0), 4, ops.Window((1, 1)))
    x = net.op(ops.Binary("add", "double", *FULL), x, y)
    x = net.dense(net.thin(x, STRIDED, 2), 6, SAME)
    x = net.op(ops.Rescale(0.004, 0.004, -128, 127), x, scale=0.1, dtype="int8", zero=-3)
    net.rounding = "double"
    return net.graph(net.conv(x, 5, (3, 3)))


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["plain", "long"])
def test_both_widths(mode: str, tmp_path: Path) -> None:
    graph = both(mode)
    vectors = codes_for(graph, 6)
    climb(graph, tmp_path / "resident", vectors=vectors, rungs=("gcc", "cortex-m0plus", "cortex-m4", "cortex-m55"))
    climb(graph, tmp_path / "rows", "rows", vectors=vectors, rungs=("gcc", "cortex-m4"))


@pytest.mark.toolchain
def test_sums_that_leave_32_bits_on_their_way(tmp_path: Path) -> None:
    """Great codes times 127, as many times -127: the sum is small, half of it is not."""
    net = Wide((2, 2, 2))
    y = net.dense("x", 1200, ops.Window((1, 1)), low=30_000)
    z = net.dense(y, 1, ops.Window((1, 1)))
    net.consts["w1"] = np.repeat([127, -127], 600).astype(np.int8).reshape(1, 1, 1, 1200)
    graph = net.graph(z)
    assert long_sums(graph) == {graph.nodes[1].name}
    climb(graph, tmp_path, rungs=("gcc", "cortex-m4"))


@pytest.mark.toolchain
def test_32_bits_in(tmp_path: Path) -> None:
    net = Wide((3, 4, 5))
    net.tensors["x"] = replace(net.tensors["x"], dtype="int32")
    net.op(ops.Rescale(2.0**-17 * 1.3, 2.0**-17 * 1.3, *FULL), "x")
    climb(net.graph(), tmp_path, rungs=("gcc", "cortex-m0plus", "cortex-m4"))


def test_negative_scales_are_refused() -> None:
    net = Wide(SHAPE)
    y = net.dense("x", 3, ops.Window((1, 1)))
    net.consts["s0"] = net.consts["s0"] * [1, -1, 1]
    with pytest.raises(CompileError, match="negative scale"):
        net.graph(y)
