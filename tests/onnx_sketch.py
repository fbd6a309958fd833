"""A float ONNX network in the making: its values, each with its shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx_files import Net

Shape = tuple[int, ...]


Value = tuple[str, Shape]


class Drawing:
    """A float network in the making: its values, each with its shape."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 14])
        self.net = Net(seed, opset=int(self.rng.choice([13, 15, 17])), domains=["com.microsoft"])
        rank = int(self.rng.choice([4, 4, 4, 4, 3, 2]))
        self.shape: Shape = (1, *(self.size(1, 9 if rank == 4 else 24) for _ in range(rank - 1)))
        self.values: list[Value] = [(self.net.input(list(self.shape)), self.shape)]

    def size(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, of: int) -> bool:
        return int(self.rng.integers(of)) == 0

    def pick(self, *ranks: int) -> Value | None:
        """One of the last values, of one of the ranks."""
        fitting = [v for v in self.values[-4:] if not ranks or len(v[1]) in ranks]
        return fitting[int(self.rng.integers(len(fitting)))] if fitting else None

    def const(self, *shape: int, scale: float = 1.0) -> str:
        return self.net.const(self.net.normal(*shape, scale=scale))

    def add(self, kind: str, shape: Shape, *inputs: str, **attributes: Any) -> None:
        """A node of one output."""
        if int(np.prod(shape)) <= 6000 and min(shape) > 0:
            self.values.append((self.net.node(kind, *inputs, **attributes), shape))

    def finish(self) -> Net:
        """The network, whose outputs are what nothing reads and now and then a value on the way."""
        read = {name for node in self.net.nodes for name in node.input}
        for name, _ in self.values[1:]:
            if name not in read or self.chance(9):
                self.net.output(name)
        return self.net
