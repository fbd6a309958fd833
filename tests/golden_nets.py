"""Five small networks, one for each family of kernels, for tests/golden and `scripts/replay.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from nets import Net

from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import Requant


def dense() -> Graph:
    """Convolutions: a stem, pointwise ones, a mean and a fully connected layer."""
    net = Net((12, 12, 3), 1)
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    x = net.conv(net.conv(x, 12, relu=True), 8, (3, 3))
    return net.graph(net.conv(net.add("mean", ops.Mean(), (x,)), 10), name="dense")


def separable() -> Graph:
    """Depthwise convolutions of strides 1 and 2, in inverted residual blocks, with a sum."""
    net = Net((16, 16, 4), 2)
    x = net.inverted_residual("x", 4, 4)
    x = net.inverted_residual(x, 4, 8, stride=2)
    return net.graph(net.depthwise(x, (5, 5), relu=False), name="separable")


def pooled() -> Graph:
    """Windows without weights, branches that a concatenation joins, and a softmax; with ONNX Runtime's rounding."""
    net = Net((12, 10, 4), 3, rounding="float32_even")
    x = net.conv("x", 8, (3, 3), relu=True)
    zero = net.tensors[x].zero_point
    small = net.add("pool", ops.MaxPool(ops.Window((2, 2), (2, 2))), (x,), 0.05, zero)
    large = net.add("resize", ops.Resize("nearest", (12, 10)), (small,), 0.05, zero)
    soft = net.add("average", ops.AveragePool(ops.Window((3, 3), (1, 1), (1, 1, 1, 1))), (x,), 0.05, zero)
    joined = net.add("concat", ops.Concat(2), (large, soft), 0.05, zero)
    x = net.conv(net.add("extreme", ops.Extreme("max"), (joined,), 0.05, zero), 6)
    return net.graph(net.add("softmax", ops.Softmax("gemmlowp"), (x,), 1 / 256, -128), name="pooled")


def elementwise() -> Graph:
    """Sums, products, the greater of two, tables and a PReLU, over a gate of squeeze and excitation."""
    net = Net((8, 8, 6), 4)
    x = net.conv("x", 6, relu=False)
    net.consts["t"] = net.rng.permutation(np.arange(-128, 128)).astype(np.int8)
    gate = net.add("table", ops.Table("t"), (net.conv(net.add("mean", ops.Mean(), (x,)), 6),))
    x = net.sum(x, gate, "mul")
    net.consts["alpha"] = net.rng.integers(-128, 128, (1, 1, 6)).astype(np.int8)
    y = net.add("prelu", ops.Prelu("alpha", 0.01, 0), (net.conv(x, 6),))
    net.tensors[y] = replace(net.tensors[y], zero_point=net.tensors[x].zero_point)
    z = net.add("max", ops.Binary("max", "raw"), (x, y), 0.05, net.tensors[x].zero_point)
    return net.graph(net.sum(x, z, "sub"), name="elementwise")


def moving() -> Graph:
    """What moves codes: pads, slices, blocks, a transposed convolution, and the greatest channel."""
    net = Net((8, 8, 4), 5)
    x = net.conv("x", 8, (3, 3))
    zero = net.tensors[x].zero_point
    x = net.add("blocks", ops.DepthToSpace(2), (x,), 0.05, zero)
    x = net.add("slice", ops.Slice((1, 2, 0), (12, 12, 2)), (x,), 0.05, zero)
    x = net.add("pad", ops.Pad((1, 0, 0), (1, 2, 0), zero), (x,), 0.05, zero)
    net.consts["tw"] = net.rng.integers(-127, 128, (4, 3, 3, 2)).astype(np.int8)
    net.consts["tb"] = net.rng.integers(-99, 99, 4).astype(np.int32)
    net.consts["ts"] = np.full(4, 0.002)
    op = ops.TransposeConv((28, 28), (2, 2), (0, 0), "tw", "tb", Requant("double", "ts", 0))
    x = net.add("transposed", op, (x,), zero=0)
    return net.graph(net.add("argmax", ops.ArgMax(), (x,), dtype="int32"), name="moving")


class Golden(NamedTuple):
    """How the C in tests/golden was compiled."""

    make: Callable[[], Graph]
    target: str
    mode: InputMode


GOLDEN = {
    "dense": Golden(dense, "cortex-m4", "rows"),
    "separable": Golden(separable, "cortex-m4", "resident"),
    "pooled": Golden(pooled, "cortex-m0plus", "rows"),
    "elementwise": Golden(elementwise, "cortex-m55", "resident"),
    "moving": Golden(moving, "host", "rows"),
}
