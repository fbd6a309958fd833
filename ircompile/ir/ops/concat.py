"""Tensors put one behind the other along an axis."""

from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import Moving, channels_within
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Concat(Moving):
    """The inputs, which have the output's quantization, side by side on `axis` (0 height, 1 width, 2 channels)."""

    axis: int

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """Two inputs or more of equal quantization; sizes equal on the other axes."""
        others = [[size for axis, size in enumerate(t.shape) if axis != self.axis] for t in inputs]
        if not 0 <= self.axis < 3 or any(other != others[0] for other in others):
            raise CompileError(
                inputs[0].name, f"shapes {[t.shape for t in inputs]} on axis {self.axis}", "equal on the other axes"
            )
        shape = list(inputs[0].shape)
        shape[self.axis] = sum(t.shape[self.axis] for t in inputs)
        return shape[0], shape[1], shape[2]

    def offsets(self, site: Site) -> list[int]:
        """Where on the axis each input begins, and where the last ends."""
        return list(accumulate((t.shape[self.axis] for t in site.inputs), initial=0))

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        if self.axis != 0:
            return ((step, step + 1),) * len(site.inputs)
        return self._rows(site, step, step + 1)

    def _rows(self, site: Site, start: int, stop: int) -> tuple[tuple[int, int], ...]:
        """For each input the rows of it that lie in output rows [start, stop); none is (n, n)."""
        return tuple(
            (min(max(start, first), end) - first, min(max(stop, first), end) - first)
            for first, end in pairwise(self.offsets(site))
        )

    def row_for_row(self, site: Site) -> bool:
        return self.axis != 0

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        if self.axis != 0:
            return np.concatenate([rows.take(start, stop) for rows in inputs], axis=self.axis)
        ranges = self._rows(site, start, stop)
        return np.concatenate([rows.take(*r) for rows, r in zip(inputs, ranges, strict=True) if r[0] < r[1]])

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        lows, highs = ([codes[side] for codes in inputs] for side in (0, 1))
        if self.axis == 2:
            return np.concatenate(lows), np.concatenate(highs)
        return np.min(lows, axis=0), np.max(highs, axis=0)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        channels = np.arange(site.output.channels)
        starts = self.offsets(site) if self.axis == 2 else [0] * len(site.inputs)
        return tuple(channels_within(channels - start, t) for start, t in zip(starts, site.inputs, strict=False))

    def arity(self) -> int | None:
        return None

    def is_identity(self, site: Site) -> bool:
        return len(site.inputs) == 1
