"""Ops that only move bytes: reshape and transpose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import Op, Selecting
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Reshape(Selecting):
    """The same bytes under another shape."""

    shape: Shape

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One input; as many elements before as after."""
        if int(np.prod(self.shape)) != int(np.prod(inputs[0].shape)):
            raise CompileError(inputs[0].name, f"reshape {inputs[0].shape} to {self.shape}", "equal element counts")
        return self.shape

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return (self._source_rows(site, step, step + 1),)

    def _source_rows(self, site: Site, start: int, stop: int) -> tuple[int, int]:
        row, source_row = site.output.row_bytes, site.inputs[0].row_bytes
        return start * row // source_row, -(-stop * row // source_row)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        first, last = self._source_rows(site, start, stop)
        width, channels = site.output.shape[1:]
        flat = inputs[0].take(first, last).reshape(-1)
        skip = start * width * channels - first * site.inputs[0].width * site.inputs[0].channels
        return flat[skip : skip + (stop - start) * width * channels].reshape(stop - start, width, channels)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return inputs[0] if self.shape[2] == site.inputs[0].channels else super().bounds(site, inputs)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return (np.arange(self.shape[2]),) if self.shape[2] == site.inputs[0].channels else None

    def on_channels(self, site: Site, inputs: Sequence[Array], output: Array, cut: Callable[[str], str]) -> Op:
        return Reshape((*self.shape[:2], int(output.sum())))

    def is_identity(self, site: Site) -> bool:
        return True

    def resized(self, before: Shape, after: Shape, output: Shape) -> Op:
        """A map that was flattened, channels kept, is flattened again."""
        count, (height, width, channels) = after[0] * after[1], self.shape
        if before[2] == channels and before[0] * before[1] == height * width and 1 in (height, width):
            return Reshape((count, 1, channels) if width == 1 else (1, count, channels))
        raise CompileError("", f"reshapes {before} to {self.shape}", "size-independent ops")


@dataclass(frozen=True)
class Transpose(Selecting):
    """Axes (height, width, channels) reordered: axis i of the output is axis `order[i]` of the input."""

    order: tuple[int, int, int]

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One input; any order of height, width and channels."""
        if sorted(self.order) != [0, 1, 2]:
            raise CompileError(inputs[0].name, f"transpose order {self.order}", "a permutation of 0, 1, 2")
        height, width, channels = (inputs[0].shape[axis] for axis in self.order)
        return height, width, channels

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return ((step, step + 1),) if self.order[0] == 0 else ((0, site.inputs[0].height),)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        if self.order[0] == 0:
            return inputs[0].take(start, stop).transpose(self.order)
        return inputs[0].take(0, site.inputs[0].height).transpose(self.order)[start:stop]

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return inputs[0] if self.order[2] == 2 else super().bounds(site, inputs)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return (np.arange(site.output.channels),) if self.order[2] == 2 else None

    def is_identity(self, site: Site) -> bool:
        axes = [axis for axis in self.order if site.inputs[0].shape[axis] != 1]
        return axes == sorted(axes)
