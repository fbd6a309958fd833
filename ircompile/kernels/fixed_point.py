"""Real factors as integers."""

import numpy as np


def mantissa(value: float) -> tuple[int, int]:
    """(m, s) with value = m / 2^s exactly, m of at most 24 bits: a float32 as integers."""
    numerator, denominator = float(np.float32(value)).as_integer_ratio()
    shift = denominator.bit_length() - 1
    while numerator >= 2**24:
        numerator, shift = numerator >> 1, shift - 1
    return numerator, shift
