"""Element-wise ops of two tensors, or of a tensor and a constant, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import clamp_problem, mbqm, quantization_problem, quantize_multiplier
from ircompile.ir.ops.op import Const, Op
from ircompile.ir.ops.ranges import Range, hull, shift_wraps
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

    def problem(self) -> str:
        """What number is out of its range; "" where none is."""
        return quantization_problem(self.scale, self.zero_point)


@dataclass(frozen=True)
class Binary(Op):
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

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """Each kind is monotone in each operand, or bilinear: the extremes lie at corners."""
        ranges = list(inputs)
        if self.constant is not None:
            value = site.consts[self.constant.name].astype(np.int64)
            ranges.insert(0 if self.constant.first else 1, (value.min(axis=(0, 1)), value.max(axis=(0, 1))))
        low, high = hull(*(self.combine(site, a, b) for a, b in product(*ranges)))
        if self.rounding == "double" and self._may_wrap(site):
            low, high = np.full_like(low, self.low), np.full_like(high, self.high)
        return np.broadcast_to(low, site.output.channels), np.broadcast_to(high, site.output.channels)

    def _may_wrap(self, site: Site) -> bool:
        """Whether the requantization of an extreme sum or product shifts out of int32."""
        (sa, _), (sb, _) = self.operands(site)
        if self.kind == "mul":
            scale, largest = np.float64(sa) * np.float64(sb) / np.float64(site.output.scale), INT8.span**2
        else:
            scale = np.float64(2.0 * max(sa, sb) / ((1 << LEFT_SHIFT) * site.output.scale))
            largest = INT8.span << LEFT_SHIFT
        return bool(shift_wraps(largest, quantize_multiplier(scale)[1]))

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        channels = np.arange(site.output.channels)
        broadcast = np.full_like(channels, -1)
        return tuple(channels if t.channels == site.output.channels else broadcast for t in site.inputs)

    def on_channels(self, site: Site, inputs: Sequence[Array], output: Array, cut: Callable[[str], str]) -> Op:
        constant = self.constant and replace(self.constant, name=cut(self.constant.name))
        return replace(self, constant=constant)

    def arity(self) -> int | None:
        return 2 if self.constant is None else 1

    def constants(self) -> tuple[Const, ...]:
        return (Const(self.constant.name, 3),) if self.constant else ()

    def problem(self) -> str:
        return clamp_problem(self.low, self.high)

    def factors(self, site: Site) -> Array:
        if self.rounding != "double":
            return super().factors(site)
        (first, _), (second, _) = self.operands(site)
        product = 2.0 * max(first, second) / 2.0**LEFT_SHIFT if self.kind != "mul" else float(first) * float(second)
        return np.array([product / site.output.scale])

    def exact(self, site: Site, inputs: Sequence[Array]) -> Array | None:
        if self.rounding == "raw":
            return None
        codes = list(inputs)
        if self.constant is not None:
            codes.insert(0 if self.constant.first else 1, site.consts[self.constant.name])
        quantized = zip(codes, self.operands(site), strict=True)
        a, b = ((c.astype(np.float64) - zero) * scale for c, (scale, zero) in quantized)
        return np.asarray({"add": np.add, "sub": np.subtract, "mul": np.multiply}[self.kind](a, b))
