"""Pointwise and fully connected layers on Cortex-M55, sizes around the tiles, both layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net

from ircompile.graph import Graph

pytestmark = pytest.mark.toolchain
DEPTHS = (1, 2, 5, 8, 15, 16, 17, 24, 31, 32, 33, 48, 63)
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17)
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 9, 16)


def pointwise(depth: int, channels: int, width: int, apart: bool, rounding: str, seed: int) -> Graph:
    """A pointwise convolution; `apart`: a depthwise one reads its rows channel by channel."""
    net = Net((2, width, depth), seed, rounding)
    y = net.conv("x", channels, relu=seed % 3 == 0)
    return net.graph(net.depthwise(y, (3, 3)) if apart else y)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("rounding", ["double", "single", "float32_even", "float64_away"])
def test_pointwise(rounding: str, apart: bool, tmp_path: Path) -> None:
    graphs = []
    for n, depth in enumerate(DEPTHS):
        for i in range(4):
            channels, width = CHANNELS[(3 * n + i) % len(CHANNELS)], WIDTHS[(n + 2 * i) % len(WIDTHS)]
            graphs.append(pointwise(depth, channels, width, apart, rounding, 10 * n + i))
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))
