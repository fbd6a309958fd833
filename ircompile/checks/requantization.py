"""Each requantization as packed, compared with its reference at every threshold over the reachable accumulators.

Both are step functions that rise or fall throughout (but for a line's exceptions). So they are equal if they agree
at the ends, on both sides of each of the reference's steps, and about the exceptions, and if nothing wraps there.
Where both are one rounded product, `straight` compares them as functions: codes of 16 bits have 65,535 steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ircompile.checks.forms import LONG_ENOUGH, Words
from ircompile.checks.straight import lines_of, reference_lines, same, steps_between
from ircompile.ir.numerics import Requant, quantize_multiplier, reduced_multiplier, requantize
from ircompile.ir.tensor import Array
from ircompile.qtype import INT8, INT32

AT_ONCE = 48  # channels, and steps of each, so that their points stay in the cache
STEPS = INT8.span
FAR = 2.0**40
Reference = Callable[[Array, Array], Array]
"""Codes of accumulators (n, k) of the channels (k,)."""
Estimate = Callable[[Array, Array], Array]
"""About where codes (n, 1) of the channels (k,) begin, in the direction of the slope: float64 (n, k)."""


@dataclass(frozen=True)
class Sums:
    """The accumulators of each channel, int64 (C,): from `low` to `high` as the reference has them, bias included.

    The C has `sign` times that, plus `moved`.
    """

    low: Array
    high: Array
    sign: Array
    moved: Array

    def take(self, channels: Array) -> Sums:
        """Those of some channels."""
        return Sums(*(getattr(self, name)[channels] for name in ("low", "high", "sign", "moved")))


def fault_of(words: Words, requant: Requant, scale: Array, sums: Sums) -> tuple[str, int]:
    """What is wrong with a requantization, nothing where it is right; and how many thresholds were compared."""
    if words.form.name == requant.rounding and words.form.name in ("double", "single", "wide"):
        return _verbatim(words, requant, scale, sums), 0
    if np.any(_shifted_out(requant, scale, sums)):
        return "its reference wraps, and is no step function", 0

    def reference(acc: Array, channels: Array) -> Array:
        return requantize(acc, requant, {requant.scale: scale[channels]}).astype(np.int64)

    def estimate(codes: Array, channels: Array) -> Array:
        return _estimate(requant, scale[channels], codes)

    count = _steps_of_lines(words, requant, scale, sums)
    if count is None:
        return compared(words, reference, sums, scale, estimate)
    every = np.arange(len(sums.low))
    ends = np.stack([sums.low, sums.high])
    return _differing(words, every, sums, ends, reference(ends, every)), count


def compared(
    words: Words, reference: Reference, sums: Sums, slope: Array, estimate: Estimate | None = None
) -> tuple[str, int]:
    """The same for any step function, rising where `slope` (C,) is positive."""
    if not words.sound:
        return "a part of a multiplier is out of its range", 0
    count = 0
    for first in range(0, len(sums.low), AT_ONCE):
        channels = np.arange(first, min(first + AT_ONCE, len(sums.low)))
        way = np.where(slope[channels] < 0, -1, 1)
        fault, found = _block(words.take(channels), reference, channels, sums.take(channels), way, estimate)
        if fault:
            return fault, count
        count += found
    return "", count


def _block(
    words: Words, reference: Reference, channels: Array, sums: Sums, way: Array, estimate: Estimate | None
) -> tuple[str, int]:
    """Some channels; u = accumulator * way, so that codes rise with it."""
    first, last = np.where(way < 0, -sums.high, sums.low), np.where(way < 0, -sums.low, sums.high)

    def of(u: Array) -> Array:
        return reference(u * way, channels)

    begins, ends = of(first), of(last)
    if np.any((words.direction * sums.sign * way < 0) & (begins < ends)):
        return "its codes fall where those of the reference rise", 0
    apart = [(x - sums.moved) * sums.sign * way + near for x in words.exceptions for near in (-1, 0, 1)]
    more = np.stack([first, last, *(np.clip(point, first, last) for point in apart)])
    fault, count = _differing(words, channels, sums, more * way, of(more)), 0
    for code in range(int(begins.min()) + 1, int(ends.max()) + 1, STEPS):
        wanted = np.arange(code, min(code + STEPS, int(ends.max()) + 1), dtype=np.int64)[:, np.newaxis]
        guess = _begin(first, last, len(wanted), estimate and estimate(wanted, channels))
        steps, (high, at), (low, before) = _located(of, wanted, first, last, guess)
        fault = fault or _differing(words, channels, sums, high * way, at)
        fault = fault or _differing(words, channels, sums, low * way, before)
        if fault:
            break
        count += int(((steps > first) & (steps <= last)).sum())
    return fault, count


def _differing(words: Words, channels: Array, sums: Sums, acc: Array, right: Array) -> str:
    """Where the C's codes of the reference's accumulators (n, k) are not the right ones, or a value wraps."""
    found, fits = words.codes(acc * sums.sign + sums.moved)
    wrong = (found != right) | ~fits
    if not wrong.any():
        return ""
    row, column = np.argwhere(wrong)[0]
    where = f"channel {channels[column]}, accumulator {acc[row, column]:,}"
    if not np.broadcast_to(fits, wrong.shape)[row, column]:
        return f"{where}: an intermediate value wraps"
    return f"{where}: code {found[row, column]}, not {right[row, column]}"


Codes = tuple[Array, Array]
"""Points u (n, k), and the reference's codes there."""


