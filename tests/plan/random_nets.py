"""Small random networks: odd sizes, strides, kernels, residuals, branches, several inputs and outputs."""

from __future__ import annotations

import numpy as np
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph


def random_net(seed: int, inputs: int = 1) -> Graph:
    """A network made from a seed; inputs after the first come in where another layer's output has their shape."""
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(1, 15, 2))
    net = Net((height, width, int(rng.integers(1, 6))), seed)
    x = "x"
    for _ in range(int(rng.integers(1, 7))):
        x = _block(net, x, rng)
    for _ in range(1, inputs):
        shape = net.tensors[x].shape
        y = net.input(shape)
        x = _block(net, net.sum(x, net.conv(y, shape[2], *_same(rng))), rng)
    outputs = [x]
    if rng.random() < 0.3:
        y = net.add("mean", ops.Mean(), (x,))
        outputs = [net.conv(y, int(rng.integers(1, 9)))] + ([x] if rng.random() < 0.3 else [])
    if rng.random() < 0.15 and len(net.nodes) > 2:
        outputs.append(net.nodes[int(rng.integers(len(net.nodes) - 1))].output)
    return net.graph(*dict.fromkeys(outputs))


def _block(net: Net, x: str, rng: np.random.Generator) -> str:
    channels = net.tensors[x].channels
    match int(rng.integers(9)):
        case 0:
            return net.conv(x, int(rng.integers(1, 9)), relu=bool(rng.random() < 0.5))
        case 1:
            return net.conv(x, int(rng.integers(1, 7)), *_window(rng))
        case 2 | 3:
            return net.depthwise(x, *_window(rng), multiplier=int(rng.integers(1, 3)) if channels < 8 else 1)
        case 4:
            stride = int(rng.integers(1, 3))
            return net.inverted_residual(x, int(rng.integers(1, 4)), int(rng.choice([channels, 4])), stride, 3)
        case 5:
            return net.sum(x, net.conv(x, channels, *_same(rng)))
        case 6:
            a, b = net.depthwise(x, *_same(rng)), net.conv(x, channels)
            return net.sum(net.conv(a, channels), b)
        case 7:
            gate = net.conv(net.add("mean", ops.Mean(), (x,)), channels)
            return net.sum(x, gate, "mul")
        case _:
            table = rng.integers(-128, 128, 256).astype(np.int8)
            net.consts[f"t{len(net.nodes)}"] = table
            return net.add("table", ops.Table(f"t{len(net.nodes)}"), (x,))


def _window(rng: np.random.Generator) -> tuple[tuple[int, int], tuple[int, int]]:
    kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    return kernel, (int(rng.integers(1, 4)), int(rng.integers(1, 4)))


def _same(rng: np.random.Generator) -> tuple[tuple[int, int]]:
    return ((int(rng.integers(1, 6)), int(rng.integers(1, 6))),)
