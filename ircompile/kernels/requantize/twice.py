"""TFLite's two roundings as two rounding high multiplications, without a look at the sign.

    h = round(2 * acc * m / 2^32)                  ties up: TFLite's first rounding
    code = round(h / 2^r), ties away from zero, + zero point

A product of h and 2^(32 - r) + 1 instead of 2^(32 - r) is h / 2^r and a little more, h / 2^32, which has h's sign:
rounded with ties up, negative ties go down and positive ones up. Nothing else changes while |h| < 2^(32 - r), since
what is no tie is at least 1 / 2^r away from one. Helium's multiplications double: VQRDMULH takes acc, and h times
2^(31 - r) + 1 is h / 2^r and h / 2^31 more.
"""

import numpy as np

from ircompile.ir.numerics import Requant, quantize_multiplier
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.qtype import INT8, INT16, INT32

MOST_FACTOR = 30  # its power of two: a factor fits int32


def twice_recipe(
    requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, doubling: bool = False
) -> Recipe | None:
    """The recipe of a layer whose accumulators, with bias, lie in [lo, hi]; None where this is not exact.

    Codes before the clamp fit int16, with room for 128 more. `doubling`: for multiplications that double.
    """
    multiplier, shift = quantize_multiplier(np.asarray(scale, np.float64))
    right, most = -shift, np.maximum(-lo, hi)
    live, bits = multiplier != 0, 31 if doubling else 32
    high = (most * np.abs(multiplier) >> 31) + 1
    fits = (right >= bits - MOST_FACTOR) & (2 * most <= INT32.high) & (high << np.maximum(right, 0) < 1 << bits)
    fits &= (high >> np.maximum(right, 0)) < INT16.high + 3 * INT8.low
    if requant.rounding != "double" or np.any(scale < 0) or not np.all(fits | ~live):
        return None
    factor = np.where(live, (np.int64(1) << (bits - np.clip(right, bits - MOST_FACTOR, bits))) + 1, 0)
    words = np.stack([np.asarray(bias, np.int64), multiplier, factor], axis=1).astype(np.int32)
    form = Form("twice", requant.low, requant.high, pre=1)
    return Recipe(form, words, np.array([requant.zero_point], np.int32), {form.key: len(words)})
