from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kernel_nets import shuffled
from ladder import climb, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain


def transposed(
    net: Net, x: str, channels: int, kernel: tuple[int, int], stride: tuple[int, int], same: bool = True
) -> str:
    cin, zero = net.tensors[x].channels, int(net.rng.integers(-128, 128))
    taps = kernel[0] * kernel[1] * cin
    w, b, requant = net._weights((channels, *kernel, cin), channels, taps, zero, False)
    sizes, pads = [], []
    for size, k, s in zip(net.tensors[x].shape, kernel, stride, strict=False):
        sizes.append(size * s if same else (size - 1) * s + k)
        pads.append(max(k - s, 0) // 2 if same else 0)
    op = ops.TransposeConv((sizes[0], sizes[1]), stride, (pads[0], pads[1]), w, b, requant)
    return net.add("tconv", op, (x,), zero=zero)


def network(shape: tuple[int, int, int], channels: int, kernel: tuple[int, int], stride: tuple[int, int],
            same: bool, rounding: str, seed: int) -> Graph:  # fmt: skip
    net = Net(shape, seed, rounding)
    y = transposed(net, shuffled(net, "x"), channels, kernel, stride, same)
    if seed % 3 == 1:
        net.consts[f"w{len(net.nodes) - 1}"] = net.consts[f"w{len(net.nodes) - 1}"].astype(np.int16) * 2
    if seed % 2:
        y = net.depthwise(y)  # which reads rows of channels
    return net.graph(y)


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_geometries(tmp_path: Path, rounding: str) -> None:
    kernels = [(1, 1), (2, 2), (3, 3), (4, 4), (3, 1), (1, 5), (2, 3), (5, 5)]
    strides = [(1, 1), (2, 2), (2, 1), (3, 2), (4, 4)]
    shapes = [(1, 1, 1), (3, 4, 5), (5, 1, 2), (4, 6, 3)]
    graphs = [
        network(shapes[n % 4], 1 + n % 3, kernel, strides[n * 3 % 5], n % 5 < 3, rounding, n)
        for n, kernel in enumerate(kernels * 2)
    ]
    climb(join(graphs), tmp_path)


def test_streams(tmp_path: Path) -> None:
    net = Net((16, 6, 3))
    y = net.conv("x", 4, (3, 3), relu=True)
    z = transposed(net, y, 3, (4, 4), (2, 2))
    built = climb(net.graph(net.conv(z, 2, (3, 3), (2, 2))), tmp_path, "rows")
    assert built["host"].plan.buffers[y].slots < 8
    assert built["host"].plan.buffers[z].slots < 8
