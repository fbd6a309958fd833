"""Networks with memory, made up for tests."""

from __future__ import annotations

import numpy as np
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph, State
from ircompile.ir.tensor import Array


class Remembering(Net):
    """A Net with variables, as importers build them: a tensor of twice the rows, read and written by slices."""

    def variable(self, like: str, rows: int, initial: int | None = None) -> tuple[str, str]:
        """A variable of so many rows like those of a tensor, all codes `initial` or random; its name, its value."""
        tensor = self.tensors[like]
        shape = (rows, *tensor.shape[1:])
        name = self.tensor(
            f"v{len(self.states)}", (2 * rows, *shape[1:]), "int8", tensor.scale, tensor.zero_point
        ).name
        first = self.rng.integers(-128, 128, shape) if initial is None else np.full(shape, initial)
        self.states.append(State(name, rows, self.const(f"{name}_initial", first.astype(np.int8))))
        return name, self.add("held", ops.Slice((0, 0, 0), shape), (name,), tensor.scale, tensor.zero_point)

    def assign(self, variable: str, value: str) -> None:
        """Writes a variable; the next call reads it."""
        shape = self.tensors[value].shape
        self.node(ops.Slice((0, 0, 0), shape), [value], self.tensors[variable], f"variable {variable}")

    def window(self, x: str, rows: int, initial: int | None = None) -> str:
        """The rows of a tensor behind `rows` of earlier calls: what a passes makes a ring of."""
        variable, held = self.variable(x, rows, initial)
        tensor = self.tensors[x]
        joined = self.add("window", ops.Concat(0), (held, x), tensor.scale, tensor.zero_point)
        last = ops.Slice((tensor.height, 0, 0), (rows, *tensor.shape[1:]))
        self.assign(variable, self.add("last", last, (joined,), tensor.scale, tensor.zero_point))
        return joined


def wake_word(rows: int = 3, channels: int = 12, width: int = 1) -> Graph:
    """A small MixConv network as wake words have them: a strided stem and depthwise convolutions along time."""
    net = Remembering((rows, width, 8))
    x = net.conv(net.window("x", 2), channels, (5, 1), (rows, 1), (0, 0, 0, 0), relu=True)
    for height in (5, 9):
        x = net.depthwise(net.window(x, height - 1), (height, 1), (1, 1), (0, 0, 0, 0))
        x = net.conv(x, channels + 1, relu=True)
    window = net.window(x, 4)
    whole = net.add(
        "flat", ops.Reshape((1, 1, 5 * width * (channels + 1))), (window,), 0.05, net.tensors[x].zero_point
    )
    return net.graph(net.conv(whole, 3))


def everything() -> Graph:
    """Variables that are no windows, and windows that many kinds of operators read."""
    net = Remembering((2, 6, 4), seed=3)
    window = net.window("x", 3)
    zero, scale = net.tensors["x"].zero_point, net.tensors["x"].scale
    turned = net.add("turned", ops.Transpose((1, 0, 2)), (window,), scale, zero)
    flat = net.add("flat", ops.Reshape((5, 1, 24)), (window,), scale, zero)
    mean = net.add("mean", ops.Mean("h"), (window,))
    pool = net.add("pool", ops.MaxPool(ops.Window((2, 2), (1, 2))), (window,), scale, zero)
    total, before = net.variable("x", 2)  # a running sum: read, added to, written
    summed = net.sum(before, "x")
    net.assign(total, net.sum(summed, summed))
    last, held = net.variable(mean, 1)  # the mean of the last call, read by nodes before and behind its writer
    both = net.sum(mean, held)
    net.assign(last, mean)
    strip = net.depthwise(net.window(net.conv("x", 5), 4), (3, 3), (1, 1), (0, 0, 1, 1))
    return net.graph(turned, flat, pool, summed, both, net.conv(strip, 2))


def calls_for(graph: Graph, count: int, seed: int = 0) -> list[dict[str, Array]]:
    """Random codes for call after call."""
    rng = np.random.default_rng(seed)
    shapes = {name: graph.fresh(name).shape for name in graph.input_names}
    return [{n: rng.integers(-128, 128, s).astype(np.int8) for n, s in shapes.items()} for _ in range(count)]
