"""Average and maximum pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.window import Window
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8


@dataclass(frozen=True)
class MaxPool:
    """The largest code of each window, clamped to [low, high]; padding never wins."""

    window: Window
    low: int = INT8.low
    high: int = INT8.high

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input with the quantization of the output; padding smaller than the kernel."""
        return (*pooled_size(self.window, inputs[0]), inputs[0].channels)

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return (self.window.rows_needed(step, site.inputs[0].height),)

    def macs(self, site: Site) -> int:
        return 0

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        windows = self.window.gather(inputs[0], start, stop, site.inputs[0].height, INT8.low)
        return np.clip(windows.max(axis=(2, 3)), self.low, self.high)


@dataclass(frozen=True)
class AveragePool:
    """The mean of the codes of each window, padding not counted.

    `rounding` "integer" is TFLite's: (sum +- n/2) / n, truncating; "half_up" the same of uint8 codes, which
    is floor((sum + n/2) / n). "float32_even" is ONNX Runtime's:
    rint(float32(sum - n * zx) * (sx / (n * sy))) + zy.
    """

    window: Window
    rounding: Literal["integer", "half_up", "float32_even"] = "integer"
    low: int = INT8.low
    high: int = INT8.high

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input; padding smaller than the kernel."""
        return (*pooled_size(self.window, inputs[0]), inputs[0].channels)

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return (self.window.rows_needed(step, site.inputs[0].height),)

    def macs(self, site: Site) -> int:
        return 0

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        source, target = site.inputs[0], site.output
        windows = self.window.gather(inputs[0], start, stop, source.height, 0)
        total = windows.sum(axis=(2, 3), dtype=np.int64)
        ones = np.ones((source.height, source.width, 1), np.int8)
        first, last = inputs[0].first, inputs[0].first + len(inputs[0].data)
        inside = self.window.gather(Rows(ones[first:last], first), start, stop, source.height, 0)
        count = inside.sum(axis=(2, 3), dtype=np.int64)
        return np.clip(self.divide(total, count, source, target), self.low, self.high).astype(np.int8)

    def divide(self, total: Array, count: Array, source: Tensor, target: Tensor) -> Array:
        """Codes before the clamp, of sums of `count` raw codes. All int64, broadcast."""
        if self.rounding == "integer":
            half = count // 2
            return np.where(total > 0, (total + half) // count, -((half - total) // count))
        if self.rounding == "half_up":
            return (total + count // 2) // count
        factor = np.float32(source.scale) / (count.astype(np.float32) * np.float32(target.scale))
        real = (total - count * source.zero_point).astype(np.float32) * factor
        return np.rint(real).astype(np.int64) + target.zero_point


def pooled_size(window: Window, source: Tensor) -> tuple[int, int]:
    """Output height and width; raises CompileError where a window would hold no pixel at all."""
    top, bottom, left, right = window.padding
    (reach_h, reach_w) = window.reach
    if max(top, bottom) >= reach_h or max(left, right) >= reach_w:
        raise CompileError(source.name, f"pooling padding {window.padding}", "padding smaller than the kernel")
    return window.output_size(source.height, source.width)
