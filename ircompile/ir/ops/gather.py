"""Columns or channels in another order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import Op, RowByRow, Selecting
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Gather(RowByRow, Selecting):
    """Element i of the output on `axis` (1 width, 2 channels) is element indices[i] of the input."""

    axis: int
    indices: tuple[int, ...]

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One input; constant columns or channels of it, in any order, each as often as wanted."""
        shape = list(inputs[0].shape)
        if self.axis not in (1, 2) or not self.indices:
            raise CompileError(inputs[0].name, f"gathers {len(self.indices)} on axis {self.axis}", "axes 1 and 2")
        if min(self.indices) < 0 or max(self.indices) >= shape[self.axis]:
            raise CompileError(
                inputs[0].name, f"gathers {self.indices[:8]} of {shape[self.axis]}", "indices inside"
            )
        shape[self.axis] = len(self.indices)
        return shape[0], shape[1], shape[2]

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        return inputs[0].take(start, stop).take(self.indices, self.axis)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        low, high = inputs[0]
        return (low.take(self.indices), high.take(self.indices)) if self.axis == 2 else (low, high)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return (np.array(self.indices) if self.axis == 2 else np.arange(site.output.channels),)

    def on_channels(self, site: Site, inputs: Sequence[Array], output: Array, cut: Callable[[str], str]) -> Op:
        if self.axis != 2:
            return self
        numbers = np.cumsum(inputs[0]) - 1
        return replace(self, indices=tuple(numbers[np.array(self.indices)[output]].tolist()))

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs == {output} and output in ("int8", "uint8")

    def is_identity(self, site: Site) -> bool:
        return self.indices == tuple(range(len(self.indices)))

    def resized(self, before: Shape, after: Shape, output: Shape) -> Op:
        if self.axis == 1 and before[1] != after[1]:
            raise CompileError("", "gathers columns by their numbers", "size-independent ops")
        return self
