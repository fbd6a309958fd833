"""Fixed-point functions of gemmlowp's `fixedpoint.h`, on int64 arrays of int32 raw values."""

import numpy as np

from ircompile.ir.numerics import srdhm
from ircompile.ir.ops.softmax import ONE, exp_on_negative_values
from ircompile.ir.tensor import Array

Q2_ONE = 1 << 29


def _reciprocal_of_one_plus(a: Array) -> Array:
    """2 / (1 + a) of Q0.31 values in [0, 1], as Q2.29, by three Newton steps."""
    half_denominator = (a + ONE + 1) >> 1
    x = 1515870810 + srdhm(half_denominator, np.int64(-1010580540))  # 48/17 - 32/17 d
    for _ in range(3):
        error = Q2_ONE - srdhm(half_denominator, x)
        x = x + (srdhm(x, error) << 2)
    return x


def reciprocal(x: int) -> tuple[int, int]:
    """1 / x of an integer above 0: Q0.31 mantissa m and shift s with 1 / x ~ m * 2^(-31 - s)."""
    bits = x.bit_length()
    fraction = np.asarray((x << (32 - bits)) - 2**31, np.int64)
    return int(np.minimum(_reciprocal_of_one_plus(fraction) << 1, ONE)), bits - 1


def logistic_q4(a: Array) -> Array:
    """1 / (1 + exp(-x)) of Q4.27 values, as Q0.31."""
    positive = np.minimum(_reciprocal_of_one_plus(exp_on_negative_values(-np.abs(a), 4)) << 1, ONE)
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, ONE - positive))


def tanh_q4(a: Array) -> Array:
    """tanh(x) of Q4.27 values, as Q0.31: (1 - e) / (1 + e) with e = exp(-2 |x|)."""
    # Doubling a Q4.27 value is reading it as Q5.26.
    size = np.minimum((_reciprocal_of_one_plus(exp_on_negative_values(-np.abs(a), 5)) - Q2_ONE) << 2, ONE)
    return np.where(a == 0, 0, np.where(a > 0, size, -size))
