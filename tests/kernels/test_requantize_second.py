"""Two channels whose offsets share a word: their codes are those of the recipe before, over all accumulators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ircompile.ir.numerics import Requant, Rounding
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize import Core, Recipe, evaluate, synthesize, tail_words, with_pairs

CHANNELS = 17
M4 = Core(dsp=True, fpu=True)


def recipe_of(
    seed: int, reach: int, rounding: Rounding = "double", low: int = -128
) -> tuple[Recipe, Array, Array, Array]:
    """A recipe without a kink, its biases and the ends of its accumulators with bias, (C,)."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(20, 200, CHANNELS) / reach
    bias = rng.integers(-reach // 4, reach // 4, CHANNELS)
    lo, hi = -rng.integers(reach // 2, reach, CHANNELS), rng.integers(reach // 2, reach, CHANNELS)
    requant = Requant(rounding, "", -128, low, 127)
    return synthesize(requant, scale, bias, lo, hi, M4), bias, lo, hi


def codes_of_pairs(recipe: Recipe, sums: Array, beside: int) -> Array:
    """What the C makes of accumulators without bias, int64 (n, C), out of the words of the stream."""
    fields = np.concatenate([recipe.words[:, 1:], np.zeros((1, 2), np.int32)]).astype(np.int64)
    words = tail_words(recipe.form, fields).reshape(-1, 3)
    assert np.array_equal(words, words.astype(np.int32))
    first, second = recipe.form, recipe.form.second
    assert second is not None
    codes = np.zeros(sums.shape, np.int64)
    for channel in range(CHANNELS):
        form = second if channel % 2 else first
        multiplier, word = words[channel // 2, channel % 2], words[channel // 2, 2]
        offset = word if channel % 2 else np.int64(np.int16(word & 0xFFFF))
        x = (sums[:, channel] << (beside if channel % 2 else first.pre)) + recipe.words[channel, 0]
        assert np.all(np.abs(x) < 2**31)
        total = ((x * multiplier + 2**31) >> 32) + offset
        assert np.all(np.abs(total) < 2**31)
        codes[:, channel] = np.clip(total >> form.shift, form.low, form.high)
    return codes


def begin_of_codes(recipe: Recipe, first: Array, last: Array) -> Array:
    """The least accumulator without bias of each code, int64 (254, C), by bisection between the ends, (C,)."""
    codes = np.arange(-126, 128)[:, np.newaxis]
    low, high = np.broadcast_to(first, (254, CHANNELS)), np.broadcast_to(last, (254, CHANNELS))
    for _ in range(26):
        middle = (low + high) >> 1
        reached = evaluate(recipe, middle) >= codes
        low, high = np.where(reached, low, np.minimum(middle + 1, high)), np.where(reached, middle, high)
    return high


@pytest.mark.parametrize("beside", [8, 0])
@pytest.mark.parametrize("reach", [2**11, 2**15, 2**18, 2**22])
@pytest.mark.parametrize("low", [-128, -100])
def test_pairs_are_the_recipe(reach: int, beside: int, low: int) -> None:
    """At random accumulators and next to every threshold; where sums are long, there may be none."""
    found = 0
    for seed in range(6):
        recipe, bias, lo, hi = recipe_of(seed, reach, low=low)
        moved = recipe.words[:, 0].astype(np.int64) - bias
        paired = with_pairs(recipe, lo + moved, hi + moved, beside)
        if paired is None:
            continue
        found += 1
        begins = begin_of_codes(recipe, lo - bias, hi - bias)
        near = [np.clip(begins + step, lo - bias, hi - bias) for step in (-1, 0, 1)]
        points = np.concatenate([np.linspace(lo, hi, 500).astype(np.int64) - bias, *near])
        assert np.array_equal(codes_of_pairs(paired, points, beside), evaluate(recipe, points))
    assert found >= 5 or reach > 2**18


def test_words_of_pairs() -> None:
    """The second offset is a word; the lower half of it is the first one."""
    recipe, bias, lo, hi = recipe_of(1, 2**16)
    paired = with_pairs(recipe, *(end + recipe.words[:, 0] - bias for end in (lo, hi)), 8)
    assert paired is not None
    assert np.array_equal(paired.words[0::2], recipe.words[0::2])
    firsts, seconds = recipe.words[0:-1:2, 2], paired.words[1::2, 2]
    assert np.array_equal(seconds & 0xFFFF, firsts & 0xFFFF)
    assert paired.form.tail(4) == 6


def test_other_forms_have_no_pairs() -> None:
    """Kinks, shifts of each channel, long offsets and negative multipliers stay as they are."""
    recipe, bias, lo, hi = recipe_of(2, 2**16)
    ends = [end + recipe.words[:, 0] - bias for end in (lo, hi)]
    assert with_pairs(recipe, *ends, 8) is not None
    for form in (
        replace(recipe.form, kink=True),
        replace(recipe.form, shift=None),
        replace(recipe.form, rounded=False),
    ):
        assert with_pairs(replace(recipe, form=form), *ends, 8) is None
    for word, value in ((1, -1), (2, 2**15)):
        words = recipe.words.copy()
        words[3, word] = value
        assert with_pairs(replace(recipe, words=words), *ends, 8) is None
