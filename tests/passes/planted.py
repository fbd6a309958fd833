"""Random networks with constant, dead and unread channels planted in them."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array

BIG = 1 << 24  # a bias that saturates any channel


def plant(net: Net, share: float) -> None:
    """Gives a share of the convolutions' channels a saturating bias, rows of zeros, or columns of zeros."""
    for node in net.nodes:
        if not isinstance(node.op, ops.Conv | ops.Depthwise | ops.TransposeConv):
            continue
        weights, bias = net.consts[node.op.weights], net.consts[node.op.bias]
        chosen = net.rng.random(len(bias)) < share
        kind = net.rng.integers(0, 3, len(bias))
        bias[chosen & (kind == 0)] = -BIG
        bias[chosen & (kind == 1)] = BIG
        zero = np.flatnonzero(chosen & (kind == 2))
        if isinstance(node.op, ops.Depthwise):
            weights[..., zero] = 0
        else:
            weights[zero] = 0
            weights[..., net.rng.random(weights.shape[3]) < share / 2] = 0


def codes(graph: Graph, seed: int) -> list[dict[str, Array]]:
    """Random, extreme and checkerboard inputs."""
    rng = np.random.default_rng(seed)
    kinds = (_random, _lowest, _highest, _checkerboard, _extremes)
    inputs = [graph.tensors[name] for name in graph.input_names]
    return [{t.name: _typed(make(t.shape, rng), t.dtype) for t in inputs} for make in kinds]


def _typed(array: Array, dtype: str) -> Array:
    return array if dtype == "int8" else array.view(np.uint8) ^ np.uint8(128)


def _random(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.integers(-128, 128, shape).astype(np.int8)


def _lowest(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.full(shape, -128, np.int8)


def _highest(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.full(shape, 127, np.int8)


def _checkerboard(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.where(np.indices(shape).sum(axis=0) % 2, 127, -128).astype(np.int8)


def _extremes(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.choice(np.array([-128, 127], np.int8), shape)


@st.composite
def planted_nets(draw: st.DrawFn) -> Graph:
    """A few random layers on a small map, a share of whose channels is constant or unread."""
    size = draw(st.sampled_from([(1, 1), (1, 5), (4, 4), (7, 6)]))
    rounding = draw(st.sampled_from(["double", "single", "float32_even", "float64_away"]))
    net = Net((*size, draw(st.integers(1, 4))), draw(st.integers(0, 2**16)), rounding)
    x = net.conv("x", draw(st.integers(2, 8)), draw(st.sampled_from([(1, 1), (3, 3)])), relu=draw(st.booleans()))
    outputs = []
    for _ in range(draw(st.integers(1, 5))):
        x = _layer(net, x, draw(st.sampled_from(sorted(LAYERS))), draw)
        if draw(st.integers(0, 9)) == 0:
            outputs.append(x)
    last = net.conv(x, draw(st.integers(1, 4)))
    plant(net, draw(st.sampled_from([0.0, 0.3, 0.6, 0.95])))
    return net.graph(*dict.fromkeys([*outputs, last]))


def _layer(net: Net, x: str, kind: str, draw: st.DrawFn) -> str:
    return LAYERS[kind](net, x, draw)


def _conv(net: Net, x: str, draw: st.DrawFn) -> str:
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 1), (5, 5)]))
    stride = draw(st.sampled_from([(1, 1), (2, 2), (2, 1)]))
    dilation = draw(st.sampled_from([(1, 1), (2, 2)])) if stride == (1, 1) else (1, 1)
    return net.conv(x, draw(st.integers(1, 8)), kernel, stride, dilation=dilation, relu=draw(st.booleans()))


def _depthwise(net: Net, x: str, draw: st.DrawFn) -> str:
    stride = draw(st.sampled_from([(1, 1), (2, 2)]))
    multiplier = draw(st.sampled_from([1, 1, 2, 3])) if net.tensors[x].channels < 9 else 1
    return net.depthwise(x, (3, 3), stride, multiplier=multiplier, relu=draw(st.booleans()))


def _residual(net: Net, x: str, draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["add", "sub", "mul"]))
    return net.sum(x, net.conv(net.depthwise(x), net.tensors[x].channels), kind)


def _gate(net: Net, x: str, draw: st.DrawFn) -> str:
    """Squeeze and excite."""
    small = net.conv(net.add("mean", ops.Mean(), (x,)), 3, relu=True)
    return net.sum(x, net.conv(small, net.tensors[x].channels), "mul")


def _constant(net: Net, x: str, draw: st.DrawFn) -> str:
    channels = net.tensors[x].channels if draw(st.booleans()) else 1
    name = f"k{len(net.nodes)}"
    net.consts[name] = net.rng.integers(-128, 128, (1, 1, channels)).astype(np.int8)
    constant = ops.Constant(name, 0.02, int(net.rng.integers(-9, 9)), first=draw(st.booleans()))
    kind = draw(st.sampled_from(["add", "sub", "mul"]))
    return net.add("const", ops.Binary(kind, "double", constant=constant), (x,))  # type: ignore[arg-type]


def _table(net: Net, x: str, draw: st.DrawFn) -> str:
    name = f"t{len(net.nodes)}"
    steps = net.rng.integers(-9, 9, 256)
    net.consts[name] = np.clip(steps.cumsum() * draw(st.integers(0, 2)), -128, 127).astype(np.int8)
    return net.add("table", ops.Table(name), (x,))


