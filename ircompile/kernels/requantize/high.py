"""The form "high": code = saturate((offset + high word of x * Q) >> n), two to five instructions.

Nested floors are one floor, so the code is floor((x * Q + K) / 2^(32 + n)) with x = acc << pre and

    K = d * (Q << pre) + offset * 2^32 + rounded * 2^31,

d being added to the bias for nothing. `lines` says which Q and K are the reference; d and the offset must make
such a K. As the residues d * Q mod 2^32 are dense, some small d nearly always does.

TFLite's double rounding is one line where all reachable codes lie at or above the zero point. Below it, ties go
the other way: the line steps down by 2^31 / m accumulators (m the Q31 multiplier), which with pre = 1, Q = m and
n = the reference's own right shift is exactly one unit of the high word: the kink.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.kernels.requantize.lines import LIMIT, NEVER, Bounds, bounds_of, feasible
from ircompile.kernels.requantize.reference import Steps
from ircompile.kernels.requantize.residues import nearest_multiple
from ircompile.tensor import Array

MOST_SHIFT = 22
MOST_DELTA = 2**22
FAIR_DELTA = 2**12
CANDIDATES = 8


@dataclass(frozen=True)
class Match:
    """Per channel, int64 (C,): whether a line was found and placed, and its Q, bias delta and offset."""

    found: Array
    q: Array
    delta: Array
    offset: Array

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """The fields, in order."""
        return self.found, self.q, self.delta, self.offset


def high_form(steps: Steps, bias: Array, kinked: bool, rounded: bool, prefer: Sequence[int]) -> Recipe | None:
    """The cheapest "high" recipe that matches every channel; None if there is none."""
    if len(steps.slope) > 1 and np.all(steps.slope == steps.slope[0]):
        return shared_form(steps, bias, kinked, rounded, prefer) or each_form(steps, bias, kinked, rounded, prefer)
    return each_form(steps, bias, kinked, rounded, prefer)


def shared_form(steps: Steps, bias: Array, kinked: bool, rounded: bool, prefer: Sequence[int]) -> Recipe | None:
    """One multiplier and offset for all channels of one scale."""
    one = each_form(steps.united(), np.zeros(1, np.int64), kinked, rounded, prefer)
    if one is None:
        return None
    words = np.asarray(bias, np.int64)[:, np.newaxis] + one.words[0, 0]
    form = replace(one.form, shared=True)
    return Recipe(form, words.astype(np.int32), one.words[0, 1:], {form.key: len(words)})


def each_form(steps: Steps, bias: Array, kinked: bool, rounded: bool, prefer: Sequence[int]) -> Recipe | None:
    """Each channel with words of its own."""
    for form, shift in variants(steps, kinked, rounded, prefer):
        match = match_all(steps, form, shift)
        if match is not None:
            return recipe_of(steps, bias, form, shift, match)
    return None


def variants(steps: Steps, kinked: bool, rounded: bool, prefer: Sequence[int]) -> Iterator[tuple[Form, Array]]:
    """Forms to try, cheapest first, each with the shift of every channel."""
    low = steps.low if np.any(steps.thresholds[0] > steps.lo) else -128
    high = steps.high if np.any(steps.thresholds[-1] <= steps.hi) else 127
    live = np.any((steps.thresholds > steps.lo) & (steps.thresholds <= steps.hi), axis=0)
    for kink in (False, True) if kinked else (False,):
        finest, pre = finest_shift(steps.slope, live, kink)
        common = int(finest[live].min()) if np.any(live) else 7
        fixed = [n for n in prefer if n <= common] + [common]
        for n in dict.fromkeys(fixed if not kink else fixed[-1:]):
            shift = np.full(len(finest), n)
            yield Form("high", low, high, shift=n, pre=pre, rounded=rounded, kink=kink), shift
        yield Form("high", low, high, shift=None, pre=pre, rounded=rounded, kink=kink), finest


def finest_shift(slope: Array, live: Array, kink: bool) -> tuple[Array, int]:
    """The largest right shift of each channel (the finest Q below 2^31), and the left shift of the accumulator."""
    with np.errstate(divide="ignore"):
        magnitude = np.where(slope > 0, np.frexp(slope)[1], -MOST_SHIFT)  # slope < 2^magnitude
    largest = int(magnitude[live].max()) if np.any(live) else 0
    pre = max(0, largest + 1, int(kink))
    return np.clip(pre - 1 - magnitude, 0, MOST_SHIFT), pre


def match_all(steps: Steps, form: Form, shift: Array) -> Match | None:
    """Every channel as the form with the given shifts, or None."""
    bounds = bounds_of(steps, 32 + shift, form.pre, 2**32 if form.kink else 0)
    ideal = np.rint(np.clip(np.ldexp(steps.slope, 32 + shift - form.pre), 0, LIMIT)).astype(np.int64)
    q, found = feasible(bounds, ideal)
    if not np.all(found):
        return None
    match = place(steps, bounds, form, q)
    poor = np.flatnonzero(~match.found | (np.abs(match.delta) > FAIR_DELTA))
    if len(poor):
        better = search(steps.take(poor), bounds.take(poor), form, q[poor])
        for whole, part in zip(match.arrays, better.arrays, strict=True):
            whole[poor] = part
    return match if np.all(match.found) else None


def search(steps: Steps, bounds: Bounds, form: Form, q: Array) -> Match:
    """The smallest bias delta that some of the feasible Q around each channel's q allow."""
    first, _ = feasible(bounds, q - (q >> 9) - 1)
    last, _ = feasible(bounds, q + (q >> 9) + 1)
    best = place(steps, bounds, form, q)
    for i in range(CANDIDATES):
        match = place(steps, bounds, form, first + (last - first) * (i + 1) // (CANDIDATES + 1))
        better = match.found & (~best.found | (np.abs(match.delta) < np.abs(best.delta)))
        best = Match(*(np.where(better, new, old) for new, old in zip(match.arrays, best.arrays, strict=True)))
    return best


def place(steps: Steps, bounds: Bounds, form: Form, q: Array) -> Match:
    """The bias delta and offset that make a feasible K of each channel's Q, if any does."""
    lower, upper, _ = bounds.interval(q)
    lower = np.where(lower == -NEVER, np.minimum(upper, 0) - 2**40, lower)
    upper = np.where(upper == NEVER, np.maximum(lower, 0) + 2**40, upper)
    multiple, half = q << form.pre, 2**31 if form.rounded else 0
    width = np.minimum(upper - lower, 2**32 - 1)
    delta = nearest_multiple(multiple, lower - half, width)
    offset = -((delta * multiple + half - lower) >> 32)
    reach = (2**31 - 1) >> form.pre
    found = (
        (lower <= upper)
        & (np.abs(delta) <= MOST_DELTA)
        & (steps.lo + delta >= -reach)
        & (steps.hi + delta <= reach)
    )
    if form.kink:
        found &= keeps_kink(steps, delta)
    return Match(found, q, delta, offset)


def keeps_kink(steps: Steps, delta: Array) -> Array:
    """Channels whose bias may move by delta without moving the sign of an accumulator that matters."""
    t, lo, hi = steps.thresholds, steps.lo, steps.hi
    inside = np.where(t <= hi, (t < 0) == (t + delta < 0), True)
    before = np.where(t > lo, (t - 1 < 0) == (t - 1 + delta < 0), True)
    return np.all(inside & before, axis=0)


def recipe_of(steps: Steps, bias: Array, form: Form, shift: Array, match: Match) -> Recipe:
    """The words of a match."""
    columns = [np.asarray(bias, np.int64) + match.delta, match.q, match.offset]
    columns += [shift] if form.shift is None else []
    words = np.stack(columns, axis=1)
    assert np.all(np.abs(words) < 2**31)
    return Recipe(form, words.astype(np.int32), np.zeros(0, np.int32), {form.key: len(shift)})
