"""The smallest multiple of a number that falls, modulo 2^32, into a window."""

from __future__ import annotations

import numpy as np

from ircompile.tensor import Array

MODULUS = 2**32
NONE = 2**40


def first_multiple(a: Array, low: Array, high: Array) -> Array:
    """Least x >= 0 with low <= a * x mod 2^32 <= high; NONE where there is none. int64, 0 <= low <= high < 2^32.

    Euclid's algorithm: if no multiple of a lies in the window itself, x is found from the number y of times that
    a * x passes 2^32, which solves the same problem modulo a. At most 50 levels, for all channels at once.
    """
    modulus = np.full(a.shape, MODULUS, np.int64)
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
        levels.append((safe, modulus, low))
        low, high = np.where(active, -high % safe, low), np.where(active, -low % safe, high)
        a, modulus = np.where(active, modulus % safe, a), np.where(active, safe, modulus)
    for level in range(len(levels) - 1, -1, -1):
        a, modulus, low = levels[level]
        unwind = (level < depth) & (answer < NONE)
        answer = np.where(unwind, -(-(low + modulus * np.where(unwind, answer, 0)) // a), answer)
    return answer


def nearest_multiple(a: Array, low: Array, width: Array) -> Array:
    """The x of least magnitude with a * x mod 2^32 in [low, low + width] mod 2^32; NONE where there is none."""
    a, low = a % MODULUS, low % MODULUS
    high = low + width
    through = high >= MODULUS  # the window holds 0
    high = np.where(through, low, high)
    forward = first_multiple(a, low, high)
    backward = first_multiple(-a % MODULUS, low, high)
    return np.where(through, 0, np.where(forward <= backward, forward, np.where(backward == NONE, NONE, -backward)))
