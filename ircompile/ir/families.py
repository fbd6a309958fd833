"""Families of networks at any width and input size, with random weights: what do they need, before training one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ircompile.ir import ops
from ircompile.ir.builder import GraphBuilder, plain_binding
from ircompile.ir.graph import Graph, validate
from ircompile.ir.numerics import Requant
from ircompile.qtype import INT8

SCALE = 1 / 128  # of every activation
GRAIN = 8  # channels are a multiple of this
V1_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
V2_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
PROXYLESS_BLOCKS = (  # expansion, kernel, channels, stride
    (1, 3, 16, 1),
    *((3, 5, 32, 2), (3, 3, 32, 1)),
    *((3, 7, 40, 2), (3, 3, 40, 1), (3, 5, 40, 1), (3, 5, 40, 1)),
    *((6, 7, 80, 2), *((3, 5, 80, 1),) * 3),
    *((6, 5, 96, 1), *((3, 5, 96, 1),) * 3),
    *((6, 7, 192, 2), (6, 7, 192, 1), (3, 7, 192, 1), (3, 7, 192, 1)),
    (6, 7, 320, 1),
)


def mobilenet_v1(width: float, size: int, classes: int = 2, channels: int = 3) -> Graph:
    """MobileNetV1 for pictures of size x size x channels, `width` times its channels."""
    net = _Family(f"mobilenet_v1_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    for count, stride in V1_BLOCKS:
        x = net.conv(net.depthwise(x, stride), rounded(count * width))
    return net.graph(net.conv(net.mean(x), classes))


def mobilenet_v2(width: float, size: int, classes: int = 2, channels: int = 3) -> Graph:
    """MobileNetV2 for pictures of size x size x channels, `width` times its channels."""
    net = _Family(f"mobilenet_v2_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    for expand, count, repeat, stride in V2_BLOCKS:
        for i in range(repeat):
            x = net.inverted_residual(x, expand, rounded(count * width), stride if i == 0 else 1)
    x = net.conv(x, max(1280, rounded(1280 * width)))
    return net.graph(net.conv(net.mean(x), classes))


def proxyless(width: float, size: int, classes: int = 2, channels: int = 3) -> Graph:
    """ProxylessNAS-Mobile, windows of 3, 5 and 7, as MCUNet's: for pictures of size x size x channels."""
    net = _Family(f"proxyless_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    for expand, kernel, count, stride in PROXYLESS_BLOCKS:
        x = net.inverted_residual(x, expand, rounded(count * width), stride, kernel)
    x = net.conv(x, max(1280, rounded(1280 * width)))
    return net.graph(net.conv(net.mean(x), classes))


FAMILIES: Mapping[str, Callable[[float, int], Graph]] = {
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "proxyless": proxyless,
}


def rounded(channels: float) -> int:
    """As the MobileNets round: to a multiple of GRAIN, at most a tenth down."""
    count = max(GRAIN, int(channels + GRAIN / 2) // GRAIN * GRAIN)
    return count + GRAIN if count < 0.9 * channels else count


class _Family(GraphBuilder):
    """Adds layer after layer with random weights; its methods take and return names of tensors."""

    def __init__(self, name: str, size: int, channels: int) -> None:
        super().__init__()
        self.name = name
        self.rng = np.random.default_rng(0)
        self.input = self.tensor("x", (size, size, channels), scale=SCALE).name

    def add(self, kind: str, op: ops.Op, *inputs: str) -> str:
        name = f"{kind}_{len(self.nodes)}"
        output = self.tensor(name, self.infer(op, inputs, name), scale=SCALE)
        return self.node(op, inputs, output, name).name

    def _requant(self, shape: tuple[int, ...], channels: int) -> tuple[str, str, Requant]:
        number, taps = len(self.nodes), int(np.prod(shape)) // channels
        weights = self.const(f"w{number}", self.rng.integers(-INT8.high, INT8.high + 1, shape).astype(INT8.dtype))
        bias = self.const(f"b{number}", np.zeros(channels, np.int32))
        scale = self.const(f"s{number}", np.full(channels, 1 / (70 * np.sqrt(taps))))
        return weights, bias, Requant("double", scale, 0, INT8.low)

    def _window(self, x: str, kernel: int, stride: int) -> ops.Window:
        height, width, _ = self.tensors[x].shape
        return ops.Window.same((height, width), (kernel, kernel), (stride, stride))

    def conv(self, x: str, channels: int, kernel: int = 1, stride: int = 1) -> str:
        shape = (channels, kernel, kernel, self.tensors[x].channels)
        return self.add("conv", ops.Conv(self._window(x, kernel, stride), *self._requant(shape, channels)), x)

    def depthwise(self, x: str, stride: int, kernel: int = 3) -> str:
        count = self.tensors[x].channels
        window, requant = self._window(x, kernel, stride), self._requant((kernel, kernel, count), count)
        return self.add("dw", ops.Depthwise(window, *requant), x)

    def mean(self, x: str) -> str:
        return self.add("mean", ops.Mean(), x)

    def inverted_residual(self, x: str, expand: int, channels: int, stride: int, kernel: int = 3) -> str:
        inside = self.tensors[x].channels
        y = self.conv(x, expand * inside) if expand > 1 else x
        y = self.conv(self.depthwise(y, stride, kernel), channels)
        return self.add("add", ops.Binary("add", "double"), x, y) if stride == 1 and channels == inside else y

    def graph(self, output: str) -> Graph:
        ends = (plain_binding(self.tensors[self.input]), plain_binding(self.tensors[output]))
        return validate(self.build(self.name, ends[:1], ends[1:]))
