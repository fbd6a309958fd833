"""The reference as a step function: its thresholds, found with `ircompile.ir.numerics` itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ircompile.ir.numerics import Requant, quantize_multiplier, requantize
from ircompile.ir.tensor import Array

# int64 accumulators and their channels, broadcast -> codes.
Function = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class StepFunction:
    """A monotone step function of the accumulator, per channel, over a reachable interval.

    thresholds  int64 (K, C): least accumulator in [lo, hi] of code >= low + 1 + i; hi + 1 where there is none.
    lo, hi      int64 (C,), the interval; low, high the codes' range, K = high - low.
    slope       float64 (C,), about how many codes one accumulator unit is worth.
    ties        int64 (C,): the reference rounds to 2^-ties of a code first and then ties away from zero, so that
                negative accumulators are late by that much; 0 where it does not.
    """

    thresholds: Array
    lo: Array
    hi: Array
    low: int
    high: int
    slope: Array
    ties: Array

    @property
    def codes(self) -> Array:
        """The code that each threshold begins, int64 (K, 1)."""
        return np.arange(self.low + 1, self.high + 1, dtype=np.int64)[:, np.newaxis]

    @property
    def live(self) -> Array:
        """Channels (bool) of more than one reachable code."""
        return np.asarray(np.any((self.thresholds > self.lo) & (self.thresholds <= self.hi), axis=0))

    def take(self, channels: Array) -> StepFunction:
        """The steps of some channels."""
        t, lo, hi = self.thresholds[:, channels], self.lo[channels], self.hi[channels]
        return StepFunction(t, lo, hi, self.low, self.high, self.slope[channels], self.ties[channels])

    def moved(self, delta: Array) -> StepFunction:
        """The steps with delta added to every accumulator."""
        t, lo, hi = self.thresholds + delta, self.lo + delta, self.hi + delta
        return StepFunction(t, lo, hi, self.low, self.high, self.slope, self.ties)


def function_of(requant: Requant, scale: Array) -> Function:
    """The requantization as a function of accumulators and channels."""

    def codes(acc: Array, channel: Array) -> Array:
        return requantize(acc, requant, {requant.scale: scale[channel]})

    return codes


def wraps(requant: Requant, scale: Array, lo: Array, hi: Array) -> Array:
    """Channels (bool) where the reference wraps in the interval or decreases: no such step function there."""
    if requant.rounding != "double":
        return np.asarray(scale < 0)
    left = np.maximum(quantize_multiplier(scale)[1], 0)
    return (
        (scale < 0)
        | (np.maximum(hi, 0) << np.minimum(left, 31) > 2**31 - 1)
        | (np.minimum(lo, 0) << np.minimum(left, 31) < -(2**31))
    )


def guess(requant: Requant, scale: Array) -> Array:
    """About where the thresholds lie, float64 (K, C); `locate` makes them exact."""
    step = np.arange(requant.low + 1, requant.high + 1)[:, np.newaxis] - requant.zero_point
    with np.errstate(divide="ignore", invalid="ignore"):
        if requant.rounding in ("double", "single"):
            multiplier, shift = quantize_multiplier(scale)
            exact = np.ldexp(multiplier.astype(np.float64), (shift - 31).astype(np.int32))
            # RDBPOT of a negative number is one SRDHM unit higher; SRDHM itself rounds half a unit.
            right = np.maximum(-shift, 0)
            unit = np.ldexp(1.0, -right) if requant.rounding == "double" else np.zeros(len(scale))
            half = np.where(right > 0, unit / 2, 0.0)
            return (step - 0.5 - half + np.where(step <= 0, unit, 0.0) * (right > 0)) / exact
        return (step - 0.5) / (
            scale.astype(np.float32).astype(np.float64) if requant.rounding == "float32_even" else scale
        )


def locate(function: Function, estimate: Array, lo: Array, hi: Array, low: int, high: int) -> Array:
    """Exact thresholds (K, C) from an estimate of them: neighbours first, bisection where they do not settle it."""
    codes = np.arange(low + 1, high + 1, dtype=np.int64)[:, np.newaxis]
    channels = np.arange(len(lo))
    with np.errstate(invalid="ignore"):
        start = np.nan_to_num(np.ceil(estimate), nan=0.0, posinf=2.0**40, neginf=-(2.0**40))
    found = np.clip(np.clip(start, -(2.0**40), 2.0**40).astype(np.int64), lo, hi + 1)
    above = (found > hi) | (function(np.minimum(found, hi), channels) >= codes)
    below = (found == lo) | (function(np.maximum(found - 1, lo), channels) < codes)
    row, column = np.nonzero(~(above & below))
    if len(row):
        found[row, column] = bisect(function, column, codes[row, 0], lo[column], hi[column])
    return found


def bisect(function: Function, channel: Array, code: Array, lo: Array, hi: Array) -> Array:
    """Least accumulator in [lo, hi] with function >= code, hi + 1 where there is none. All one-dimensional."""
    first, last = lo.copy(), hi + 1
    while np.any(first < last):
        middle = (first + last) >> 1
        reached = function(np.minimum(middle, hi), channel) >= code
        last = np.where(reached & (first < last), middle, last)
        first = np.where(~reached & (first < last), middle + 1, first)
    return first


def step_function_of(requant: Requant, scale: Array, lo: Array, hi: Array) -> StepFunction:
    """The reference of one layer as step functions; channels that `wraps` names have no meaning here."""
    function = function_of(requant, scale)
    thresholds = locate(function, guess(requant, scale), lo, hi, requant.low, requant.high)
    ties = np.maximum(-quantize_multiplier(scale)[1], 0) * (requant.rounding == "double")
    return StepFunction(thresholds, lo, hi, requant.low, requant.high, scale, ties)
