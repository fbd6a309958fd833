"""Single kernels and one block, as networks of random weights."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

from ircompile.ir.graph import Graph
from ircompile.pipeline import build
from ircompile.target import Target
from ircompile.verification.bench import count_instructions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from nets import Net


def pointwise(size: int, source: int, channels: int) -> Callable[[], Graph]:
    """1 x 1 convolution on size x size pixels."""
    return lambda: _graph((size, size, source), lambda net: net.conv("x", channels, relu=channels > source))


def depthwise(size: int, kernel: int, stride: int = 1) -> Callable[[], Graph]:
    """Depthwise convolution of 48 channels on size x size pixels."""
    return lambda: _graph((size, size, 48), lambda net: net.depthwise("x", (kernel, kernel), (stride, stride)))


def stem() -> Graph:
    """The first layer of many networks."""
    return _graph((96, 96, 3), lambda net: net.conv("x", 16, (3, 3), (2, 2), relu=True))


def add() -> Graph:
    """The sum of two layers."""
    return _graph((28, 28, 24), lambda net: net.sum(net.conv("x", 24), net.conv("x", 24)))


def block() -> Graph:
    """An inverted residual."""
    return _graph((28, 28, 24), lambda net: net.inverted_residual("x", 6, 24))


KERNELS: dict[str, tuple[str, Callable[[], Graph]]] = {
    "stem 3x3 s2 3->16": ("96x96", stem),
    "1x1 8->48": ("28x28", pointwise(28, 8, 48)),
    "1x1 16->96": ("28x28", pointwise(28, 16, 96)),
    "1x1 24->144": ("28x28", pointwise(28, 24, 144)),
    "1x1 144->24": ("28x28", pointwise(28, 144, 24)),
    "1x1 160->960": ("6x6", pointwise(6, 160, 960)),
    "1x1 960->160": ("6x6", pointwise(6, 960, 160)),
    "depthwise 3x3 s1": ("28x28", depthwise(28, 3)),
    "depthwise 3x3 s2": ("28x28", depthwise(28, 3, 2)),
    "depthwise 5x5": ("20x20", depthwise(20, 5)),
    "depthwise 7x7": ("20x20", depthwise(20, 7)),
    "ADD": ("28x28x24", add),
}
"""What each row of the table measures: its name, the size of the input, the network whose last layer it is."""


def kernel_figure(name: str, target: Target) -> float:
    """Instructions a multiply-accumulate of a kernel, or an element where it has none."""
    graph = KERNELS[name][1]()
    layer = count_instructions(build(graph, target, "kernel"))["layers"][-1]
    assert layer["layer"] == graph.nodes[-1].name
    elements = math.prod(graph.site(graph.nodes[-1]).output.shape)
    return float(layer["instructions"] / (layer["macs"] or elements))


def block_figure(target: Target) -> int:
    """Instructions of one run of the block."""
    return int(count_instructions(build(block(), target, "block"))["instructions"])


def _graph(shape: tuple[int, int, int], layers: Callable[[Net], str]) -> Graph:
    net = Net(shape)
    return net.graph(layers(net))
