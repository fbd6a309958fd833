"""Element-wise ops of two tensors, or of a tensor and a constant, with broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import mbqm, quantize_multiplier
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8

LEFT_SHIFT = 20


@dataclass(frozen=True)
class Constant:
    """A constant operand: `name` of an int8 array (H or 1, W or 1, C or 1) and its quantization."""

    name: str
    scale: float
    zero_point: int
    first: bool = False


@dataclass(frozen=True)
class Binary:
    """out = kind(a, b), requantized and clamped to [low, high].

    "double" is TFLite's: ADD/SUB scale both operands by 2^20 * s / (2 * max(s1, s2)) and the sum back, each with
    double rounding; MUL is mbqm((a - za) * (b - zb), s1 * s2 / so). "float32_even" is ONNX Runtime's:
    ADD/SUB rint(ra * (a - za) +- rb * (b - zb)) + zo with float32 ratios ra = sa / so and an exact sum, MUL
    rint(float32(product) * float32(sa * sb / so)) + zo. "raw" compares codes (min, max), equal quantization.
    """

    kind: Literal["add", "sub", "mul", "min", "max"]
    rounding: Literal["double", "float32_even", "raw"]
    low: int = INT8.low
    high: int = INT8.high
    constant: Constant | None = None

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """Two int8 operands, one of which may be constant; sizes equal or 1 on every axis."""
        shapes = [t.shape for t in inputs]
        if self.constant is not None:
            shapes.append(consts[self.constant.name].shape)
        if len(shapes) != 2:
            raise CompileError(inputs[0].name, f"{len(shapes)} operands", "two")
        try:
            height, width, channels = np.broadcast_shapes(*shapes)
        except ValueError:
            raise CompileError(
                inputs[0].name, f"shapes {shapes[0]} and {shapes[1]}", "sizes equal or 1 on every axis"
            ) from None
        return height, width, channels

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return tuple((step, step + 1) if t.height > 1 else (0, 1) for t in site.inputs)

    def macs(self, site: Site) -> int:
        return 0

    def operands(self, site: Site) -> tuple[tuple[float, int], tuple[float, int]]:
        """(scale, zero point) of the first and of the second operand."""
        quant = [(t.scale, t.zero_point) for t in site.inputs]
        if self.constant is not None:
            quant.insert(0 if self.constant.first else 1, (self.constant.scale, self.constant.zero_point))
        return quant[0], quant[1]

    def combine(self, site: Site, a: Array, b: Array) -> Array:
        """int8 codes of two broadcastable arrays of codes: all that the op is."""
        (sa, za), (sb, zb) = self.operands(site)
        a, b = a.astype(np.int64), b.astype(np.int64)
        if self.rounding == "raw":
            out = np.minimum(a, b) if self.kind == "min" else np.maximum(a, b)
        elif self.rounding == "double":
            out = self._double(a - za, b - zb, sa, sb, site.output.scale) + site.output.zero_point
        else:
            out = self._float32(a - za, b - zb, sa, sb, site.output.scale) + site.output.zero_point
        return np.clip(out, self.low, self.high).astype(np.int8)

    def _double(self, a: Array, b: Array, sa: float, sb: float, so: float) -> Array:
        if self.kind == "mul":
            return mbqm(a * b, *quantize_multiplier(np.float64(sa) * np.float64(sb) / np.float64(so)))
        twice_max = 2.0 * max(sa, sb)
        left = mbqm(a << LEFT_SHIFT, *quantize_multiplier(np.float64(sa / twice_max)))
        right = mbqm(b << LEFT_SHIFT, *quantize_multiplier(np.float64(sb / twice_max)))
        total = left + right if self.kind == "add" else left - right
        return mbqm(total, *quantize_multiplier(np.float64(twice_max / ((1 << LEFT_SHIFT) * so))))

    def _float32(self, a: Array, b: Array, sa: float, sb: float, so: float) -> Array:
        if self.kind == "mul":
            factor = np.float32(np.float32(sa) * np.float32(sb)) / np.float32(so)
            return np.rint((a * b).astype(np.float32) * factor).astype(np.int64)
        ra, rb = (float(np.float32(s) / np.float32(so)) for s in (sa, sb))
        # exact in float64: 24-bit ratios times 9-bit integers
        total = a * ra + b * rb if self.kind == "add" else a * ra - b * rb
        return np.rint(total).astype(np.int64)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        operands = [
            rows.take(start, stop) if t.height > 1 else rows.take(0, 1)
            for t, rows in zip(site.inputs, inputs, strict=True)
        ]
        if self.constant is not None:
            value = site.consts[self.constant.name]
            value = value[start:stop] if value.shape[0] > 1 else value
            operands.insert(0 if self.constant.first else 1, value)
        out = self.combine(site, *operands)
        return np.broadcast_to(out, (stop - start, *site.output.shape[1:]))
