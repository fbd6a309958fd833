"""Padding with a constant code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.limits import LARGEST
from ircompile.ir.ops.op import Moving, Op, channels_within, of_one_type
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT16


@dataclass(frozen=True)
class Pad(Moving):
    """`before` and `after` elements of code `value` added on each of height, width, channels."""

    before: tuple[int, int, int]
    after: tuple[int, int, int]
    value: int

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input; padding of height, width and channels with one constant."""
        if min(*self.before, *self.after) < 0:
            raise CompileError(inputs[0].name, f"padding {self.before}, {self.after}", "padding of 0 and more")
        height, width, channels = (
            size + before + after
            for size, before, after in zip(inputs[0].shape, self.before, self.after, strict=True)
        )
        return height, width, channels

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        row, height = step - self.before[0], site.inputs[0].height
        return ((row, row + 1),) if 0 <= row < height else ((min(max(row, 0), height),) * 2,)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        out = np.full((stop - start, *site.output.shape[1:]), self.value, inputs[0].data.dtype)
        source = site.inputs[0]
        lo, hi = max(start, self.before[0]), min(stop, self.before[0] + source.height)
        if lo < hi:
            _, left, front = self.before
            inner = out[lo - start : hi - start, left : left + source.width, front : front + source.channels]
            inner[...] = inputs[0].take(lo - self.before[0], hi - self.before[0])
        return out

    def takes(self, inputs: set[str], output: str) -> bool:
        return of_one_type(inputs, output)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        low, high = inputs[0]
        if any(self.before[:2]) or any(self.after[:2]):
            low, high = np.minimum(low, self.value), np.maximum(high, self.value)
        around = (self.before[2], self.after[2])
        return np.pad(low, around, constant_values=self.value), np.pad(high, around, constant_values=self.value)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return (channels_within(np.arange(site.output.channels) - self.before[2], site.inputs[0]),)

    def on_channels(self, site: Site, inputs: Sequence[Array], output: Array, cut: Callable[[str], str]) -> Op:
        first = self.before[2]
        before, after = int(output[:first].sum()), int(output[first + site.inputs[0].channels :].sum())
        return replace(self, before=(*self.before[:2], before), after=(*self.after[:2], after))

    def problem(self) -> str:
        if INT16.low <= self.value <= INT16.high and max(*self.before, *self.after) <= LARGEST:
            return ""
        return f"value {self.value}, {self.before} before, {self.after} after"

    def is_identity(self, site: Site) -> bool:
        return True
