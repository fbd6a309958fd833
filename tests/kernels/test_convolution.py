"""Every kernel of convolution climbs the ladder on sizes around its tile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net

from ircompile.graph import Graph

pytestmark = pytest.mark.toolchain
RUNGS = ("gcc", "cortex-m3", "cortex-m4")


def with_zero(net: Net, zero: int) -> Net:
    """The net with another zero point of its input."""
    net.tensors["x"] = replace(net.tensors["x"], zero_point=zero)
    return net


def extreme(net: Net) -> None:
    """Makes the weights of the last layer the ends of their range; -128 in one of its channels."""
    name = net.nodes[-1].op.weights  # type: ignore[union-attr]
    weights = np.where(net.consts[name] < 0, -127, 127)
    weights[0] = np.where(weights[0] < 0, -128, 127)
    net.consts[name] = weights.astype(np.int8)


def pointwise_net(width: int, rounding: str, zero: int) -> Graph:
    """1 x 1 from and to every channel count around the tiles, some read by a depthwise (rows of channels)."""
    net = with_zero(Net((2, width, 7), width, rounding), zero)
    outputs = []
    for count in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33):
        wide = net.conv("x", count, relu=count % 3 == 0)
        outputs.append(net.conv(wide, 1 + count % 6, relu=count % 2 == 0))
        if count % 5 == 0:
            extreme(net)
    for count in (1, 3, 4, 6, 9):
        outputs.append(net.depthwise(net.conv("x", count, relu=True), (1, 1)))
    return net.graph(*outputs)


@pytest.mark.parametrize(
    ("width", "rounding", "zero"),
    [(1, "double", 127), (2, "float32_even", -128), (3, "double", -5), (4, "single", 3), (5, "double", -128)],
)
def test_pointwise(tmp_path: Path, width: int, rounding: str, zero: int) -> None:
    climb(pointwise_net(width, rounding, zero), tmp_path, rungs=RUNGS)


def window_net(size: tuple[int, int], rounding: str, zero: int) -> Graph:
    """Windows of many sizes, strides, paddings and holes, on few and many channels."""
    net = with_zero(Net((*size, 3), size[1], rounding), zero)
    sources = ["x", *(net.conv("x", count) for count in (1, 2, 4, 5, 16))]
    outputs = []
    for i, source in enumerate(sources):
        for j, (kernel, stride, dilation) in enumerate(
            [((3, 3), (1, 1), (1, 1)), ((3, 3), (2, 2), (1, 1)), ((1, 1), (2, 2), (1, 1)), ((5, 4), (2, 2), (1, 1)),
             ((2, 1), (1, 1), (1, 1)), ((1, 3), (1, 2), (1, 1)), ((3, 3), (1, 1), (2, 2)), ((2, 3), (1, 1), (1, 3))]
        ):  # fmt: skip
            outputs.append(
                net.conv(source, 1 + (i + 2 * j) % 7, kernel, stride, dilation=dilation, relu=j % 2 == 0)
            )
            if j == 1:
                extreme(net)
    outputs.append(net.conv("x", 5, (2, 2), (1, 1), (1, 0, 0, 1)))
    outputs.append(net.conv("x", 3, (3, 3), (1, 1), (2, 2, 2, 2)))
    outputs.append(net.depthwise(net.conv("x", 6, (3, 3), relu=True)))
    return net.graph(*outputs)


@pytest.mark.parametrize(
    ("size", "rounding", "zero"),
    [((5, 4), "double", 127), ((7, 5), "float32_even", -128), ((4, 9), "double", -3), ((5, 2), "single", 9)],
)
def test_windows(tmp_path: Path, size: tuple[int, int], rounding: str, zero: int) -> None:
    climb(window_net(size, rounding, zero), tmp_path, rungs=RUNGS)
