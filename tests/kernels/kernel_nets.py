"""Small networks around one op, so that it reads and writes rows that come and go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph


def shuffled(net: Net, x: str) -> str:
    """A table of all codes in random order: nothing the op gets wrong stays hidden behind it."""
    name = f"t{len(net.nodes)}"
    net.consts[name] = net.rng.permutation(np.arange(-128, 128)).astype(np.int8)
    return net.add("table", ops.Table(name), (x,))


def around(net: Net, op: ops.Op, inputs: int = 1, keep: bool = False, dtype: str = "int8") -> Graph:
    """input -> table -> op -> table -> output; `keep`: the op's quantization is that of its input."""
    names = tuple(shuffled(net, "x") for _ in range(inputs))
    zero = net.tensors[names[0]].zero_point if keep else None
    scale = net.tensors[names[0]].scale
    y = net.add("op", op, names, scale, zero, dtype)
    return net.graph(y if dtype != "int8" else shuffled(net, y))


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
