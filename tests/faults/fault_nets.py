"""The networks in which faults are planted, compiled right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
from golden_nets import dense, elementwise, moving, pooled, separable
from nets import Net
from remembering import wake_word

from ircompile import pipeline
from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import Requant
from ircompile.kernels.model import Program
from ircompile.passes import normalize
from ircompile.qtype import INT16
from ircompile.target import load_target


def blocks() -> Graph:
    """Inverted residuals over rings, with line buffers and sums in place."""
    net = Net((20, 18, 4))
    x = net.conv("x", 8, (3, 3), (2, 2))
    for channels, stride in ((8, 1), (8, 1), (12, 2), (12, 1)):
        x = net.inverted_residual(x, 6, channels, stride)
    return net.graph(x)


def joined() -> Graph:
    """A concatenation of channels that its inputs are written into."""
    net = Net((9, 8, 4), 3)
    x = net.conv("x", 8, (3, 3))
    same = {"scale": 0.05, "zero": 3}
    parts = tuple(net.conv(x, channels) for channels in (4, 8))
    for name in parts:
        net.tensors[name] = replace(net.tensors[name], zero_point=3)
        node = next(node for node in net.nodes if node.output == name)
        place = net.nodes.index(node)
        requant = replace(node.op.requant, zero_point=3)  # type: ignore[union-attr]
        net.nodes[place] = replace(node, op=replace(node.op, requant=requant))  # type: ignore[type-var]
    y = net.add("concat", ops.Concat(2), parts, **same)  # type: ignore[arg-type]
    return net.graph(net.conv(y, 4, (3, 3)))


def nibbles() -> Graph:
    """Weights of 4 bits, so many that they are stored as such; an odd channel is left over."""
    net = Net((4, 6, 48), 6)
    x = net.conv("x", 61)
    for name in ("w0",):
        net.consts[name] = net.rng.integers(-8, 8, net.consts[name].shape).astype(np.int8)
    x = net.conv(x, 48)
    net.consts["w1"] = net.rng.integers(-8, 8, net.consts["w1"].shape).astype(np.int8)
    return net.graph(x)


def excess() -> Graph:
    """Weights as of uint8 codes less their zero point, 151."""
    net = Net((5, 6, 3), 7)
    x = net.conv(net.conv("x", 9, (3, 3)), 7)
    for name in ("w0", "w1"):
        net.consts[name] = (net.rng.integers(0, 256, net.consts[name].shape) - 151).astype(np.int16)
    return net.graph(x)


def narrow() -> Graph:
    """Rows of one pixel: windows over whole rows, and their channels one by one."""
    net = Net((11, 1, 32), 8)
    return net.graph(net.conv(net.depthwise("x", (5, 1), padding=(2, 2, 0, 0)), 4, (3, 1), padding=(1, 1, 0, 0)))


def overlapping() -> Graph:
    """Windows of 16 channels, which share columns."""
    net = Net((5, 6, 16), 10)
    return net.graph(net.conv("x", 4, (3, 3)))


def columns() -> Graph:
    """Short rows of 17 channels, whose columns are words."""
    net = Net((5, 6, 17), 12)
    return net.graph(net.depthwise("x"))


def filtered() -> Graph:
    """Windows on a large map, few weights beside many others: they are computed with fewer products."""
    net = Net((12, 12, 8), 11)
    x = net.add("mean", ops.Mean(), (net.conv("x", 8, (3, 3)),))
    return net.graph(net.conv(x, 256))


def wide(largest_bias: int = 2**20, channels: int = 5) -> Graph:
    """Codes of 16 bits: windows, their channels one by one, pixels, and a product."""
    net = Net((6, 7, channels), 9, "wide", "int16")
    net.tensors["x"] = replace(net.tensors["x"], zero_point=0)

    def parts(shape: tuple[int, ...], channels: int) -> tuple[str, str, Requant]:
        n, taps = len(net.nodes), np.prod(shape) // channels
        weights = net.const(f"w{n}", net.rng.integers(-128, 128, shape).astype(np.int8))
        bias = net.const(f"b{n}", net.rng.integers(-largest_bias, largest_bias, channels))
        scale = net.const(f"s{n}", net.rng.uniform(0.3, 1.5, channels) / (70.0 * np.sqrt(taps)))
        return weights, bias, Requant("wide", scale, 0, INT16.low, INT16.high)

    def add(op: ops.Op, *inputs: str, scale: float = 0.05) -> str:
        return net.add("op", op, inputs, scale, 0, "int16")

    window = ops.Window((3, 3), (1, 1), (1, 1, 1, 1))
    x = add(ops.Depthwise(window, *parts((3, 3, channels), channels)), "x")
    y = add(ops.Conv(window, *parts((channels, 3, 3, channels), channels)), x)
    y = add(ops.Conv(ops.Window((1, 1)), *parts((channels, 1, 1, channels), channels)), y)
    product = ops.Binary("mul", "double", INT16.low, INT16.high)
    return net.graph(add(product, x, y, scale=30.0))


def long() -> Graph:
    """The same with biases beyond 32 bits."""
    return wide(2**44)


def eights() -> Graph:
    """The same with channels enough for a vector."""
    return wide(channels=11)


def remembering() -> Graph:
    """A network over time, whose rings are kept from call to call."""
    return normalize(wake_word())


NETS: Mapping[str, Callable[[], Graph]] = {
    "blocks": blocks, "joined": joined, "dense": dense, "separable": separable, "pooled": pooled,
    "elementwise": elementwise, "moving": moving, "nibbles": nibbles, "excess": excess, "narrow": narrow,
    "overlapping": overlapping, "wide": wide, "long": long, "eights": eights, "remembering": remembering,
    "filtered": filtered, "columns": columns,
}  # fmt: skip


@cache
def program_of(net: str, core: str, mode: InputMode) -> Program:
    """A network compiled right."""
    return pipeline.build(NETS[net](), load_target(core), "net", mode).program
