"""The smallest multiple of a number that falls, modulo a power of two, into a window."""

import numpy as np

from ircompile.ir.tensor import Array

NONE = 2**40


def first_multiple(a: Array, low: Array, high: Array, modulus: int) -> Array:
    """Least x >= 0 with low <= a * x mod modulus <= high; NONE where there is none. 0 <= low <= high < modulus.

    Euclid's algorithm: if no multiple of a lies in the window itself, x is found from the number y of times that
    a * x passes the modulus, which solves the same problem modulo a. At most 50 levels, for all channels at once.
    """
    size = np.full(a.shape, modulus, np.int64)
    levels: list[tuple[Array, Array, Array]] = []
    answer = np.full(a.shape, NONE, np.int64)
    depth = np.zeros(a.shape, np.int64)
    active = np.ones(a.shape, bool)
    while np.any(active):
        safe = np.maximum(a, 1)
        first = -(-low // safe)
        hit = active & ((low == 0) | (a > 0) & (first * safe <= high))
        answer = np.where(hit, np.where(low == 0, 0, first), answer)
        depth = np.where(active & (hit | (a == 0)), len(levels), depth)
        active = active & ~hit & (a > 0)
        levels.append((safe, size, low))
        low, high = np.where(active, -high % safe, low), np.where(active, -low % safe, high)
        a, size = np.where(active, size % safe, a), np.where(active, safe, size)
    for level in range(len(levels) - 1, -1, -1):
        a, size, low = levels[level]
        unwind = (level < depth) & (answer < NONE)
        answer = np.where(unwind, -(-(low + size * np.where(unwind, answer, 0)) // a), answer)
    return answer


def nearest_multiple(a: Array, low: Array, width: Array, modulus: int) -> Array:
    """The x of least magnitude with a * x in [low, low + width] mod modulus <= 2^32; NONE where there is none."""
    a, low, width = a % modulus, low % modulus, np.minimum(width, modulus - 1)
    through = (low == 0) | (low + width >= modulus)  # the window holds 0
    low, high = np.where(through, 0, low), np.where(through, 0, low + width)
    forward, backward = first_multiple(a, low, high, modulus), first_multiple(-a % modulus, low, high, modulus)
    return np.where(forward <= backward, forward, np.where(backward == NONE, NONE, -backward))
