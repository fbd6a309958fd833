"""Integer and float rounding, as the reference frameworks do it.

Sources of the formulas: TensorFlow Lite Micro `kernels/internal/quantization_util.cc` and `common.cc`;
ONNX Runtime `core/mlas/lib/quantize.cpp`. `docs/numerics.md` explains them.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ircompile.ir.tensor import Array, Consts
from ircompile.qtype import INT8, INT16, INT32

IntLike = Array | np.integer[Any] | int
Rounding = Literal["double", "single", "wide", "float32_even", "float64_away"]
PROFILES = ("tflm", "litert-ref", "ort")


@dataclass(frozen=True)
class Requant:
    """How an accumulator becomes an output code: clamp(round(acc * scale[c]) + zero_point, low, high).

    `scale` names a float64 constant of shape (C,); `rounding` says which framework's arithmetic `round` is.
    Accumulators are int32, but int64 with "wide".
    """

    rounding: Rounding
    scale: str
    zero_point: int
    low: int = INT8.low
    high: int = INT8.high

    def problem(self) -> str:
        """What number is out of its range; "" where none is."""
        zero_fits = INT16.low <= self.zero_point <= INT16.high
        return clamp_problem(self.low, self.high) if zero_fits else f"zero point {self.zero_point}"


def clamp_problem(low: int, high: int) -> str:
    """What is wrong with a clamp of codes, of 16 bits at most; "" where nothing is."""
    return "" if INT16.low <= low <= high <= INT16.high else f"codes from {low} to {high}"


def quantization_problem(scale: float, zero_point: int) -> str:
    """What is wrong with the quantization of codes, of 16 bits at most; "" where nothing is."""
    sound = scale > 0 and INT16.low <= zero_point <= INT16.high
    return "" if sound else f"scale {scale}, zero point {zero_point}"


def quantize_multiplier(real: npt.ArrayLike) -> tuple[Array, Array]:
    """Q31 multiplier and left shift of each real factor (TFLite QuantizeMultiplier).

    real: float64, any shape. Returns int64 multiplier in [0, 2^31) and int64 shift with real ~ m * 2^(shift-31).
    """
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    scaled = fraction * 2.0**31
    multiplier = np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int64)
    shift = exponent.astype(np.int64)
    full = multiplier == 2**31
    multiplier = np.where(full, 2**30, multiplier)
    shift = np.where(full, shift + 1, shift)
    tiny = shift < -31
    return np.where(tiny, 0, multiplier), np.where(tiny, 0, shift)


def wrap_int32(value: IntLike) -> Array:
    """The value as C's int32 would hold it after a wrapping operation."""
    return np.asarray(((value + 2**31) & (2**32 - 1)) - 2**31)


def srdhm(a: IntLike, b: IntLike) -> Array:
    """Saturating rounding doubling high multiply of int32s: round(a * b / 2^31), ties up."""
    product = a * b
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.where((a == b) & (a == -(2**31)), 2**31 - 1, high)


def rdbpot(x: IntLike, exponent: IntLike) -> Array:
    """Rounding divide by 2^exponent, ties away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return np.asarray((x >> exponent) + ((x & mask) > threshold))


def mbqm(x: IntLike, multiplier: IntLike, shift: IntLike) -> Array:
    """TFLite MultiplyByQuantizedMultiplier, double rounding: int64 arrays of int32 values, broadcast."""
    left, right = np.maximum(shift, 0), np.maximum(np.negative(shift), 0)
    return rdbpot(srdhm(wrap_int32(x << left), multiplier), right)


def mbqm_single(x: IntLike, multiplier: IntLike, shift: IntLike) -> Array:
    """MultiplyByQuantizedMultiplier with one rounding: (x * m + 2^(30-s)) >> (31-s)."""
    return np.asarray((x * multiplier + (np.int64(1) << (30 - shift))) >> (31 - shift))


def reduced_multiplier(multiplier: IntLike) -> Array:
    """A Q31 multiplier in 16 bits, as TFLite rounds it where accumulators have 64 bits: at most 0x7FFF."""
    return np.asarray(np.minimum((multiplier + np.int64(2**15)) >> 16, 2**15 - 1))


def mbqm_wide(x: IntLike, multiplier: IntLike, shift: IntLike) -> Array:
    """TFLite MultiplyByQuantizedMultiplier of int64: (x * m + 2^(14-s)) >> (15-s), m of 16 bits, as an int32."""
    product = x * reduced_multiplier(multiplier)
    return wrap_int32((product + (np.int64(1) << (14 - shift))) >> (15 - shift))


def round_half_away(value: Array) -> Array:
    """std::round: nearest integer, ties away from zero, as int64."""
    value = np.asarray(value, np.float64)
    whole = np.trunc(value)
    # Not trunc(value + 0.5): the sum itself would round the double just below 0.5 up to 1.
    return (whole + np.copysign(np.abs(value - whole) >= 0.5, value)).astype(np.int64)


def round_half_even(value: Array) -> Array:
    """The nearest integer, ties to even, as int64; what is beyond int32 becomes the end of int32."""
    return np.clip(np.rint(value), INT32.low, INT32.high).astype(np.int64)


def scale_accumulator(acc: Array, rounding: Rounding, scale: Array) -> Array:
    """round(acc * scale) in the given arithmetic, before zero point and clamp. acc int64 (..., C)."""
    if rounding == "double":
        return mbqm(acc, *quantize_multiplier(scale))
    if rounding == "single":
        return mbqm_single(acc, *quantize_multiplier(scale))
    if rounding == "wide":
        return mbqm_wide(acc, *quantize_multiplier(scale))
    if rounding == "float64_away":
        return round_half_away(np.clip(acc.astype(np.float64) * scale, -(2.0**40), 2.0**40))
    raise ValueError(f"rounding {rounding!r} has no unclamped form")


def requantize(acc: Array, requant: Requant, consts: Consts) -> Array:
    """Output codes (int64) of accumulators. acc: int64 (..., C); what leaves int32 wraps, as in the frameworks."""
    scale, zero = consts[requant.scale], requant.zero_point
    acc = acc if requant.rounding == "wide" else wrap_int32(acc)
    if requant.rounding == "float32_even":
        product = acc.astype(np.float32) * scale.astype(np.float32)
        bounded = np.clip(product, np.float32(requant.low - zero), np.float32(requant.high - zero))
        return np.asarray(np.rint(bounded).astype(np.int64) + zero)
    scaled = scale_accumulator(acc, requant.rounding, scale)
    return np.clip(scaled + zero, requant.low, requant.high)


def quantize(real: Array, scale: float, zero_point: int, dtype: str, half_even: bool) -> Array:
    """Codes of float32 values: round(real / scale) + zero_point, saturated to the dtype's range.

    TFLite rounds half away from zero, ONNX half to even; both divide in float32.
    """
    ratio = np.asarray(real, np.float32) / np.float32(scale)
    info = np.iinfo(dtype)
    ratio = np.clip(np.nan_to_num(ratio, nan=0.0), np.float32(-(2.0**30)), np.float32(2.0**30))
    rounded = np.rint(ratio).astype(np.int64) if half_even else round_half_away(ratio)
    return np.clip(rounded + zero_point, info.min, info.max).astype(dtype)
