"""An independent check that a recipe equals the reference over the reachable interval."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ircompile.ir.numerics import Requant, quantize_multiplier, scale_accumulator, wrap_int32
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import LINES, NO_EXCEPTION, Recipe
from ircompile.kernels.requantize.model import compute, in_range
from ircompile.kernels.requantize.reference import function_of, guess, locate, wraps


def prove(recipe: Recipe, requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array) -> None:
    """Raise AssertionError unless the recipe's codes equal the reference's on every accumulator in [lo, hi].

    The long forms of TFLite are the reference's own formula, so their words are compared. Every other form is
    non-decreasing but for its exceptions, and so is the reference: they are equal if they agree at the ends, on
    both sides of each of the reference's thresholds and about the exceptions, and if nothing wraps there.
    """
    scale, bias = np.asarray(scale, np.float64), np.asarray(bias, np.int64)
    lo, hi = np.asarray(lo, np.int64), np.asarray(hi, np.int64)
    if requant.rounding == "wide":
        prove_wide(recipe, requant, scale, bias, lo, hi)
        return
    if recipe.form.name in ("double", "single"):
        multiplier, shift = quantize_multiplier(scale)
        form = recipe.form
        assert form.name == requant.rounding
        assert (form.low, form.high, *recipe.common) == (requant.low, requant.high, requant.zero_point)
        assert np.array_equal(recipe.words, np.stack([bias, multiplier, shift], axis=1))
        return
    assert recipe.form.name == "float32" or not np.any(wraps(requant, scale, lo, hi)), (
        "a falling or wrapping reference"
    )
    assert_monotone(recipe)
    # a negative scale is a positive one with the accumulators turned over: only their product counts
    sign, size = np.where(scale < 0, -1, 1), np.abs(scale)
    first, last = np.where(scale < 0, -hi, lo), np.where(scale < 0, -lo, hi)
    estimate = guess(requant, size)
    steps = locate(function_of(requant, size), estimate, first, last, requant.low, requant.high)
    function, channels = function_of(requant, scale), np.arange(len(scale))
    thresholds = sign * steps
    for acc in (thresholds, sign * (steps - 1), lo[np.newaxis], hi[np.newaxis], *exceptions(recipe, bias)):
        inside = np.clip(acc, lo, hi)
        wrong = compute(recipe, inside - bias, in_range) != function(inside, channels)
        if np.any(wrong):
            row, channel = np.argwhere(wrong)[0]
            raise AssertionError(f"channel {channel}: the code of accumulator {inside[row, channel]} differs")


def prove_wide(recipe: Recipe, requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array) -> None:
    """The same of TFLite's rounding of int64 accumulators: one linear function rounded down, compared term by term.

    The reference is floor((acc * m + 2^(t - 1)) / 2^t) + zero point, the form floor((x * Q + K) / 2^u) with x =
    acc * 2^pre: they are one function if Q * 2^pre / m and (K - zero point * 2^u) / 2^(t - 1) are both 2^(u - t).
    """
    form, words = recipe.form, recipe.words.astype(np.int64)
    multiplier, shift = quantize_multiplier(scale)
    m, t = np.minimum((multiplier + 2**15) >> 16, 2**15 - 1), 15 - shift
    clamps = [
        np.clip(scale_accumulator(end, "wide", scale) + requant.zero_point, form.low, form.high) for end in (lo, hi)
    ]
    if form.shared:  # one code for all accumulators
        assert requant.low == requant.high == recipe.common[1]
        assert recipe.common[0] == 0
        return
    if form.name == "wide":
        start = (words[:, 0] & 0xFFFFFFFF) + (words[:, 1] << 32) if form.long else words[:, 0]
        assert np.array_equal(start, bias)
        assert np.array_equal(words[:, form.starts :], np.stack([m, t], axis=1))
        assert (form.low, form.high, *recipe.common) == (requant.low, requant.high, requant.zero_point)
        return
    value = dict(zip(form.fields, words[:, 1:].T, strict=True))
    n = value["shift"] if form.shift is None else np.full(len(scale), form.shift)
    unit = [32 + int(k) for k in n]
    assert form.name == "high"
    assert not form.kink
    assert not form.exceptions
    assert np.array_equal(words[:, 0], wrap_int32(bias))
    for c in range(len(scale)):  # of unbounded integers
        slope, constant = (
            int(value["multiplier"][c]) << form.pre,
            (int(value["offset"][c]) << 32) + form.rounded * 2**31,
        )
        assert slope << int(t[c]) == int(m[c]) << unit[c], f"channel {c}: another slope"
        assert constant - (requant.zero_point << unit[c]) == 1 << (unit[c] - 1), f"channel {c}: another rounding"
    for end, wanted in zip((lo, hi), clamps, strict=True):
        got = compute(recipe, end - words[:, 0], in_range)
        assert np.array_equal(got, np.clip(wanted, requant.low, requant.high)), "another clamp, or a value wraps"


def assert_monotone(recipe: Recipe) -> None:
    """No multiplier is negative, no part of one is wider than its limb."""
    form = recipe.form
    if form.name not in LINES:
        return
    words = dict(zip(form.common, recipe.common, strict=True)) | dict(
        zip(form.fields, recipe.words.T[1:], strict=True)
    )
    for name in ("multiplier", "upper", "middle", "lower", "kink"):
        assert np.all(words.get(name, 0) >= 0), name
    for name in ("middle", "lower"):
        assert np.all(words.get(name, 0) < 1 << form.limb), name


def exceptions(recipe: Recipe, bias: Array) -> Iterator[Array]:
    """The exceptions as accumulators with the given bias, and their neighbours; (1, C) each."""
    form, delta = recipe.form, recipe.words[:, 0].astype(np.int64) - bias
    for i in range(form.exceptions):
        name = f"exception{i}"
        words = recipe.common if form.shared else recipe.words[:, 1:]
        x = words.T[(form.common if form.shared else form.fields).index(name)].astype(np.int64)
        acc = np.where(x == NO_EXCEPTION, 0, (x >> form.pre) - delta)
        for near in (-1, 0, 1):
            yield (acc + near)[np.newaxis]
