"""Networks made up for tests: random weights, honest geometry."""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.builder import GraphBuilder, plain_binding
from ircompile.ir.families import V2_BLOCKS
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import Requant
from ircompile.ir.tensor import Array
from ircompile.ir.validate import validate


class Net(GraphBuilder):
    """Builds a Graph op by op; its methods take and return names of tensors."""

    def __init__(
        self, shape: tuple[int, int, int], seed: int = 0, rounding: str = "double", dtype: str = "int8"
    ) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.rounding = rounding
        self.inputs = [self.tensor("x", shape, dtype, 0.05, int(self.rng.integers(-20, 20))).name]

    def input(self, shape: tuple[int, int, int]) -> str:
        """One more input, of the first one's scale."""
        zero = int(self.rng.integers(-20, 20))
        self.inputs.append(self.tensor(f"x{len(self.inputs)}", shape, "int8", 0.05, zero).name)
        return self.inputs[-1]

    def add(
        self,
        kind: str,
        op: ops.Op,
        inputs: tuple[str, ...],
        scale: float = 0.05,
        zero: int | None = None,
        dtype: str = "int8",
    ) -> str:
        name = f"{kind}{len(self.nodes)}"
        shape = op.infer(tuple(self.tensors[i] for i in inputs), self.consts)
        zero = int(self.rng.integers(-30, 30)) if zero is None else zero
        output = self.tensor(name, shape, dtype, scale, zero)
        return self.node(op, inputs, output, f"node {len(self.nodes)} {name!r}").name

    def _weights(
        self, shape: tuple[int, ...], channels: int, taps: int, zero: int, relu: bool
    ) -> tuple[str, str, Requant]:
        n = len(self.nodes)
        weights = self.const(f"w{n}", self.rng.integers(-127, 128, shape).astype(np.int8))
        bias = self.const(f"b{n}", self.rng.integers(-3000, 3000, channels).astype(np.int32))
        scale = self.rng.uniform(0.3, 1.5, channels) / (70.0 * np.sqrt(taps))
        if self.rounding == "float32_even":
            scale = scale.astype(np.float32).astype(np.float64)
        low = zero if relu else -128
        return weights, bias, Requant(self.rounding, self.const(f"s{n}", scale), zero, low)  # type: ignore[arg-type]

    def conv(
        self,
        x: str,
        channels: int,
        kernel: tuple[int, int] = (1, 1),
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] | None = None,
        dilation: tuple[int, int] = (1, 1),
        relu: bool = False,
    ) -> str:
        window = self._window(x, kernel, stride, dilation, padding)
        cin, zero = self.tensors[x].channels, -128 if relu else int(self.rng.integers(-30, 30))
        taps = kernel[0] * kernel[1] * cin
        w, b, requant = self._weights((channels, *kernel, cin), channels, taps, zero, relu)
        return self.add("conv", ops.Conv(window, w, b, requant), (x,), zero=zero)

    def depthwise(
        self,
        x: str,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] | None = None,
        dilation: tuple[int, int] = (1, 1),
        multiplier: int = 1,
        relu: bool = True,
    ) -> str:
        window = self._window(x, kernel, stride, dilation, padding)
        channels, zero = self.tensors[x].channels * multiplier, -128 if relu else int(self.rng.integers(-30, 30))
        w, b, requant = self._weights((*kernel, channels), channels, kernel[0] * kernel[1], zero, relu)
        return self.add("dw", ops.Depthwise(window, w, b, requant), (x,), zero=zero)

    def _window(
        self,
        x: str,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        padding: tuple[int, int, int, int] | None,
    ) -> ops.Window:
        """TensorFlow's SAME padding unless given."""
        if padding is not None:
            return ops.Window(kernel, stride, padding, dilation)
        height, width, _ = self.tensors[x].shape
        return ops.Window.same((height, width), kernel, stride, dilation)

    def sum(self, a: str, b: str, kind: str = "add") -> str:
        rounding = "double" if self.rounding == "double" else "float32_even"
        return self.add(kind, ops.Binary(kind, rounding), (a, b))  # type: ignore[arg-type]

    def inverted_residual(self, x: str, expand: int, channels: int, stride: int = 1, kernel: int = 3) -> str:
        hidden = self.tensors[x].channels * expand
        y = self.conv(x, hidden, relu=True) if expand > 1 else x
        y = self.depthwise(y, (kernel, kernel), (stride, stride))
        y = self.conv(y, channels)
        return self.sum(x, y) if stride == 1 and channels == self.tensors[x].channels else y

    def graph(self, *outputs: str, name: str = "net") -> Graph:
        names = outputs or (self.nodes[-1].output,)
        bindings = [plain_binding(self.tensors[t]) for t in (*self.inputs, *names)]
        return validate(self.build(name, bindings[: len(self.inputs)], bindings[len(self.inputs) :]))


def mobilenet_v2(width: float, size: int, classes: int = 1000, seed: int = 0) -> Graph:
    """MobileNetV2 at any width and input size, random weights."""

    def channels(c: int) -> int:
        rounded = max(8, int(c * width + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * c * width else rounded

    net = Net((size, size, 3), seed)
    x = net.conv("x", channels(32), (3, 3), (2, 2), relu=True)
    for expand, c, repeat, stride in V2_BLOCKS:
        for i in range(repeat):
            x = net.inverted_residual(x, expand, channels(c), stride if i == 0 else 1)
    x = net.conv(x, max(1280, int(1280 * width)), relu=True)
    x = net.add("mean", ops.Mean(), (x,))
    return net.graph(net.conv(x, classes), name="mobilenet_v2")


def long_chain(operators: int) -> Graph:
    """Inverted residual blocks of four operators, one after the other."""
    net = Net((16, 16, 8))
    x = "x"
    for _ in range(-(-operators // 4)):
        x = net.inverted_residual(x, 3, 8)
    return net.graph(x, name=f"chain_{operators}")


def random_inputs(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Random codes for every input."""
    rng = np.random.default_rng(seed)
    tensors = [graph.tensors[name] for name in graph.input_names]
    return {
        t.name: rng.integers(np.iinfo(t.dtype).min, np.iinfo(t.dtype).max + 1, t.shape).astype(t.dtype)
        for t in tensors
    }
