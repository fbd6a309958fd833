"""Depthwise layers on Cortex-M55: windows, strides, paddings and widths around the blocks, both layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net

from ircompile.graph import Graph

pytestmark = pytest.mark.toolchain
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 11, 15, 16, 17, 20, 33)
KERNELS = ((3, 3), (5, 5), (7, 7), (1, 3), (2, 2), (4, 5), (3, 1), (9, 3), (1, 1))
CHANNELS = (1, 2, 3, 5, 15, 16, 17, 33)


def depthwise(kernel: tuple[int, int], stride: int, width: int, channels: int, apart: bool, rounding: str,
              seed: int) -> Graph:  # fmt: skip
    """A depthwise convolution; `apart`: another one reads its rows channel by channel."""
    net = Net((6, width, channels), seed, rounding)
    padding = None if seed % 3 else (kernel[0] - 1, kernel[0] - 1, kernel[1] - 1, kernel[1] - 1)
    y = net.depthwise("x", kernel, (stride, stride), padding, multiplier=1 + (seed % 5 == 0), relu=seed % 2 == 0)
    return net.graph(net.depthwise(y, (3, 3)) if apart else y)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_depthwise(rounding: str, apart: bool, tmp_path: Path) -> None:
    graphs = []
    for n, width in enumerate(WIDTHS):
        for stride in (1, 2):
            kernel, channels = KERNELS[(2 * n + stride) % len(KERNELS)], CHANNELS[(n + stride) % len(CHANNELS)]
            graphs.append(depthwise(kernel, stride, width, channels, apart, rounding, 2 * n + stride))
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))
