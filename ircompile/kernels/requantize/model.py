"""The C forms in NumPy, bit for bit, wrap-around included."""

from collections.abc import Callable

import numpy as np

from ircompile.ir.numerics import mbqm, mbqm_single, wrap_int32
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import LINES, MANTISSA_BITS, Form, Recipe
from ircompile.qtype import INT8, INT32

Wrap = Callable[[Array], Array]
UINT32_MAX = 2**32 - 1


def evaluate(recipe: Recipe, acc_without_bias: Array) -> Array:
    """Codes that the C computes. acc_without_bias: int64 (..., C), the sum of products without any bias."""
    return compute(recipe, acc_without_bias, wrap_int32)


def compute(recipe: Recipe, acc_without_bias: Array, wrap: Wrap) -> Array:
    """As `evaluate`, with every 32-bit intermediate passed through `wrap`."""
    form, words = recipe.form, recipe.words.astype(np.int64)
    if form.long:
        acc = acc_without_bias + (words[:, 0] & UINT32_MAX) + (words[:, 1] << 32)
    else:
        acc = wrap(acc_without_bias + words[:, 0])
    if form.name == "steps":
        return (form.low + _count(np.minimum(acc, INT32.high - 1), words[:, 1:])).astype(np.int8)
    value = dict(zip(form.common, recipe.common.astype(np.int64), strict=True))
    value |= dict(zip(form.fields, words[:, form.starts :].T, strict=True))
    if form.name in LINES:
        code = _line(form, acc, value, wrap)
    elif form.name == "twice":
        high = (wrap(acc << form.pre) * value["multiplier"] + 2**31) >> 32
        code = wrap(value["zero_point"] + ((high * value["factor"] + 2**31) >> 32))
    elif form.quick:
        code = _quick(form, acc, value["multiplier"], value["base"], wrap)
    elif form.name == "float32":
        code = wrap(_float32(acc, value["scale"]) + value["zero_point"])
    elif form.name == "wide":
        code = wrap(scale_wide(acc, value["multiplier"], value["shift"]) + value["zero_point"])
    else:
        scaling = mbqm if form.name == "double" else mbqm_single
        code = wrap(scaling(acc, value["multiplier"], value["shift"]) + value["zero_point"])
    return np.clip(code, form.low, form.high).astype(form.code.dtype)


def scale_wide(acc: Array, multiplier: Array, shift: Array) -> Array:
    """TFLite's arithmetic of int64 accumulators: a multiplier of 16 bits, rounded once, `shift` to the right."""
    return wrap_int32((acc * multiplier + (np.int64(1) << (shift - 1))) >> shift)


def in_range(value: Array) -> Array:
    """The value, which must fit int32; else AssertionError."""
    assert np.all((value >= -(2**31)) & (value < 2**31)), "an intermediate value wraps"
    return value


def _line(form: Form, acc: Array, value: dict[str, Array], wrap: Wrap) -> Array:
    x = wrap(acc << form.pre)
    if form.name == "high":
        product = x * value["multiplier"] + (2**31 if form.rounded else 0)
        total = wrap(value["offset"] + (product >> 32))
    else:
        carry = wrap(x * value["lower"]) >> form.limb
        if form.parts == 3:
            carry = wrap(wrap(x * value["middle"]) + carry) >> form.limb
        total = wrap(wrap(wrap(x * value["upper"]) + carry) + value["offset"])
    if form.kink:
        total = wrap(total - (x < 0) * value.get("kink", np.int64(1)))
    shift = value["shift"] if form.shift is None else form.shift
    for i in range(form.exceptions):
        total = wrap(total + ((x == value[f"exception{i}"]) << shift))
    return np.asarray(total >> shift)


def _quick(form: Form, acc: Array, multiplier: Array, base: Array, wrap: Wrap) -> Array:
    """The sum of a product in fixed point, but next to a tie float32 arithmetic; then the shift."""
    assert form.shift is not None
    x = wrap(acc << form.pre)
    if form.parts:
        product = np.zeros_like(x)
        for _, bit in reversed(form.parts_of_multiplier):
            product = wrap(wrap(x * ((multiplier >> bit) & ((1 << form.limb) - 1))) + (product >> form.limb))
    else:
        product = (x * multiplier + (2**31 if form.rounded else 0)) >> 32
    total = wrap(base + wrap(product))
    told = _float32(acc, float32_bits(multiplier, form.exponent))
    tie = (total & ((1 << form.shift) - 1)) < form.near
    return np.asarray(np.where(tie, base + (told << form.shift), total) >> form.shift)


def float32_bits(multiplier: Array, exponent: int) -> Array:
    """The bits of multiplier / 2^exponent as a float32, rounded towards zero."""
    mantissa, power = np.frexp(multiplier.astype(np.float64))
    whole = np.trunc(np.ldexp(mantissa, MANTISSA_BITS))
    scale = np.ldexp(whole, power - MANTISSA_BITS - exponent).astype(np.float32)
    return np.asarray(scale.view(np.int32).astype(np.int64))


def _float32(acc: Array, scale: Array) -> Array:
    """rint(acc * scale) of a float32 given by its bits, as the C's integer path computes it."""
    product = np.abs(acc) * (scale & 0x7FFFFF | 0x800000)
    lost = np.frexp((product >> 24).astype(np.float64))[1].astype(np.int64)
    mantissa = np.where(lost > 0, _half_even(product, np.maximum(lost, 1)), product)
    shift = 150 - (scale >> 23 & 0xFF) - lost
    small = np.where(shift > 25, 0, _half_even(mantissa, np.clip(shift, 1, 25)))
    return np.where((acc < 0) == (scale < 0), 1, -1) * np.where(shift > 0, small, mantissa)


def _half_even(value: Array, shift: Array) -> Array:
    return (value + (np.int64(1) << (shift - 1)) - 1 + (value >> shift & 1)) >> shift


def _count(acc: Array, thresholds: Array) -> Array:
    """How many thresholds (C, 255) each accumulator (..., C) reaches, by the C's binary search."""
    channel = np.arange(len(thresholds))
    position = np.zeros(acc.shape, np.int64)
    for step in (INT8.count >> half for half in range(1, 9)):
        position += np.where(thresholds[channel, position + step - 1] <= acc, step, 0)
    return position
