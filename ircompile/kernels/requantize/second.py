"""Requantization of two channels that share a word: "pairs", three words of two channels.

The second channel's offset is the word whose lower half is the first one's offset, which is given. Where weights
of two channels share halfwords, the second's sum comes times 2^8, as it stands beside the first one's, and is
multiplied so: its shift is 8 more, and what is added to it has 8 bits below one. With x the sum as it comes and Q
the multiplier,

    K = d * Q + (upper * 2^16 + lower) * 2^32 + 2^31

must lie where `lines` says that floor((x * Q + K) / 2^(32 + shift)) is the first form's line. Such K are about as
many as Q, or a 2^8th of that: some d reaches them for one of the first few `upper`, or of the first few hundred.
"""

from dataclasses import replace

import numpy as np

from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, integers
from ircompile.kernels.requantize.form import HALF, WORD, Form, Recipe
from ircompile.kernels.requantize.lines import NEVER, Bounds, bounds_of, feasible
from ircompile.kernels.requantize.reference import StepFunction
from ircompile.kernels.requantize.storage import with_short_offsets
from ircompile.qtype import UINT8

MOST_UPPER = UINT8.high  # of an offset's upper half, with which no sum leaves 32 bits
UPPERS = np.array(sorted(range(-MOST_UPPER, MOST_UPPER + 1), key=abs))[:, np.newaxis]
CANDIDATES = 16  # multipliers that are tried
ROUND = 1 << (WORD - 1)


def with_pairs(recipe: Recipe, low: Array, high: Array, beside: int) -> Recipe | None:
    """The recipe as "pairs", equal to it over the accumulators from low to high, int64 (C,); None if there is none.

    The accumulators include the recipe's own word 0. Sums of second channels come times 2^beside, and so does their
    word 0.
    """
    form, words = recipe.form, integers(recipe.words)
    line = form.name == "high" and form.rounded and not (form.kink or form.exceptions)
    if not line or form.shift is None or form.shift + beside < form.pre:
        return None
    if with_short_offsets(recipe).form.storage != "short" or np.any(words[:, 1] < 0):
        return None
    paired = replace(form, storage="pairs", beside=beside)
    assert paired.second is not None
    mine, count = words[1::2], len(words) // 2
    lower = words[0::2][:count, 2] & ((1 << HALF) - 1)
    found = placed(steps_of(form, mine[:, 1], mine[:, 2], low[1::2], high[1::2]), paired.second, mine[:, 1], lower)
    if found is None:
        return None
    q, delta, offset = found
    start = wrap_int32((mine[:, 0] << beside) + delta)
    words[1::2] = np.stack([start, q, offset], axis=1)
    return replace(recipe, form=paired, words=words.astype(np.int32))


def steps_of(form: Form, multiplier: Array, offset: Array, lo: Array, hi: Array) -> StepFunction:
    """The thresholds of a "high" form with words (C,), over accumulators from lo to hi."""
    assert form.shift is not None
    codes = np.arange(form.low + 1, form.high + 1, dtype=np.int64)[:, np.newaxis]
    level = (codes << (WORD + form.shift)) - (offset << WORD) - (1 << (WORD - 1))
    factor = np.maximum(multiplier << form.pre, 1)
    reached = np.where(multiplier > 0, -(-level // factor), np.where(level <= 0, lo, hi + 1))
    slope = np.ldexp(multiplier.astype(np.float64), form.pre - WORD - form.shift)
    return StepFunction(np.clip(reached, lo, hi + 1), lo, hi, form.low, form.high, slope, np.zeros_like(lo))


def placed(steps: StepFunction, form: Form, multiplier: Array, lower: Array) -> tuple[Array, Array, Array] | None:
    """Q, what is added to x, and the offset of each channel, int64 (C,); None if one has none.

    lower  the lowest bits of each offset, from 0 to 2^16 - 1.
    """
    assert form.shift is not None
    bounds = bounds_of(steps, np.full_like(lower, WORD + form.shift), form.pre, np.zeros_like(lower))
    limit = np.full_like(multiplier, 2**31 - 1)
    first, _ = feasible(bounds, multiplier - (multiplier >> 9) - 1, limit)
    last, _ = feasible(bounds, np.where(steps.live, multiplier + (multiplier >> 9) + 1, limit), limit)
    best, found = np.zeros((3, len(lower)), np.int64), np.zeros(len(lower), bool)
    for q in (multiplier, *(first + (last - first) * i // CANDIDATES for i in range(CANDIDATES + 1))):
        now = _placed(steps, bounds, form, np.maximum(q, 1), (UPPERS << HALF) + lower)
        best, found = np.where(found, best, now[:3]), found | (now[3] > 0)
        if found.all():
            return best[0], best[1], best[2]
    return None


def _placed(steps: StepFunction, bounds: Bounds, form: Form, q: Array, offsets: Array) -> Array:
    """Q, what is added to x, the first offset with which these make a line, and whether any does, int64 (4, C).

    offsets  int64 (n, C).
    """
    least, most, _ = bounds.interval(q)
    least = np.where(least == -NEVER, most - q, least)
    given = (offsets << WORD) + ROUND
    delta = -((given - least) // q)
    fits = delta * q + given <= most
    for end in (steps.lo, steps.hi):
        fits &= np.abs((end << form.pre) + delta) < 2**31
    row, every = fits.argmax(axis=0), np.arange(len(q))
    return np.stack([q, delta[row, every], offsets[row, every], fits[row, every]])
