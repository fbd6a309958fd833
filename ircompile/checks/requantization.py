"""Each requantization as packed, compared with its reference at every threshold over the reachable accumulators.

Both are step functions that rise or fall throughout (but for a line's exceptions). So they are equal if they agree
at the ends, on both sides of each of the reference's steps, and about the exceptions, and if nothing wraps there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ircompile.checks.forms import Words
from ircompile.ir.numerics import Requant, quantize_multiplier, requantize
from ircompile.ir.tensor import Array
from ircompile.qtype import INT32

AT_ONCE = 48  # channels, so that their points stay in the cache
FAR = 2.0**40
Reference = Callable[[Array, Array], Array]
"""Codes of accumulators (n, k) of the channels (k,)."""


@dataclass(frozen=True)
class Sums:
    """The accumulators of each channel, int64 (C,): from `low` to `high` as the reference has them, bias included.

    The C has `sign` times that, plus `moved`.
    """

    low: Array
    high: Array
    sign: Array
    moved: Array


def fault_of(words: Words, requant: Requant, scale: Array, sums: Sums) -> tuple[str, int]:
    """What is wrong with a requantization, nothing where it is right; and how many thresholds were compared."""
    if (words.form.name, requant.rounding) in (("double", "double"), ("single", "single")):
        return _verbatim(words, requant, scale, sums), 0
    if np.any(_shifted_out(requant, scale, sums)):
        return "its reference wraps, and is no step function", 0

    def reference(acc: Array, channels: Array) -> Array:
        return requantize(acc, requant, {requant.scale: scale[channels]}).astype(np.int64)

    return compared(words, reference, sums, (requant.low, requant.high), scale, _estimate(requant, scale))


def compared(
    words: Words, reference: Reference, sums: Sums, codes: tuple[int, int], slope: Array, estimate: Array | None
) -> tuple[str, int]:
    """The same for any step function, rising where `slope` (C,) is positive.

    `estimate` (K, C): about where the codes from codes[0] + 1 on begin, in the direction of the slope.
    """
    if not words.sound:
        return "a part of a multiplier is out of its range", 0
    count = 0
    for first in range(0, len(sums.low), AT_ONCE):
        channels = np.arange(first, min(first + AT_ONCE, len(sums.low)))
        part = Sums(*(getattr(sums, name)[channels] for name in ("low", "high", "sign", "moved")))
        guess = None if estimate is None else estimate[:, channels]
        fault, found = _block(words.take(channels), reference, channels, part, codes, slope[channels], guess)
        if fault:
            return fault, count
        count += found
    return "", count


def _block(
    words: Words,
    reference: Reference,
    channels: Array,
    sums: Sums,
    codes: tuple[int, int],
    slope: Array,
    estimate: Array | None,
) -> tuple[str, int]:
    """Some channels; u = accumulator * direction, so that codes rise with it."""
    way = np.where(slope < 0, -1, 1)
    first, last = np.where(way < 0, -sums.high, sums.low), np.where(way < 0, -sums.low, sums.high)
    wanted = np.arange(codes[0] + 1, codes[1] + 1, dtype=np.int64)[:, np.newaxis]

    def of(u: Array) -> Array:
        return reference(u * way, channels)

    steps = _begin(wanted, first, last, estimate)
    high, low = np.minimum(steps, last), np.maximum(steps - 1, first)
    at, before = of(high), of(low)
    loose = ~(((steps > last) | (at >= wanted)) & ((steps <= first) | (before < wanted)))
    if loose.any():
        rows = np.flatnonzero(loose.any(axis=1))
        steps[rows] = _bisected(of, wanted[rows], first, last)
        high, low = np.minimum(steps, last), np.maximum(steps - 1, first)
        at[rows], before[rows] = of(high[rows]), of(low[rows])
    live = (steps > first) & (steps <= last)
    if np.any((words.direction * sums.sign * way < 0) & live.any(axis=0)):
        return "its codes fall where those of the reference rise", 0
    ends = np.stack([first, last])
    apart = [(x - sums.moved) * sums.sign * way + near for x in words.exceptions for near in (-1, 0, 1)]
    more = np.concatenate([ends, *(np.clip(point, first, last)[np.newaxis] for point in apart)])
    for points, right in ((high, at), (low, before), (more, of(more))):
        acc = points * way
        found, fits = words.codes(acc * sums.sign + sums.moved)
        wrong = (found != right) | ~fits
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            where = f"channel {channels[column]}, accumulator {acc[row, column]:,}"
            if not np.broadcast_to(fits, wrong.shape)[row, column]:
                return f"{where}: an intermediate value wraps", 0
            return f"{where}: code {found[row, column]}, not {right[row, column]}", 0
    return "", int(live.sum())


def _begin(wanted: Array, first: Array, last: Array, estimate: Array | None) -> Array:
    if estimate is None:
        return np.broadcast_to(first, (len(wanted), len(first))).copy()
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
    """The reference's own formula: its very integers."""
    form, (multiplier, shift) = words.form, quantize_multiplier(scale)
    same = (form.low, form.high, int(words.values["zero_point"])) == (requant.low, requant.high, requant.zero_point)
    same = same and np.array_equal(np.broadcast_to(words.values["multiplier"], multiplier.shape), multiplier)
    same = same and np.array_equal(np.broadcast_to(words.values["shift"], shift.shape), shift)
    return (
        "" if same and np.all(sums.sign == 1) and not sums.moved.any() else "its integers are not the reference's"
    )


def _shifted_out(requant: Requant, scale: Array, sums: Sums) -> Array:
    """Channels (bool) whose accumulators TFLite would shift out of int32, to the left."""
    if requant.rounding != "double":
        return np.zeros(len(scale), bool)
    left = np.clip(quantize_multiplier(scale)[1], 0, 40)
    return ((np.maximum(sums.high, 0) << left) > INT32.high) | ((np.minimum(sums.low, 0) << left) < INT32.low)


def _estimate(requant: Requant, scale: Array) -> Array:
    """Where the codes from `low` + 1 on begin, float64 (K, C), from the definitions of the roundings.

    TFLite rounds to integers of 2^-right codes first, ties up, and then to codes, ties away from zero.
    """
    code = np.arange(requant.low + 1, requant.high + 1)[:, np.newaxis] - requant.zero_point
    size = np.abs(scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        if requant.rounding in ("double", "single"):
            multiplier, shift = quantize_multiplier(size)
            exact = np.ldexp(multiplier.astype(np.float64), (shift - 31).astype(np.int32))
            right = np.maximum(-shift, 0) if requant.rounding == "double" else np.zeros_like(shift)
            unit = np.where(right > 0, np.ldexp(1.0, -right.astype(np.int32)), 0.0)
            return (code - 0.5 + unit * ((code <= 0) - 0.5)) / exact
        return (code - 0.5) / (size.astype(np.float32) if requant.rounding == "float32_even" else size)
