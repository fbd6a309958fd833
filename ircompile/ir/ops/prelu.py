"""A rectifier whose negative side has a slope a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import mbqm, quantize_multiplier
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8


@dataclass(frozen=True)
class Prelu:
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

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return ((step, step + 1),)

    def macs(self, site: Site) -> int:
        return 0

    def combine(self, site: Site, codes: Array, alpha: Array) -> Array:
        """int8 codes of broadcastable arrays of input codes and slope codes: all that the op is."""
        source, target = site.inputs[0], site.output
        x = codes.astype(np.int64) - source.zero_point
        slope = alpha.astype(np.int64) - self.zero_point
        if self.rounding == "float32_even":
            plain = np.float32(source.scale) / np.float32(target.scale)
            steep = np.float32(source.scale) * np.float32(self.scale) / np.float32(target.scale)
            real = np.where(x >= 0, x.astype(np.float32) * plain, (x * slope).astype(np.float32) * steep)
            return np.clip(np.rint(real).astype(np.int64) + target.zero_point, *INT8.range).astype(INT8.dtype)
        ratio = np.float64(source.scale) / np.float64(target.scale)
        positive = mbqm(x, *quantize_multiplier(ratio))
        product = np.float64(source.scale) * np.float64(self.scale) / np.float64(target.scale)
        negative = mbqm(x * slope, *quantize_multiplier(product))
        return np.clip(np.where(x >= 0, positive, negative) + target.zero_point, *INT8.range).astype(INT8.dtype)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        alpha = site.consts[self.alpha]
        alpha = alpha[start:stop] if alpha.shape[0] > 1 else alpha
        return self.combine(site, inputs[0].take(start, stop), alpha)
