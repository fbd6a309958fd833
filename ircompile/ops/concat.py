"""Tensors put one behind the other along an axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Concat:
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
        return [sum(t.shape[self.axis] for t in site.inputs[:n]) for n in range(len(site.inputs) + 1)]

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        if self.axis != 0:
            return ((step, step + 1),) * len(site.inputs)
        return tuple(self._rows(site, n, step, step + 1) for n in range(len(site.inputs)))

    def _rows(self, site: Site, number: int, start: int, stop: int) -> tuple[int, int]:
        """Rows of one input that lie in output rows [start, stop); none is (n, n)."""
        offset, height = self.offsets(site)[number], site.inputs[number].height
        return min(max(start - offset, 0), height), min(max(stop - offset, 0), height)

    def macs(self, site: Site) -> int:
        return 0

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        if self.axis != 0:
            return np.concatenate([rows.take(start, stop) for rows in inputs], axis=self.axis)
        ranges = [self._rows(site, n, start, stop) for n in range(len(inputs))]
        return np.concatenate([rows.take(*r) for rows, r in zip(inputs, ranges, strict=True) if r[0] < r[1]])
