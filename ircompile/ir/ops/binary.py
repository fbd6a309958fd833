"""Element-wise ops of two tensors, or of a tensor and a constant, with broadcasting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import (
    clamp_problem,
    mbqm,
    quantization_problem,
    quantize_multiplier,
    round_half_even,
    wrap_int32,
)
from ircompile.ir.ops.op import Const, Op, of_one_type
from ircompile.ir.ops.ranges import Range, hull, shift_wraps
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8, INT16

BinaryKind = Literal["add", "sub", "mul", "min", "max", "squared_difference"]
LEFT_SHIFTS = {
    "add": {1: 20, 2: 15}, "sub": {1: 20, 2: 15}, "squared_difference": {1: 7, 2: 0},
}  # fmt: skip
"""Bits by which TFLite shifts both operands left before it scales them, by the bytes of a code."""


@dataclass(frozen=True)
class Constant:
    """A constant operand: `name` of an array (H or 1, W or 1, C or 1) of the other's type, and its quantization."""

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

    "double" is TFLite's: ADD/SUB scale both operands by 2^20 * s / (2 * max(s1, s2)), 16-bit ones with 2^15, and
    the sum back, each with double rounding; SQUARED_DIFFERENCE the same with 2^7 or 2^0, the difference squared;
    MUL is mbqm((a - za) * (b - zb), s1 * s2 / so). "float32_even" is ONNX Runtime's: ADD/SUB
    rint(ra * (a - za) +- rb * (b - zb)) + zo with float32 ratios ra = sa / so and an exact sum, MUL
    rint(float32(product) * float32(sa * sb / so)) + zo. "raw" compares codes (min, max), equal quantization.
    """

    kind: BinaryKind
    rounding: Literal["double", "float32_even", "raw"]
    low: int = INT8.low
    high: int = INT8.high
    constant: Constant | None = None

    @property
    def title(self) -> str:
        """Add, Sub, Mul, Min, Max or SquaredDifference."""
        return self.kind.title().replace("_", "")

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """Two int8 or two int16 operands, one of which may be constant; sizes equal or 1 on every axis."""
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

    def row_for_row(self, site: Site) -> bool:
        return self.constant is None or site.consts[self.constant.name].shape[0] == 1

    def carries_ties(self) -> bool:
        return self.rounding == "raw"

    def operands(self, site: Site) -> tuple[tuple[float, int], tuple[float, int]]:
        """(scale, zero point) of the first and of the second operand."""
        quant = [(t.scale, t.zero_point) for t in site.inputs]
        if self.constant is not None:
            quant.insert(0 if self.constant.first else 1, (self.constant.scale, self.constant.zero_point))
        return quant[0], quant[1]

    def combine(self, site: Site, a: Array, b: Array) -> Array:
        """Codes of two broadcastable arrays of codes: all that the op is."""
        (_, za), (_, zb) = self.operands(site)
        a, b = a.astype(np.int64), b.astype(np.int64)
        if self.rounding == "raw":
            out = np.minimum(a, b) if self.kind == "min" else np.maximum(a, b)
        elif self.rounding == "double":
            out = self._double(a - za, b - zb, site) + site.output.zero_point
        else:
            out = self._float32(a - za, b - zb, site) + site.output.zero_point
        return np.clip(out, self.low, self.high).astype(site.output.dtype)

    def scaling(self, site: Site) -> tuple[int, tuple[float, float, float]]:
        """Of "double", but for MUL: the left shift of both operands, then their factors and that of the result."""
        (sa, _), (sb, _) = self.operands(site)
        shift, twice_max = LEFT_SHIFTS[self.kind][site.output.itemsize], 2.0 * max(sa, sb)
        if self.kind == "squared_difference":
            out = twice_max * twice_max / ((1 << 2 * shift) * site.output.scale)
        else:
            out = twice_max / ((1 << shift) * site.output.scale)
        return shift, (sa / twice_max, sb / twice_max, out)

    def _double(self, a: Array, b: Array, site: Site) -> Array:
        if self.kind == "mul":
            (sa, _), (sb, _) = self.operands(site)
            ratio = np.float64(sa) * np.float64(sb) / np.float64(site.output.scale)
            return mbqm(a * b, *quantize_multiplier(ratio))
        shift, factors = self.scaling(site)
        first, second, back = (quantize_multiplier(np.float64(factor)) for factor in factors)
        left, right = mbqm(a << shift, *first), mbqm(b << shift, *second)
        total = left + right if self.kind == "add" else left - right
        return mbqm(wrap_int32(total * total) if self.kind == "squared_difference" else total, *back)

    def _float32(self, a: Array, b: Array, site: Site) -> Array:
        (sa, _), (sb, _), so = *self.operands(site), site.output.scale
        if self.kind == "mul":
            factor = np.float32(np.float32(sa) * np.float32(sb)) / np.float32(so)
            return round_half_even((a * b).astype(np.float32) * factor)
        ra, rb = (float(np.float32(s) / np.float32(so)) for s in (sa, sb))
        # exact in float64: 24-bit ratios times 17-bit integers
        total = a * ra + b * rb if self.kind == "add" else a * ra - b * rb
        return round_half_even(total)

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
        if self.kind == "squared_difference" or (self.rounding == "double" and self._may_wrap(site)):
            low, high = np.full_like(low, self.low), np.full_like(high, self.high)
        return np.broadcast_to(low, site.output.channels), np.broadcast_to(high, site.output.channels)

    def _may_wrap(self, site: Site) -> bool:
        """Whether the requantization of an extreme sum or product shifts out of int32."""
        (sa, _), (sb, _), span = *self.operands(site), site.output.qtype.span
        if self.kind == "mul":
            scale, largest = np.float64(sa) * np.float64(sb) / np.float64(site.output.scale), span**2
        else:
            shift, (_, _, out) = self.scaling(site)
            scale, largest = np.float64(out), span << shift
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
        return (Const(self.constant.name, 3, (INT8.name, INT16.name)),) if self.constant else ()

    def takes(self, inputs: set[str], output: str) -> bool:
        return of_one_type(inputs, output)

    def check(self, site: Site) -> None:
        """Raises CompileError where a constant is of another type than the other operand."""
        if self.constant and str(site.consts[self.constant.name].dtype) != site.output.dtype:
            raise CompileError(self.constant.name, "is of another type", site.output.dtype)

    def problem(self) -> str:
        known = {"raw": ("min", "max"), "double": (*LEFT_SHIFTS, "mul"), "float32_even": ("add", "sub", "mul")}
        if self.kind not in known[self.rounding]:
            return f"{self.kind} with rounding {self.rounding}"
        return clamp_problem(self.low, self.high)

    def factors(self, site: Site) -> Array:
        if self.rounding != "double":
            return super().factors(site)
        if self.kind != "mul":
            return np.array(self.scaling(site)[1])
        (first, _), (second, _) = self.operands(site)
        return np.array([float(first) * float(second) / site.output.scale])

    def exact(self, site: Site, inputs: Sequence[Array]) -> Array | None:
        if self.rounding == "raw":
            return None
        codes = list(inputs)
        if self.constant is not None:
            codes.insert(0 if self.constant.first else 1, site.consts[self.constant.name])
        quantized = zip(codes, self.operands(site), strict=True)
        a, b = ((c.astype(np.float64) - zero) * scale for c, (scale, zero) in quantized)
        if self.kind == "squared_difference":
            return np.asarray((a - b) ** 2)
        return np.asarray({"add": np.add, "sub": np.subtract, "mul": np.multiply}[self.kind](a, b))