def _located(
    of: Callable[[Array], Array], wanted: Array, first: Array, last: Array, steps: Array
) -> tuple[Array, Codes, Codes]:
    """Where the wanted codes begin, last + 1 where they do not; the points at and before these, in the interval."""
    high, low = np.minimum(steps, last), np.maximum(steps - 1, first)
    at, before = of(high), of(low)
    loose = ~(((steps > last) | (at >= wanted)) & ((steps <= first) | (before < wanted)))
    if loose.any():
        rows = np.flatnonzero(loose.any(axis=1))
        steps[rows] = _bisected(of, wanted[rows], first, last)
        high, low = np.minimum(steps, last), np.maximum(steps - 1, first)
        at[rows], before[rows] = of(high[rows]), of(low[rows])
    return steps, (high, at), (low, before)


def _steps_of_lines(words: Words, requant: Requant, scale: Array, sums: Sums) -> int | None:
    """How many thresholds lie in the intervals, where both are one line; None where that is not seen.

    Lines that agree at both ends of an interval, and are one code there, are alike between them, too.
    """
    wanted, found = reference_lines(requant, scale), lines_of(words, len(scale))
    if wanted is None or found is None:
        return None
    count = 0
    for i, (right, line) in enumerate(zip(wanted, found, strict=True)):
        low, high, sign, moved = (int(values[i]) for values in (sums.low, sums.high, sums.sign, sums.moved))
        ends = steps_between(requant, right, low, high)
        if ends is None or (ends[0] != ends[1] and not same(right, line.of(sign, moved))):
            return None
        count += abs(ends[1] - ends[0])
    return count


def _begin(first: Array, last: Array, count: int, estimate: Array | None) -> Array:
    if estimate is None:
        return np.broadcast_to(first, (count, len(first))).copy()
    with np.errstate(invalid="ignore"):
        whole = np.clip(np.nan_to_num(np.ceil(estimate), nan=0.0, posinf=FAR, neginf=-FAR), -FAR, FAR)
    return np.clip(whole.astype(np.int64), first, last + 1)


def _bisected(of: Callable[[Array], Array], wanted: Array, first: Array, last: Array) -> Array:
    """The least u in [first, last] of each wanted code or more, last + 1 where there is none."""
    low = np.broadcast_to(first, (len(wanted), len(first))).copy()
    high = np.broadcast_to(last + 1, low.shape).copy()
    while np.any(low < high):
        middle = (low + high) >> 1
        reached = (of(np.minimum(middle, last)) >= wanted) | (middle > last)
        high = np.where(reached & (low < high), middle, high)
        low = np.where(~reached & (low < high), middle + 1, low)
    return low


def _verbatim(words: Words, requant: Requant, scale: Array, sums: Sums) -> str:
    """The reference's own formula: its very integers, over accumulators that are its own."""
    form, (multiplier, shift) = words.form, quantize_multiplier(scale)
    if form.name == "wide":
        multiplier, shift = reduced_multiplier(multiplier), 15 - shift
    equal = (form.low, form.high, int(words.values["zero_point"])) == (
        requant.low,
        requant.high,
        requant.zero_point,
    )
    equal = equal and np.array_equal(np.broadcast_to(words.values["multiplier"], multiplier.shape), multiplier)
    equal = equal and np.array_equal(np.broadcast_to(words.values["shift"], shift.shape), shift)
    if not equal or np.any(sums.sign != 1) or sums.moved.any():
        return "its integers are not the reference's"
    limit = LONG_ENOUGH if form.long else -INT32.low
    leaves = form.name == "wide" and np.any(np.maximum(-1 - sums.low, sums.high) >= limit)
    return "its accumulators leave their bits" if leaves else ""


def _shifted_out(requant: Requant, scale: Array, sums: Sums) -> Array:
    """Channels (bool) whose accumulators TFLite would shift out of int32, to the left, or scale out of it."""
    if requant.rounding == "wide":
        return np.maximum(np.abs(sums.low), np.abs(sums.high)) * np.abs(scale) >= -INT32.low // 2
    if requant.rounding != "double":
        return np.zeros(len(scale), bool)
    left = np.clip(quantize_multiplier(scale)[1], 0, 40)
    return ((np.maximum(sums.high, 0) << left) > INT32.high) | ((np.minimum(sums.low, 0) << left) < INT32.low)


def _estimate(requant: Requant, scale: Array, codes: Array) -> Array:
    """Where codes (n, 1) begin, float64 (n, C), from the definitions of the roundings.

    TFLite rounds to integers of 2^-right codes first, ties up, and then to codes, ties away from zero.
    """
    code, size = codes - requant.zero_point, np.abs(scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        if requant.rounding in ("double", "single", "wide"):
            multiplier, shift = quantize_multiplier(size)
            exact = np.ldexp(multiplier.astype(np.float64), (shift - 31).astype(np.int32))
            right = np.maximum(-shift, 0) if requant.rounding == "double" else np.zeros_like(shift)
            unit = np.where(right > 0, np.ldexp(1.0, -right.astype(np.int32)), 0.0)
            if requant.rounding == "wide":
                exact = np.ldexp(reduced_multiplier(multiplier).astype(np.float64), (shift - 15).astype(np.int32))
            return (code - 0.5 + unit * ((code <= 0) - 0.5)) / exact
        return (code - 0.5) / (size.astype(np.float32) if requant.rounding == "float32_even" else size)
