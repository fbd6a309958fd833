"""Convolutions with windows on Cortex-M55: stems and others, strides, paddings, dilation, both layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.kernels.helium import dense
from ircompile.kernels.lower import lower
from ircompile.target import load_target

pytestmark = pytest.mark.toolchain
KERNELS = ((3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (2, 2), (7, 7), (10, 4), (3, 3))
DEPTHS = (3, 1, 3, 4, 8, 16, 1, 1, 17)
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 9, 16, 17, 33)
CHANNELS = (1, 3, 4, 5, 8, 9)


def windows(n: int, apart: bool, rounding: str) -> Graph:
    """A convolution; `apart`: a depthwise one reads its rows channel by channel."""
    kernel, depth = KERNELS[n % len(KERNELS)], DEPTHS[n % len(DEPTHS)]
    net = Net((4, WIDTHS[n % len(WIDTHS)], depth), n, rounding)
    kh, kw = kernel
    padding = None if n % 4 else (kh - 1, kh, kw - 1, kw)
    dilation = (2, 2) if n % 5 == 2 else (1, 1)
    stride = (1, 1) if dilation == (2, 2) else (1 + n % 2, 1 + n % 2)
    y = net.conv("x", CHANNELS[n % len(CHANNELS)], kernel, stride, padding, dilation, relu=n % 3 == 0)
    return net.graph(net.depthwise(y, (3, 3)) if apart else y)


def test_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "WORTH_UNROLLING", 0)
    graphs = [windows(n, n % 2 == 0, ("double", "float32_even")[n % 3 == 0]) for n in range(9)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


OVERLAPPING = [  # kernel, stride, depth, width, channels
    ((3, 3), 1, 16, 4, 4), ((3, 3), 1, 32, 9, 6), ((3, 3), 2, 16, 17, 2), ((2, 2), 1, 48, 5, 4),
    ((5, 5), 2, 16, 11, 4), ((3, 4), 3, 16, 16, 2), ((7, 7), 1, 16, 8, 2), ((3, 3), 1, 16, 33, 2),
    ((3, 3), 2, 64, 7, 2), ((3, 3), 1, 16, 19, 4),
]  # fmt: skip


def overlapping(n: int, apart: bool, rounding: str) -> Graph:
    """Windows of vectors of channels, which share columns; every third reaches far over the edges."""
    kernel, stride, depth, width, channels = OVERLAPPING[n]
    kh, kw = kernel
    net = Net((5, width, depth), n, rounding)
    padding = (kh - 1, kh - 1, kw - 1, kw - 1) if n % 3 == 0 else None
    y = net.conv("x", channels, kernel, (stride, stride), padding, relu=n % 2 == 0)
    return net.graph(net.depthwise(y, (3, 3)) if apart else y)


@pytest.mark.parametrize("apart", [False, True])
def test_overlapping(apart: bool, tmp_path: Path) -> None:
    graphs = [overlapping(n, apart, ("double", "float32_even")[n % 2]) for n in range(len(OVERLAPPING))]
    kernels = lower(join(graphs), load_target("cortex-m55")).kernels.values()
    assert [kernel.template for kernel in kernels].count("dense_overlap") == len(OVERLAPPING)
    climb(join(graphs), tmp_path, rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


@pytest.mark.slow
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_all(rounding: str, apart: bool, tmp_path: Path) -> None:
    graphs = [windows(n, apart, rounding) for n in range(22)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))
