"""Rounding that no vector has (negative scales, sums that wrap): every Helium kernel on the emulated core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain
ROUNDINGS = ("double", "single", "float32_even")  # of which a scale may be negative
SHAPES: dict[str, tuple[tuple[int, int, int], Callable[[Net], str]]] = {
    "dense, channels": ((3, 3, 20), lambda net: net.conv("x", 7)),
    "dense, pixels": ((3, 6, 40), lambda net: net.depthwise(net.conv("x", 5))),
    "dense, resident": ((3, 6, 8), lambda net: net.depthwise(net.conv("x", 5))),
    "dense, all rows": ((1, 1, 33), lambda net: net.conv("x", 6)),
    "dense_windows": ((5, 7, 9), lambda net: net.conv("x", 5, (3, 3))),
    "dense_overlap": ((5, 6, 16), lambda net: net.conv("x", 4, (3, 3))),
    "dense_rows": ((9, 1, 12), lambda net: net.conv("x", 5, (3, 1))),
    "depthwise_strips": ((5, 17, 2), lambda net: net.depthwise("x")),
    "depthwise_strips, multiplier": ((5, 6, 3), lambda net: net.depthwise("x", multiplier=2)),
    "depthwise_channels": ((5, 3, 17), lambda net: net.depthwise("x")),
    "depthwise_lanes": ((5, 1, 33), lambda net: net.depthwise("x", (3, 1))),
    "depthwise_lanes, few": ((5, 1, 9), lambda net: net.depthwise("x", (3, 1))),
    "depthwise, dilated": ((7, 7, 17), lambda net: net.depthwise("x", (3, 3), dilation=(2, 2))),
}


def negated(net: Net) -> None:
    """Every second channel's scale becomes negative."""
    for name in [name for name in net.consts if name.startswith("s")]:
        scale = net.consts[name]
        net.consts[name] = scale * np.where(np.arange(len(scale)) % 2, -1.0, 1.0)


def wrapping(net: Net) -> None:
    """The last channel's bias is near the end of int32."""
    for name in [name for name in net.consts if name.startswith("b")]:
        net.consts[name][-1] = 2**31 - 5


def eight_bits(rounding: str, change: Callable[[Net], None]) -> Graph:
    graphs = []
    for seed, (shape, layer) in enumerate(SHAPES.values()):
        net = Net(shape, seed, rounding)
        layer(net)
        change(net)
        graphs.append(net.graph())
    return join(graphs)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_negative_scales(rounding: str, tmp_path: Path) -> None:
    climb(eight_bits(rounding, negated), tmp_path, rungs=("cortex-m55",))


@pytest.mark.parametrize("rounding", [*ROUNDINGS, "float64_away"])
def test_sums_that_wrap(rounding: str, tmp_path: Path) -> None:
    climb(eight_bits(rounding, wrapping), tmp_path, rungs=("cortex-m55",))
