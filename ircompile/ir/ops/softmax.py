"""Softmax over the channels of every pixel.

"gemmlowp" is TFLite's `reference/softmax.h`: exponentials in Q5.26, their sum in Q12.19, a Newton reciprocal.
"interpolated" is TFLite's of 16 bits: exponentials and a reciprocal out of two tables of 513 entries, in Q0.15.
"table" is ours for ONNX models, within one code of ONNX Runtime's float softmax: E[d] = round(2^20 * exp(-d * s)),
out = floor((2 * E[max - x] * K + S) / (2 * S)) + zp with S the sum of the E times 2^8, K = 2^8 * floor(1 / s_out).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ircompile.ir.numerics import mbqm, quantize_multiplier, rdbpot, round_half_away, srdhm
from ircompile.ir.ops.op import RowByRow
from ircompile.ir.ops.ranges import Range, full_range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8, INT16

EXP_BARREL = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
ONE = 2**31 - 1
LINE_BITS = 7  # of a code within a line of an interpolated table
LINES = 2 ** (16 - LINE_BITS)


@dataclass(frozen=True)
class Softmax(RowByRow):
    """exp(beta * x) / sum over the channels, for each pixel."""

    off_by_one: ClassVar[bool] = True

    rounding: Literal["gemmlowp", "interpolated", "table"]
    beta: float = 1.0

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or (with "interpolated") int16 input, softmax over its channels; at most 4096 of them."""
        return inputs[0].shape

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        codes = inputs[0].take(start, stop).astype(np.int64)
        below_max = codes.max(axis=-1, keepdims=True) - codes
        if self.rounding == "interpolated":
            return self._interpolated(site, below_max)
        if self.rounding == "table":
            exps = self.exp_table(site)[below_max]
            total = exps.sum(axis=-1, keepdims=True) << 8
            out = (2 * exps * self.factor(site) + total) // (2 * total) + site.output.zero_point
            return np.clip(out, *INT8.range).astype(INT8.dtype)
        exps = self.exp_table(site)[below_max]
        total = rdbpot(exps, np.int64(12)).sum(axis=-1, keepdims=True)
        scale, bits_over_unit = reciprocal(total)
        out = rdbpot(srdhm(scale, exps), bits_over_unit + 31 - 8) + INT8.low
        return np.where(exps > 0, np.clip(out, *INT8.range), INT8.low).astype(INT8.dtype)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return full_range(site.output)

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs == {output} and output == ("int16" if self.rounding == "interpolated" else "int8")

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return None

    def problem(self) -> str:
        return "" if self.beta > 0 else f"beta {self.beta}"

    def _interpolated(self, site: Site, below_max: Array) -> Array:
        """Codes of 16 bits of int64 distances from the greatest code, (..., C)."""
        exp_table, reciprocal_table = interpolation_tables()
        scaled = mbqm(-below_max, *quantize_multiplier(self.distance_factor(site)))
        exps = interpolate(np.clip(scaled + INT16.high, *INT16.range), exp_table)
        total = exps.sum(axis=-1, keepdims=True)
        headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
        shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
        scale = interpolate(np.clip(shifted - 3 * 2**15, *INT16.range), reciprocal_table)
        right = 31 - headroom
        return np.clip((exps * scale + (1 << (right - 1))) >> right, 0, INT16.high).astype(INT16.dtype)

    def distance_factor(self, site: Site) -> np.float64:
        """What makes 65,535 of a distance of 10."""
        return np.float64(site.inputs[0].scale) * np.float64(self.beta) / np.float64(10.0 / 65535.0)

    def factor(self, site: Site) -> int:
        """Steps of the output, times 2^8: ONNX Runtime's QLinearSoftmax rounds 1 / scale down, so do we."""
        return 2**8 * int(np.float32(1) / np.float32(site.output.scale))

    def exp_table(self, site: Site) -> Array:
        """int64 (256,): the exponential of -d codes; Q0.31 for "gemmlowp" (0 below its range), Q20 for "table"."""
        distance = np.arange(INT8.count, dtype=np.int64)
        scale = self.beta * site.inputs[0].scale
        if self.rounding == "table":
            return np.rint(2.0**20 * np.exp(-distance * scale)).astype(np.int64)
        multiplier, shift = quantize_multiplier(np.float64(min(scale * 2.0**26, 2.0**31 - 1)))
        lowest = -np.floor(31.0 * 2.0**26 / 2.0 ** float(shift))
        inside = -distance >= lowest
        scaled = srdhm(np.where(inside, -distance, 0) << shift, multiplier)
        return np.where(inside, exp_on_negative_values(scaled), 0)


