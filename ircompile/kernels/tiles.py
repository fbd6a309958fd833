"""Weights as the tiles of the DSP kernels read them: one stream a layer, front to back.

A step multiplies two codes of a pixel, as the halfwords of a word, with weights of four channels, or of the two
that are left over. A stream holds, for each such group of channels, the sums to start from, the weights of every
step and the words of requantization. The input's zero point is folded into the sums.

With PAIRS a halfword holds the weights of two channels, low + 256 * high. Its products sum to low's sum + 256 *
high's: one SXTB16 and one subtraction an output save an unpacking a weight. Exact where high's sum fits 24 bits.
With INT8 its bytes are the weights of two channels, both to be unpacked: exact for any, in 15 instructions where
PAIRS takes 12.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, integers
from ircompile.kernels.requantize import Recipe
from ircompile.kernels.requantize.negate import can_negate
from ircompile.kernels.weights import WeightCoding
from ircompile.qtype import INT8, INT16, UINT8


def run_order(runs: Sequence[int], together: bool = False) -> Array:
    """Which codes each step takes, int64 (steps, 2), -1 for none; steps are even in number.

    runs      lengths of the runs of codes that are unpacked one after the other. SXTB16 takes codes 0 and 2 of a
              word, then 1 and 3; the last codes of a run stand in their order,
    together  or those of all runs at the end.
    """
    steps: list[tuple[int, int]] = []
    rest: list[int] = []
    first = 0
    for number, length in enumerate(runs):
        whole = first + length - length % 4
        for k in range(first, whole, 4):
            steps += [(k, k + 2), (k + 1, k + 3)]
        first += length
        rest += range(whole, first)
        if not together or number == len(runs) - 1:
            rest += [-1] * (len(rest) % 2)
            steps += zip(rest[::2], rest[1::2], strict=True)
            rest = []
    return np.array(steps + [(-1, -1)] * (len(steps) % 2), np.int64)


def pair_order(runs: Sequence[int]) -> Array:
    """The same for codes of 16 bits, which are halfwords already: neighbours of each run, as they lie."""
    steps: list[tuple[int, int]] = []
    first = 0
    for length in runs:
        steps += [(k, k + 1 if k + 1 < first + length else -1) for k in range(first, first + length, 2)]
        first += length
    return np.array(steps + [(-1, -1)] * (len(steps) % 2), np.int64)


def turned_in_pairs(weights: Array, recipe: Recipe, bias: Array, low: Array, high: Array) -> Array | None:
    """Which channels are to have the other sign, bool (C,), so that halfwords hold two channels each; else None.

    The sums of the high channels, every second one, must fit 24 bits. A halfword has no room for a high weight of
    -128 over a low one below zero; with the other sign, 128, there is room for it.

    weights (C, K); low and high bound the accumulators with bias, int64 (C,).
    """
    moved = integers(recipe.words[:, 0]) - integers(bias)
    least, most = (low + moved)[1::2], (high + moved)[1::2]
    if weights.dtype != INT8.dtype or least.min(initial=0) < -(2**23) or most.max(initial=0) >= 2**23:
        return None
    halves = integers(weights[: len(weights) // 2 * 2])
    lows, highs = halves[0::2], UINT8.count * halves[1::2]
    spills = (lows + highs).min(axis=1) < INT16.low
    if spills.any():
        others = (lows - highs)[spills]
        fits = others.min() >= INT16.low and others.max() <= INT16.high and least[spills].min() > -(2**23)
        if not (fits and can_negate(recipe.form)):
            return None
    turn = np.zeros(len(weights), bool)
    turn[1::2] = spills
    return turn


def stream_of(
    weights: Array, passes: Sequence[Array], zero_point: int, recipe: Recipe, coding: WeightCoding
) -> Array:
    """The stream of a layer, int32: weights (C, K) integers; steps, as from `run_order`, of each pass over all C.

    Sums to start from stand in the first pass only, words of requantization in the last.
    """
    flat = integers(weights)
    sums = integers(recipe.words[:, 0]) - zero_point * flat.sum(axis=1)
    padded = np.concatenate([flat, np.zeros((len(flat), 1), np.int64)], axis=1)
    parts = [integers(recipe.common).reshape(-1)]
    for number, order in enumerate(passes):
        first = 0
        while first < len(flat):
            count = 4 if first + 4 <= len(flat) else 2
            group = slice(first, min(first + count, len(flat)))
            missing = count - (group.stop - first)
            tile = np.pad(padded[group][:, order], ((0, missing), (0, 0), (0, 0)))
            start = np.pad(sums[group], (0, missing))
            fields = np.pad(integers(recipe.words[group, 1:]), ((0, missing), (0, 0)))
            if coding is WeightCoding.INT8:
                tile = (tile[0::2] & UINT8.high) | (tile[1::2] & UINT8.high) << 8
            if coding.pairs:
                tile = tile[0::2] + UINT8.count * tile[1::2]
                start[1::2] = UINT8.count * start[1::2] + start[0::2]
            words = ((tile[..., 0] & 0xFFFF) | (tile[..., 1] & 0xFFFF) << 16).T.reshape(-1)
            parts += [start] * (number == 0) + [words] + [fields.reshape(-1)] * (number == len(passes) - 1)
            first += count
    return wrap_int32(np.concatenate(parts)).astype(np.int32)
