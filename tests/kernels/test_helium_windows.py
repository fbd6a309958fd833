"""Convolutions with windows on Cortex-M55: stems and others, strides, paddings, dilation, both layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.kernels import helium_dense

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
    monkeypatch.setattr(helium_dense, "WORTH_UNROLLING", 0)
    graphs = [windows(n, n % 2 == 0, ("double", "float32_even")[n % 3 == 0]) for n in range(9)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


@pytest.mark.slow
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_all(rounding: str, apart: bool, tmp_path: Path) -> None:
    graphs = [windows(n, apart, rounding) for n in range(22)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))