def interpolate(codes: Array, table: Array) -> Array:
    """Values of 16-bit codes: table[k] at code 128 * (k - 256), int64 (513,), straight lines between them."""
    place, rest = LINES // 2 + (codes >> LINE_BITS), codes & (2**LINE_BITS - 1)
    base = table[place]
    return np.asarray(base + (((table[place + 1] - base) * rest + 2 ** (LINE_BITS - 1)) >> LINE_BITS))


def interpolation_tables() -> tuple[Array, Array]:
    """int64 (513,) each: exp on [-10, 0] and 1 / (1 + x) on [0, 1], in 2^-15."""
    span = np.float32(INT16.span)
    exp = interpolation_table(np.float32(10) / span, INT16.high, lambda x: np.exp(x.astype(np.float64)))
    return exp, interpolation_table(np.float32(1) / span, INT16.low, lambda x: np.float32(1) / (np.float32(1) + x))


def interpolation_table(scale: np.float32, zero_point: int, function: Callable[[Array], Array]) -> Array:
    """A function's values at every 128th 16-bit code, less half of what straight lines miss between them.

    In float32, as TFLite's LUTPopulate. The output's scale is 2 / 65535; codes mean scale * (code - zero_point).
    """
    least, greatest = (scale * np.float32(end - zero_point) for end in INT16.range)
    step = (greatest - least) / np.float32(LINES)
    unit = np.float32(2) / np.float32(INT16.span)
    inverse = np.float32(INT16.count) / (unit * np.float32(INT16.high) - unit * np.float32(INT16.low))
    place = np.arange(LINES, dtype=np.float32)

    def value(x: Array) -> Array:
        return function(x).astype(np.float32) * inverse

    first, following = value(least + place * step), value(least + (place + np.float32(1)) * step)
    middle = round_half_away(value(least + place * step + step / np.float32(2)))
    line = round_half_away((following + round_half_away(first).astype(np.float32)) / np.float32(2))
    table = round_half_away(first) - round_half_away((line - middle) / 2)
    return np.clip(np.append(table, round_half_away(value(np.asarray(greatest)))), *INT16.range)


def exp_on_negative_values(a: Array, integer_bits: int = 5) -> Array:
    """exp of fixed-point values <= 0 (Q5.26, or Q4.27), as Q0.31 (gemmlowp `fixedpoint.h`)."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    mod = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(mod << integer_bits)
    remainder = mod - a
    for exponent, multiplier in EXP_BARREL:
        if exponent < integer_bits:
            taken = remainder & (1 << (fraction_bits + exponent))
            result = np.where(taken, srdhm(result, np.int64(multiplier)), result)
    return np.where(a == 0, ONE, result)


def _exp_near_zero(a: Array) -> Array:
    """exp on [-1/4, 0) in Q0.31: Taylor expansion around -1/8."""
    constant = np.int64(1895147668)
    x = a + (1 << 28)
    x2 = srdhm(x, x)
    x3, x4 = srdhm(x2, x), srdhm(x2, x2)
    tail = srdhm(rdbpot(x4, np.int64(2)) + x3, np.int64(715827883)) + x2
    return constant + srdhm(constant, x + rdbpot(tail, np.int64(1)))


def reciprocal(total: Array) -> tuple[Array, Array]:
    """1 / total of Q12.19 sums: Q0.31 mantissa and the bits that it lies over one (gemmlowp GetReciprocal)."""
    headroom = 32 - np.floor(np.log2(total.astype(np.float64))).astype(np.int64) - 1
    half_denominator = ((total << headroom) - 2**31 + ONE + 1) >> 1
    x = 1515870810 + srdhm(half_denominator, np.int64(-1010580540))
    for _ in range(3):
        error = (1 << 29) - srdhm(half_denominator, x)
        x = x + (srdhm(x, error) << 2)
    return np.minimum(x << 1, ONE), 12 - headroom