def _pool(net: Net, x: str, draw: st.DrawFn) -> str:
    window = ops.Window((3, 3), draw(st.sampled_from([(1, 1), (2, 2)])), (1, 1, 1, 1))
    kind = draw(st.sampled_from([ops.MaxPool, ops.AveragePool]))
    same = net.tensors[x]
    return net.add("pool", kind(window), (x,), same.scale, same.zero_point)


def _pad(net: Net, x: str, draw: st.DrawFn) -> str:
    before, after = (tuple(draw(st.integers(0, 1)) for _ in range(3)) for _ in range(2))
    same = net.tensors[x]
    value = draw(st.sampled_from([same.zero_point, -128]))
    return net.add("pad", ops.Pad(before, after, value), (x,), same.scale, same.zero_point)  # type: ignore[arg-type]


def _mean(net: Net, x: str, draw: st.DrawFn) -> str:
    axes = draw(st.sampled_from(["h", "w", "hw"]))
    return net.add("mean", ops.Mean(axes, draw(st.sampled_from(["integer", "float32_even", "code"]))), (x,))  # type: ignore[arg-type]


def _move(net: Net, x: str, draw: st.DrawFn) -> str:
    height, width, channels = net.tensors[x].shape
    kinds = [ops.Transpose((1, 0, 2)), ops.Transpose((2, 0, 1)), ops.Reshape((width, height, channels))]
    kinds.append(ops.Reshape((1, 1, height * width * channels)))
    same = net.tensors[x]
    return net.add("move", draw(st.sampled_from(kinds)), (x,), same.scale, same.zero_point)


def _concat(net: Net, x: str, draw: st.DrawFn) -> str:
    axis = draw(st.sampled_from([0, 1, 2, 2]))
    channels = draw(st.integers(1, 5)) if axis == 2 else net.tensors[x].channels
    return net.add("concat", ops.Concat(axis), (net.conv(x, channels), x, net.conv(x, channels, (3, 3))))


def _slice(net: Net, x: str, draw: st.DrawFn) -> str:
    begin, shape, stride = [], [], []
    for size in net.tensors[x].shape:
        begin.append(draw(st.integers(0, min(size - 1, 2))))
        stride.append(draw(st.sampled_from([1, 1, 1, 2])))
        shape.append(draw(st.integers(1, -(-(size - begin[-1]) // stride[-1]))))
    return net.add("slice", ops.Slice(tuple(begin), tuple(shape), tuple(stride)), (x,))  # type: ignore[arg-type]


def _resize(net: Net, x: str, draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["nearest", "bilinear", "bilinear_float32"]))
    size = draw(st.sampled_from([(1, 1), (8, 8), (5, 9)]))
    corners, half = draw(st.sampled_from([(False, False), (True, False), (False, True)]))
    return net.add("resize", ops.Resize(kind, size, corners, half), (x,))  # type: ignore[arg-type]


def _transpose_conv(net: Net, x: str, draw: st.DrawFn) -> str:
    stride, (height, width, channels) = draw(st.sampled_from([(1, 1), (2, 2)])), net.tensors[x].shape
    size = height * stride[0], width * stride[1]
    names = net._weights((4, 3, 3, channels), 4, 3 * channels, 5, draw(st.booleans()))
    padding = draw(st.sampled_from([(0, 0), (1, 1)]))
    return net.add("upconv", ops.TransposeConv(size, stride, padding, *names), (x,), zero=5)


def _prelu(net: Net, x: str, draw: st.DrawFn) -> str:
    name = f"a{len(net.nodes)}"
    shape = [draw(st.sampled_from([1, size])) for size in net.tensors[x].shape]
    net.consts[name] = net.rng.integers(-128, 128, shape).astype(np.int8)
    return net.add("prelu", ops.Prelu(name, 0.01, int(net.rng.integers(-9, 9))), (x,))


def _extreme(net: Net, x: str, draw: st.DrawFn) -> str:
    kind, axes = draw(st.sampled_from(["max", "min"])), draw(st.sampled_from(["h", "w", "hw"]))
    return net.add("extreme", ops.Extreme(kind, axes), (x,))  # type: ignore[arg-type]


def _blocks(net: Net, x: str, draw: st.DrawFn) -> str:
    if net.tensors[x].channels % 4 == 0:
        return net.add("blocks", ops.DepthToSpace(2), (x,))
    bigger = net.add("resize", ops.Resize("nearest", (4, 4)), (x,))
    return net.add("blocks", ops.SpaceToDepth(2), (bigger,))


def _softmax(net: Net, x: str, draw: st.DrawFn) -> str:
    return net.add("softmax", ops.Softmax("gemmlowp"), (x,), 1 / 256, -128)


LAYERS = {
    "conv": _conv, "depthwise": _depthwise, "residual": _residual, "gate": _gate, "constant": _constant,
    "table": _table, "pool": _pool, "pad": _pad, "mean": _mean, "move": _move,
    "concat": _concat, "slice": _slice, "resize": _resize, "transpose_conv": _transpose_conv, "prelu": _prelu,
    "extreme": _extreme, "blocks": _blocks, "softmax": _softmax,
}  # fmt: skip
