"""Intervals of codes and of accumulators, channel by channel: what the ops' own bounds are made of."""

import numpy as np

from ircompile.ir.numerics import Requant, quantize_multiplier, requantize
from ircompile.ir.tensor import Array, Consts, Tensor
from ircompile.qtype import INT8, INT32

Range = tuple[Array, Array]
"""Least and greatest value, inclusive, int64 (C,) each."""


def full_range(tensor: Tensor) -> Range:
    """Every code of the tensor's type, in every channel."""
    low, high = tensor.qtype.range
    return np.full(tensor.channels, low, np.int64), np.full(tensor.channels, high, np.int64)


def hull(*arrays: Array) -> Range:
    """Least and greatest, channel by channel."""
    stack = np.stack(np.broadcast_arrays(*arrays)).astype(np.int64)
    return stack.min(axis=0), stack.max(axis=0)


def looked_up(entries: Array, codes: Range) -> Range:
    """Bounds of what a table of all codes (256,) holds between two codes."""
    table = entries.astype(np.int64)
    spans = np.stack(codes, axis=1) - INT8.low
    distinct, place = np.unique(spans, axis=0, return_inverse=True)
    low = np.array([table[a : b + 1].min() for a, b in distinct])
    high = np.array([table[a : b + 1].max() for a, b in distinct])
    place = place.reshape(-1)
    return low[place], high[place]


def shift_wraps(largest: Array | int, shift: Array | int) -> Array:
    """Whether mbqm's left shift of values up to `largest` can leave int32."""
    return np.asarray(np.asarray(largest, np.float64) * 2.0 ** max(int(shift), 0) >= 2.0**31)


def wrapped(sums: Range) -> Range:
    """The interval of int32 accumulators that hold sums of an interval."""
    low, high = sums
    leaves = (high > INT32.high) | (low < INT32.low)
    return np.where(leaves, INT32.low, low), np.where(leaves, INT32.high, high)


def requantized(acc: Range, requant: Requant, consts: Consts) -> Range:
    """Interval of the codes of accumulators in an interval.

    Every rounding is monotone, up or down, in the accumulator, so that its ends give the ends; but not where its
    left shift can wrap, for which any code is assumed.
    """
    with np.errstate(over="ignore"):
        ends = np.stack([requantize(end, requant, consts) for end in acc]).astype(np.int64)
    wraps = np.zeros(acc[0].shape, bool)
    if requant.rounding in ("double", "single"):
        shift = quantize_multiplier(consts[requant.scale])[1]
        wraps |= shift > 30
        if requant.rounding == "double":
            factor = 2.0 ** np.maximum(shift, 0)
            wraps |= (acc[1] * factor > INT32.high) | (acc[0] * factor < INT32.low)
    if requant.rounding == "wide":
        wraps |= np.maximum(np.abs(acc[0]), np.abs(acc[1])) * np.abs(consts[requant.scale]) >= 2.0**30
    low = np.where(wraps, requant.low, ends.min(axis=0))
    return low, np.where(wraps, requant.high, ends.max(axis=0))
