"""Average and maximum pooling."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import clamp_problem, round_half_even
from ircompile.ir.ops.borders import pixel_counts
from ircompile.ir.ops.op import ChannelByChannel, Op, of_one_type
from ircompile.ir.ops.ranges import Range, hull
from ircompile.ir.ops.window import Window, Windowed
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8


class Pool(Windowed, ChannelByChannel):
    """A window whose result is a code of its input's type, clamped to [low, high]."""

    low: int
    high: int

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input, of the output's quantization but in float32; padding smaller than the kernel."""
        return (*pooled_size(self.window, inputs[0]), inputs[0].channels)

    def takes(self, inputs: set[str], output: str) -> bool:
        return of_one_type(inputs, output)

    def problem(self) -> str:
        return clamp_problem(self.low, self.high)

    def resized(self, before: Shape, after: Shape, output: Shape) -> Op:
        return replace(self, window=self.window.resized(before, after))  # type: ignore[call-arg]


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest code of each window, clamped to [low, high]; padding never wins."""

    window: Window
    low: int = INT8.low
    high: int = INT8.high

    def carries_ties(self) -> bool:
        return True

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        source = site.inputs[0]
        windows = self.window.gather(inputs[0], start, stop, source.height, source.qtype.low)
        return np.clip(windows.max(axis=(2, 3)), self.low, self.high)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        low, high = (np.clip(bound, self.low, self.high) for bound in inputs[0])
        if pixel_counts(self.window, site.inputs[0]).min() == 0:  # a dilated window that sees padding alone
            low = np.minimum(low, max(site.output.qtype.low, self.low))
        return low, high

    def is_identity(self, site: Site) -> bool:
        return self.window.kernel == (1, 1) and (self.low, self.high) == site.output.qtype.range


@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of the codes of each window, padding not counted.

    `rounding` "integer" is TFLite's: (sum +- n/2) / n, truncating; "half_up" the same of uint8 codes, which
    is floor((sum + n/2) / n). "float32_even" is ONNX Runtime's:
    rint(float32(sum - n * zx) * (sx / (n * sy))) + zy.
    """

    window: Window
    rounding: Literal["integer", "half_up", "float32_even"] = "integer"
    low: int = INT8.low
    high: int = INT8.high

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        source, target = site.inputs[0], site.output
        windows = self.window.gather(inputs[0], start, stop, source.height, 0)
        total = windows.sum(axis=(2, 3), dtype=np.int64)
        ones = np.ones((source.height, source.width, 1), np.int8)
        first, last = inputs[0].first, inputs[0].first + len(inputs[0].data)
        inside = self.window.gather(Rows(ones[first:last], first), start, stop, source.height, 0)
        count = inside.sum(axis=(2, 3), dtype=np.int64)
        return np.clip(self.divide(total, count, source, target), self.low, self.high).astype(target.dtype)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        source, codes = site.inputs[0], inputs[0]
        counts = pixel_counts(self.window, source)
        if counts.min() == 0:
            return np.full_like(codes[0], self.low), np.full_like(codes[1], self.high)
        ends = (
            np.clip(self.divide(bound * count, np.asarray(count), source, site.output), self.low, self.high)
            for bound in codes
            for count in counts
        )
        return hull(*ends)

    def exact(self, site: Site, inputs: Sequence[Array]) -> Array | None:
        source, codes = site.inputs[0], inputs[0]
        ones = np.ones((*codes.shape[:2], 1), np.int8)
        total, count = (
            self.window.gather(Rows(part), 0, site.output.height, source.height, 0).sum(
                axis=(2, 3), dtype=np.float64
            )
            for part in (codes, ones)
        )
        return np.asarray((total / count - source.zero_point) * source.scale)

    def divide(self, total: Array, count: Array, source: Tensor, target: Tensor) -> Array:
        """Codes before the clamp, of sums of `count` raw codes. All int64, broadcast."""
        if self.rounding == "integer":
            half = count // 2
            return np.where(total > 0, (total + half) // count, -((half - total) // count))
        if self.rounding == "half_up":
            return (total + count // 2) // count
        factor = np.float32(source.scale) / (count.astype(np.float32) * np.float32(target.scale))
        real = (total - count * source.zero_point).astype(np.float32) * factor
        return round_half_even(real) + target.zero_point


def pooled_size(window: Window, source: Tensor) -> tuple[int, int]:
    """Output height and width; raises CompileError where a window would hold no pixel at all."""
    top, bottom, left, right = window.padding
    (reach_h, reach_w) = window.reach
    if max(top, bottom) >= reach_h or max(left, right) >= reach_w:
        raise CompileError(source.name, f"pooling padding {window.padding}", "padding smaller than the kernel")
    return window.output_size(source.height, source.width)
