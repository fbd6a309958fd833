"""Networks made up for tests: random weights, honest geometry."""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.families import V2_BLOCKS
from ircompile.ir.graph import Graph, IoBinding, Node, validate
from ircompile.ir.numerics import Requant
from ircompile.ir.tensor import Array, Tensor


class Net:
    """Builds a Graph op by op; every method takes and returns tensor names."""

    def __init__(
        self, shape: tuple[int, int, int], seed: int = 0, rounding: str = "double", dtype: str = "int8"
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.rounding = rounding
        self.nodes: list[Node] = []
        self.tensors = {"x": Tensor("x", shape, dtype, 0.05, int(self.rng.integers(-20, 20)))}
        self.consts: dict[str, Array] = {}
        self.inputs = ["x"]

    def input(self, shape: tuple[int, int, int]) -> str:
        """One more input, of the first one's scale."""
        name = f"x{len(self.inputs)}"
        self.tensors[name] = Tensor(name, shape, "int8", 0.05, int(self.rng.integers(-20, 20)))
        self.inputs.append(name)
        return name

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
        self.tensors[name] = Tensor(name, shape, dtype, scale, zero)
        self.nodes.append(Node(name, op, inputs, name, source=f"node {len(self.nodes)} {name!r}"))
        return name

    def _weights(
        self, shape: tuple[int, ...], channels: int, taps: int, zero: int, relu: bool
    ) -> tuple[str, str, Requant]:
        n = len(self.nodes)
        self.consts[f"w{n}"] = self.rng.integers(-127, 128, shape).astype(np.int8)
        self.consts[f"b{n}"] = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        scale = self.rng.uniform(0.3, 1.5, channels) / (70.0 * np.sqrt(taps))
        if self.rounding == "float32_even":
            scale = scale.astype(np.float32).astype(np.float64)
        self.consts[f"s{n}"] = scale
        low = zero if relu else -128
        return f"w{n}", f"b{n}", Requant(self.rounding, f"s{n}", zero, low)  # type: ignore[arg-type]

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
        window = ops.Window(kernel, stride, self._pad(x, kernel, stride, dilation, padding), dilation)
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
        window = ops.Window(kernel, stride, self._pad(x, kernel, stride, dilation, padding), dilation)
        channels, zero = self.tensors[x].channels * multiplier, -128 if relu else int(self.rng.integers(-30, 30))
        w, b, requant = self._weights((*kernel, channels), channels, kernel[0] * kernel[1], zero, relu)
        return self.add("dw", ops.Depthwise(window, w, b, requant), (x,), zero=zero)

    def _pad(
        self,
        x: str,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        padding: tuple[int, int, int, int] | None,
    ) -> tuple[int, int, int, int]:
        """TensorFlow's SAME padding unless given."""
        if padding is not None:
            return padding
        pads = []
        for size, k, s, d in zip(self.tensors[x].shape, kernel, stride, dilation, strict=False):
            total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            pads += [total // 2, total - total // 2]
        return pads[0], pads[1], pads[2], pads[3]

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
        def port(tensor: str) -> IoBinding:
            t = self.tensors[tensor]
            return IoBinding(tensor, tensor, (1, *t.shape), t.dtype, (1, 2, 3))

        names = outputs or (self.nodes[-1].output,)
        return validate(
            Graph(
                name,
                tuple(self.nodes),
                self.tensors,
                self.consts,
                tuple(map(port, self.inputs)),
                tuple(port(n) for n in names),
                "tflm",
            )
        )


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
