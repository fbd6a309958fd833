"""An independent check that a recipe equals the reference over the reachable interval."""

from __future__ import annotations

import numpy as np

from ircompile.kernels.requantize.form import Recipe
from ircompile.kernels.requantize.model import compute, evaluate, in_range
from ircompile.kernels.requantize.reference import bisect, function_of, wraps
from ircompile.numerics import Requant, quantize_multiplier
from ircompile.tensor import Array


def prove(recipe: Recipe, requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array) -> None:
    """Raise AssertionError unless the recipe's codes equal the reference's on every accumulator in [lo, hi].

    The long forms are the reference's own formula, so their words are compared. Every other form is monotone,
    and so is the reference: they are equal if they agree at the ends and on both sides of each threshold.
    """
    scale = np.asarray(scale, np.float64)
    if recipe.form.name in ("double", "single"):
        multiplier, shift = quantize_multiplier(scale)
        assert recipe.form.name == requant.rounding
        assert (recipe.form.low, recipe.form.high, recipe.common[0]) == (
            requant.low,
            requant.high,
            requant.zero_point,
        )
        assert np.array_equal(recipe.words, np.stack([bias, multiplier, shift], axis=1))
        return
    assert not np.any(wraps(requant, scale, lo, hi)), "the reference wraps in the interval"
    for end in (lo, hi):  # every intermediate is monotone: if the ends do not wrap, nothing does
        compute(recipe, np.asarray(end, np.int64) - np.asarray(bias, np.int64), in_range)
    function, channels = function_of(requant, scale), np.arange(len(scale))
    codes = np.arange(requant.low + 1, requant.high + 1, dtype=np.int64)
    column = np.repeat(channels, len(codes))
    found = bisect(function, column, np.tile(codes, len(scale)), np.asarray(lo)[column], np.asarray(hi)[column])
    points = found.reshape(len(scale), len(codes)).T
    for acc in (points, points - 1, np.asarray(lo)[np.newaxis], np.asarray(hi)[np.newaxis]):
        inside = np.clip(acc, lo, hi)
        wrong = evaluate(recipe, inside - np.asarray(bias, np.int64)) != function(inside, channels)
        if np.any(wrong):
            row, channel = np.argwhere(wrong)[0]
            raise AssertionError(f"channel {channel}: the code of accumulator {inside[row, channel]} differs")
