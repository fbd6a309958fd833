"""Straight lines through step functions: for which Q and K is floor((x * Q + K) / 2^N) the reference?

With x the accumulator, K must satisfy, for each threshold T of code k inside the interval,

    T * Q + K >= k * 2^N        (the code is reached at T)
    (T - 1) * Q + K < k * 2^N   (and not before)

so that for a given Q the feasible K are an interval [lower(Q), upper(Q)], whose width is concave in Q: Newton's
method from the obvious Q meets its feasible range, or proves in a few steps that there is none. All products
stay below 2^63: |x| < 2^31, 0 <= Q < 2^31, |k * 2^N| <= 2^61.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.reference import StepFunction

NEVER = 2**62


@dataclass(frozen=True)
class Bounds:
    """Two families of constraints on K: least - below * Q <= K <= most - above * Q, int64 (K, C) each."""

    below: Array
    above: Array
    least: Array
    most: Array

    def take(self, channels: Array) -> Bounds:
        """The constraints of some channels."""
        return Bounds(*(v[:, channels] for v in (self.below, self.above, self.least, self.most)))

    def interval(self, q: Array) -> tuple[Array, Array, Array]:
        """lower(Q), upper(Q) and the derivative of upper - lower, per channel."""
        low, high = self.least - self.below * q, self.most - self.above * q
        i, j = low.argmax(axis=0), high.argmin(axis=0)
        c = np.arange(low.shape[1])
        return low[i, c], high[j, c], self.below[i, c] - self.above[j, c]


def bounds_of(steps: StepFunction, scale_bits: Array, pre: int, kink: Array) -> Bounds:
    """The constraints of a line of N = scale_bits, x = accumulator * 2^pre.

    kink  what the C form subtracts where the accumulator is negative, in units of the product.
    """
    t, lo, hi = steps.thresholds, steps.lo, steps.hi
    level = steps.codes << scale_bits
    least = np.where(t <= hi, level + kink * (t < 0), -NEVER)
    most = np.where(t > lo, level - 1 + kink * (t <= 0), NEVER)
    # a threshold out of reach constrains nothing: its level is out of the way, its accumulator 0
    return Bounds(np.where(t <= hi, t, 0) << pre, np.where(t > lo, t - 1, 0) << pre, least, most)


def feasible(bounds: Bounds, start: Array, limit: Array) -> tuple[Array, Array]:
    """A feasible Q in [0, limit] of each channel, the first met from `start`, and whether there is one.

    Where there is none, the Q is one of the two neighbours of the least infeasible.
    """
    q = np.clip(start, 0, limit)
    found = np.zeros(len(q), bool)
    least, most = np.full(len(q), -1), limit + 1  # known to be infeasible, as all beyond them
    active, part = np.arange(len(q)), bounds
    while len(active):
        here = q[active]
        low, high, slope = part.interval(here)
        width = high - low
        ok = width >= 0
        found[active[ok]] = True
        least[active] = np.where(slope > 0, here, least[active])
        most[active] = np.where(slope < 0, here, most[active])
        size = np.maximum(np.abs(slope), 1)
        following = here + np.sign(slope) * -(width // size)
        going = ~ok & (slope != 0) & (following > least[active]) & (following < most[active])
        q[active] = np.where(going, following, here)
        active, part = active[going], part.take(going)
    return q, found
