"""Layers with random weights, of which families of networks are built."""

from collections.abc import Callable

import numpy as np

from ircompile.ir import ops
from ircompile.ir.builder import GraphBuilder, plain_binding
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import Requant
from ircompile.ir.tensor import Array
from ircompile.ir.validate import validate
from ircompile.qtype import INT8

SCALE = 2**-7  # of every activation
GRAIN = 8  # channels are a multiple of this


def rounded(channels: float) -> int:
    """As the MobileNets round: to a multiple of GRAIN, at most a tenth down."""
    count = max(GRAIN, int(channels + GRAIN / 2) // GRAIN * GRAIN)
    return count + GRAIN if count < 0.9 * channels else count


def repeated(count: int, depth: float) -> int:
    """A stage's blocks, `depth` times as many, and one at least."""
    return max(1, round(count * depth))


class Layers(GraphBuilder):
    """Adds layer after layer with random weights; its methods take and return names of tensors."""

    def __init__(self, name: str, size: int, channels: int) -> None:
        super().__init__()
        self.name = name
        self.rng = np.random.default_rng(0)
        self.input = self.tensor("x", (size, size, channels), scale=SCALE).name

    def add(self, kind: str, op: ops.Op, *inputs: str) -> str:
        """Adds a node; returns its output's name."""
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
        """A convolution with SAME padding; its clamp stands for whatever ReLU."""
        shape = (channels, kernel, kernel, self.tensors[x].channels)
        return self.add("conv", ops.Conv(self._window(x, kernel, stride), *self._requant(shape, channels)), x)

    def depthwise(self, x: str, stride: int, kernel: int = 3) -> str:
        """A depthwise convolution with SAME padding."""
        count = self.tensors[x].channels
        window, requant = self._window(x, kernel, stride), self._requant((kernel, kernel, count), count)
        return self.add("dw", ops.Depthwise(window, *requant), x)

    def mean(self, x: str) -> str:
        """The mean over the map, of one pixel."""
        return self.add("mean", ops.Mean(), x)

    def inverted_residual(self, x: str, expand: float, channels: int, stride: int, kernel: int = 3) -> str:
        """Expansion, depthwise convolution, projection; and the sum with `x` where that has its shape."""
        inside = self.tensors[x].channels
        y = self.conv(x, round(expand * inside)) if expand > 1 else x
        return self.residual(x, self.conv(self.depthwise(y, stride, kernel), channels))

    def hard_swish(self, x: str) -> str:
        """x * clip(x + 3, 0, 6) / 6, as a table of codes."""
        return self.table(x, "hard_swish", lambda v: v * np.clip(v + 3, 0, 6) / 6)

    def table(self, x: str, kind: str, function: Callable[[Array], Array]) -> str:
        """Any function of one value, as a table of codes."""
        codes = np.rint(function(INT8.codes() * SCALE) / SCALE)
        name = self.const(kind, np.clip(codes, INT8.low, INT8.high).astype(INT8.dtype))
        return self.add(kind, ops.Table(name, kind), x)

    def squeeze_excite(self, x: str) -> str:
        """Weighs channels by what two small layers make of their means."""
        count = self.tensors[x].channels
        y = self.conv(self.conv(self.mean(x), rounded(count / 4)), count)
        y = self.table(y, "hard_sigmoid", lambda v: np.clip(v + 3, 0, 6) / 6)
        return self.add("mul", ops.Binary("mul", "double"), x, y)

    def residual(self, x: str, y: str) -> str:
        """Their sum where the shapes are equal; else the second."""
        same = self.tensors[x].shape == self.tensors[y].shape
        return self.add("add", ops.Binary("add", "double"), x, y) if same else y

    def graph(self, output: str) -> Graph:
        """The network that gives this output."""
        ends = (plain_binding(self.tensors[self.input]), plain_binding(self.tensors[output]))
        return validate(self.build(self.name, ends[:1], ends[1:]))
