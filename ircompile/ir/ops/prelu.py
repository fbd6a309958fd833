"""A rectifier whose negative side has a slope a channel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import mbqm, quantization_problem, quantize_multiplier, round_half_even
from ircompile.ir.ops.op import ChannelByChannel, Const, Op, RowByRow
from ircompile.ir.ops.ranges import Range, full_range, hull, shift_wraps
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor, integers
from ircompile.qtype import INT8


@dataclass(frozen=True)
class Prelu(RowByRow, ChannelByChannel):
    """x >= 0 ? x : alpha * x, requantized.

    `alpha` names an int8 constant (H or 1, W or 1, C or 1) with its scale and zero point. "double" is TFLite's:
    mbqm(x - zx, sx / sy) or mbqm((x - zx) * (alpha - za), sx * sa / sy). "float32_even" is for ONNX models:
    rint(float32(x - zx) * float32(sx / sy)) or rint(float32((x - zx) * (alpha - za)) * float32(sx * sa / sy)).
    """

    alpha: str
    scale: float
    zero_point: int
    rounding: Literal["double", "float32_even"] = "double"

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input and a constant slope, one for all, one a channel or one an element."""
        shape = inputs[0].shape
        alpha = consts[self.alpha].shape
        if len(alpha) != 3 or any(a not in (1, size) for a, size in zip(alpha, shape, strict=True)):
            raise CompileError(self.alpha, f"slopes of shape {alpha} for {shape}", "sizes equal or 1")
        return shape

    def row_for_row(self, site: Site) -> bool:
        return site.consts[self.alpha].shape[0] == 1

    def combine(self, site: Site, codes: Array, alpha: Array) -> Array:
        """int8 codes of broadcastable arrays of input codes and slope codes: all that the op is."""
        source, target = site.inputs[0], site.output
        x = codes.astype(np.int64) - source.zero_point
        slope = alpha.astype(np.int64) - self.zero_point
        if self.rounding == "float32_even":
            plain = np.float32(source.scale) / np.float32(target.scale)
            steep = np.float32(source.scale) * np.float32(self.scale) / np.float32(target.scale)
            real = np.where(x >= 0, x.astype(np.float32) * plain, (x * slope).astype(np.float32) * steep)
            return np.clip(round_half_even(real) + target.zero_point, *INT8.range).astype(INT8.dtype)
        above, below = self._ratios(site)
        positive, negative = mbqm(x, *quantize_multiplier(above)), mbqm(x * slope, *quantize_multiplier(below))
        return np.clip(np.where(x >= 0, positive, negative) + target.zero_point, *INT8.range).astype(INT8.dtype)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        alpha = site.consts[self.alpha]
        alpha = alpha[start:stop] if alpha.shape[0] > 1 else alpha
        return self.combine(site, inputs[0].take(start, stop), alpha)

    def _ratios(self, site: Site) -> tuple[np.float64, np.float64]:
        """What codes are multiplied by above the zero point, and products of code and slope below it."""
        source, target = np.float64(site.inputs[0].scale), np.float64(site.output.scale)
        return source / target, source * np.float64(self.scale) / target

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """Monotone on either side of the zero point, and on the negative side bilinear in code and slope."""
        for scale, largest in zip(self._ratios(site), (INT8.span, INT8.span**2), strict=True):
            if shift_wraps(largest, quantize_multiplier(scale)[1]):
                return full_range(site.output)
        alpha, codes = site.consts[self.alpha].astype(np.int64), inputs[0]
        turns = [np.clip(site.inputs[0].zero_point + step, *codes) for step in (-1, 0)]
        slopes = alpha.min(axis=(0, 1)), alpha.max(axis=(0, 1))
        return hull(*(self.combine(site, code, slope) for code, slope in product((*codes, *turns), slopes)))

    def on_channels(self, site: Site, inputs: Sequence[Array], output: Array, cut: Callable[[str], str]) -> Op:
        return replace(self, alpha=cut(self.alpha))

    def constants(self) -> tuple[Const, ...]:
        return (Const(self.alpha, 3),)

    def problem(self) -> str:
        return quantization_problem(self.scale, self.zero_point)

    def factors(self, site: Site) -> Array:
        ratio = np.float64(site.inputs[0].scale) / np.float64(site.output.scale)
        return np.array([ratio, ratio * self.scale]) if self.rounding == "double" else super().factors(site)

    def exact(self, site: Site, inputs: Sequence[Array]) -> Array | None:
        source, slope = (
            site.inputs[0],
            (integers(site.consts[self.alpha]) - self.zero_point) * np.float64(self.scale),
        )
        x = (integers(inputs[0]) - source.zero_point) * np.float64(source.scale)
        return np.asarray(np.where(x >= 0, x, x * slope))
