"""TFLite's requantization of int64 accumulators: one rounding of a product with 16 bits, so that algebra proves it.

    code = (acc * m + 2^(t - 1)) >> t + zero point, m of 16 bits, t = 15 - shift

The form "high" is floor((x * Q + offset * 2^32 [+ 2^31 if rounded]) / 2^(32 + n)), x = acc << pre. With
Q = m << (32 + n - t - pre) both are the same function, wherever nothing wraps, if the rest of the sum is half of
2^(32 + n) and the zero point times that: offset = (zero point << n) + 2^(n - 1); or, rounded, n = 0, for which the
rounding is that half. No threshold is looked at: there may be 65,535 in each channel.
"""

from collections.abc import Iterator

import numpy as np

from ircompile.ir.numerics import Requant, quantize_multiplier, reduced_multiplier, wrap_int32
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.kernels.requantize.model import compute, in_range, scale_wide
from ircompile.qtype import INT32, QType

UNITS = 32  # bits of a product that do not reach the sum
SHIFTS = (2, 3, 1, 4, 5, 6)
"""Right shifts of the sum to try, so that layers share code."""


def fixed_point(scale: Array) -> tuple[Array, Array]:
    """Multiplier of 16 bits and right shift of each scale, int64."""
    multiplier, shift = quantize_multiplier(scale)
    return reduced_multiplier(multiplier), 15 - shift


def wide_recipe(
    requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, code: QType, rounded: bool
) -> Recipe:
    """The recipe of a layer whose accumulators, with bias, lie in [lo, hi]: of 32 bits where these are enough.

    rounded  whether the core has a rounding high multiplication (SMMLAR).
    """
    if lo.min() >= INT32.low and hi.max() <= INT32.high:
        for recipe in lines(requant, scale, bias, lo, hi, code, rounded):
            if fits(recipe, bias, lo, hi):
                return recipe
    return long_recipe(requant, scale, bias, lo, hi, code)


def lines(
    requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, code: QType, rounded: bool
) -> Iterator[Recipe]:
    """Lines that are the reference, the cheapest first; `fits` must hold of one."""
    m, t = fixed_point(scale)
    live = m > 0
    least, most = (int(t[live].min()), int(t[live].max())) if live.any() else (UNITS, UNITS)
    low, high = clamp(requant, m, t, lo, hi, code)
    if rounded:
        pre = max(0, 16 - least)
        if most + pre <= UNITS:
            yield line(Form("high", low, high, shift=0, pre=pre, rounded=True, code=code), requant, m, t, bias)
    pre = max(0, 17 - least)
    for n in SHIFTS:
        if most + pre - UNITS <= n <= least + pre - 16:
            yield line(Form("high", low, high, shift=n, pre=pre, code=code), requant, m, t, bias)
    yield line(Form("high", low, high, pre=pre, code=code), requant, m, t, bias)


def line(form: Form, requant: Requant, m: Array, t: Array, bias: Array) -> Recipe:
    """The words of a line; each channel its own shift where the form has none."""
    own = np.maximum(t + form.pre - 16, 1)
    n = own if form.shift is None else np.full_like(t, form.shift)
    half = np.zeros_like(n) if form.rounded else np.int64(1) << np.maximum(n - 1, 0)
    column = {
        "multiplier": np.where(m > 0, m << np.clip(UNITS + n - t - form.pre, 0, 16), 0),
        "offset": (requant.zero_point << n) + half,
        "shift": n,
    }
    words = np.stack([wrap_int32(bias), *(column[name] for name in form.fields)], axis=1)
    return Recipe(form, wrap_int32(words).astype(np.int32), np.zeros(0, np.int32), {form.key: len(words)})


def fits(recipe: Recipe, bias: Array, lo: Array, hi: Array) -> bool:
    """Whether nothing wraps at the ends of the interval, and so nowhere within: all values are monotone."""
    try:
        for end in (lo, hi):
            compute(recipe, end - recipe.words[:, 0].astype(np.int64), in_range)
    except AssertionError:
        return False
    return True


def clamp(requant: Requant, m: Array, t: Array, lo: Array, hi: Array, code: QType) -> tuple[int, int]:
    """The clamp that saturation to the codes' type and the reachable codes leave to do."""
    first, last = (scale_wide(end, m, t) + requant.zero_point for end in (lo, hi))
    low = requant.low if first.min() < requant.low else code.low
    return low, requant.high if last.max() > requant.high else code.high


def long_recipe(requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, code: QType) -> Recipe:
    """The reference's own arithmetic, of accumulators of 32 bits where they are enough, else of 64."""
    m, t = fixed_point(scale)
    long = bool(lo.min() < INT32.low or hi.max() > INT32.high)
    form = Form("wide", requant.low, requant.high, code=code, long=long)
    starts = [wrap_int32(bias), bias >> 32] if long else [wrap_int32(bias)]
    words = np.stack([*starts, m, t], axis=1).astype(np.int32)
    return Recipe(form, words, np.array([requant.zero_point], np.int32), {form.key: len(words)})
