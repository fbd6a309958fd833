"""A part of a tensor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import Op, Selecting
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Slice(Selecting):
    """Element i of the output is element begin + i * stride of the input, on height, width and channels."""

    begin: tuple[int, int, int]
    shape: Shape
    stride: tuple[int, int, int] = (1, 1, 1)

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One input; any begin and stride of 1 and more, within the input."""
        for begin, count, stride, size in zip(self.begin, self.shape, self.stride, inputs[0].shape, strict=True):
            if begin < 0 or count < 1 or stride < 1 or begin + (count - 1) * stride >= size:
                raise CompileError(
                    inputs[0].name,
                    f"slice from {self.begin} of {self.shape}, stride {self.stride}, in {inputs[0].shape}",
                    "slices inside of the tensor, strides of 1 and more",
                )
        return self.shape

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        row = self.begin[0] + step * self.stride[0]
        return ((row, row + 1),)

    def row_for_row(self, site: Site) -> bool:
        return self.begin[0] == 0 and self.stride[0] == 1

    def of_rows(self, source: Tensor, start: int, stop: int) -> Op:
        return replace(self, shape=(stop - start, *self.shape[1:]))

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        (top, left, front), (sy, sx, sc) = self.begin, self.stride
        rows = inputs[0].take(top + start * sy, top + (stop - 1) * sy + 1)[::sy]
        width, channels = self.shape[1:]
        return np.asarray(rows[:, left::sx, front::sc][:, :width, :channels])

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        low, high = (bound[self.begin[2] :: self.stride[2]][: self.shape[2]] for bound in inputs[0])
        return low, high

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return (np.arange(site.output.channels) + self.begin[2],) if self.stride[2] == 1 else None

    def on_channels(self, site: Site, inputs: Sequence[Array], output: Array, cut: Callable[[str], str]) -> Op:
        before = int(inputs[0][: self.begin[2]].sum())
        return replace(self, begin=(*self.begin[:2], before), shape=(*self.shape[:2], int(output.sum())))

    def is_identity(self, site: Site) -> bool:
        return True

    def resized(self, before: Shape, after: Shape, output: Shape) -> Op:
        whole = self.begin[:2] == (0, 0) and self.shape[:2] == before[:2]
        return replace(self, shape=(*after[:2], self.shape[2])) if whole else self
