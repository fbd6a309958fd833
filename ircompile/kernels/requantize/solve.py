"""Multiplier, bias and offset of every channel for a form that is a line.

Nested floors are one floor, so both line forms are floor((x * Q + K) / 2^(u + n)): x = acc << pre, n the shift,
u the bits that do not reach the sum (32 for "high"), and

    K = d * (Q << pre) + offset * 2^u + rounded * 2^31,

d being added to the bias for nothing. `lines` says which Q and K are the reference; d and the offset must make
such a K. As the residues d * Q mod 2^u are dense, some small d nearly always does, even where the lowest byte of
the offset is given.

TFLite's double rounding is one line where all reachable codes lie at or above the zero point. Below it, ties go
the other way: the line steps down by 2^31 / m accumulators (m the Q31 multiplier). For "high" with pre = 1, Q = m
and n = the reference's own right shift this is exactly one unit of the sum: the kink.

ONNX Runtime rounds the product to float32 first, which moves a threshold here and there by one accumulator. Where
no line has all of them, it may pass a few too late, by one accumulator each: the exceptions.
"""

from dataclasses import dataclass, replace

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.attempts import MOST_DELTA, Attempt
from ircompile.kernels.requantize.form import NO_EXCEPTION, Form, Recipe
from ircompile.kernels.requantize.lines import NEVER, Bounds, bounds_of, feasible
from ircompile.kernels.requantize.model import compute, in_range
from ircompile.kernels.requantize.reference import StepFunction
from ircompile.kernels.requantize.residues import nearest_multiple

FAIR_DELTA = 2**12
BYTE = 8
CANDIDATES = 8
MOST_PRE = 62
"""Of what a code is shifted by before it is multiplied: thresholds are passed late in steps of so many bits."""


@dataclass(frozen=True)
class Match:
    """Per channel, (C,): whether a line was placed, and its Q, bias delta and offset."""

    found: Array
    q: Array
    delta: Array
    offset: Array

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """The fields, in order."""
        return self.found, self.q, self.delta, self.offset


@dataclass(frozen=True)
class Late:
    """Accumulators times 2^pre, int64 (C, k), whose code a line may miss, and the level that it had to reach."""

    x: Array
    level: Array

    def missed(self, attempt: Attempt, match: Match) -> Array:
        """Those that the line of a match does miss, as the C will see them; NO_EXCEPTION for the others."""
        form, q, delta = attempt.form, match.q[:, np.newaxis], match.delta[:, np.newaxis]
        k = (delta * q << form.pre) + (match.offset[:, np.newaxis] << form.unit) + (2**31 if form.rounded else 0)
        missed = (self.x != NO_EXCEPTION) & (self.x * q + k < self.level)
        return np.where(missed, self.x + (delta << form.pre), NO_EXCEPTION)


def solve(steps: StepFunction, bias: Array, attempt: Attempt, most_exceptions: int) -> Recipe | None:
    """The recipe of an attempt, or None if some channel has none."""
    steps, form = steps.moved(attempt.moved), attempt.form
    bounds = bounds_of(steps, form.unit + attempt.shift, form.pre, attempt.kink << form.unit)
    ideal = np.ldexp(steps.slope, form.unit + attempt.shift - form.pre)
    q, found = feasible(bounds, np.rint(np.minimum(ideal, attempt.limit)).astype(np.int64), attempt.limit)
    late = Late(np.zeros((len(q), 0), np.int64), np.zeros((len(q), 0), np.int64))
    if not np.all(found):
        if most_exceptions == 0:
            return None
        relaxed = relax(bounds, attempt, q, found, most_exceptions)
        if relaxed is None:
            return None
        bounds, q, late = relaxed
    match = place(steps, bounds, attempt, q)
    poor = np.flatnonzero(~match.found | (np.abs(match.delta) > FAIR_DELTA))
    if len(poor):
        better = search(steps.take(poor), bounds.take(poor), attempt.take(poor), q[poor])
        for whole, part in zip(match.arrays, better.arrays, strict=True):
            whole[poor] = part
    return recipe_of(steps, bias, attempt, match, late) if np.all(match.found) else None


def relax(bounds: Bounds, attempt: Attempt, q: Array, found: Array, most: int) -> tuple[Bounds, Array, Late] | None:
    """Feasible bounds and Q after some thresholds, up to `most` a channel, have been let pass late."""
    if attempt.form.pre > MOST_PRE:
        return None
    below, count = bounds.below.copy(), np.zeros(len(q), np.int64)
    late = Late(np.full((len(q), most), NO_EXCEPTION, np.int64), np.zeros((len(q), most), np.int64))
    open_channels = np.flatnonzero(~found)
    while len(open_channels):
        if count[open_channels].max() >= most:
            return None
        part = Bounds(below, bounds.above, bounds.least, bounds.most).take(open_channels)
        worst = (part.least - part.below * q[open_channels]).argmax(axis=0)
        late.x[open_channels, count[open_channels]] = below[worst, open_channels]
        late.level[open_channels, count[open_channels]] = bounds.least[worst, open_channels]
        below[worst, open_channels] += 1 << attempt.form.pre
        count[open_channels] += 1
        part = Bounds(below, bounds.above, bounds.least, bounds.most).take(open_channels)
        q[open_channels], now = feasible(part, q[open_channels], attempt.limit[open_channels])
        open_channels = open_channels[~now]
    return replace(bounds, below=below), q, Late(late.x[:, : count.max()], late.level[:, : count.max()])


def search(steps: StepFunction, bounds: Bounds, attempt: Attempt, q: Array) -> Match:
    """The smallest bias delta that some of the feasible Q around each channel's q allow."""
    first, _ = feasible(bounds, q - (q >> 9) - 1, attempt.limit)
    last, _ = feasible(bounds, q + (q >> 9) + 1, attempt.limit)
    best = place(steps, bounds, attempt, q)
    for i in range(CANDIDATES):
        match = place(steps, bounds, attempt, first + (last - first) * (i + 1) // (CANDIDATES + 1))
        better = match.found & (~best.found | (np.abs(match.delta) < np.abs(best.delta)))
        best = Match(*(np.where(better, new, old) for new, old in zip(match.arrays, best.arrays, strict=True)))
    return best


def place(steps: StepFunction, bounds: Bounds, attempt: Attempt, q: Array) -> Match:
    """The bias delta and offset that make a feasible K of each channel's Q, if any does."""
    form = attempt.form
    lower, upper, _ = bounds.interval(q)
    lower = np.where(lower == -NEVER, np.minimum(upper, 0) - 2**40, lower)
    upper = np.where(upper == NEVER, np.maximum(lower, 0) + 2**40, upper)
    multiple, half = q << form.pre, 2**31 if form.rounded else 0
    step, last = (form.unit + BYTE, attempt.shift) if attempt.tied else (form.unit, np.zeros_like(q))
    least = half + (last << form.unit)
    delta = nearest_multiple(multiple, lower - least, upper - lower, 1 << step)
    offset = last - (((delta * multiple + least - lower) >> step) << (step - form.unit))
    reach = (2**31 - 1) >> form.pre
    found = (lower <= upper) & (np.abs(delta) <= MOST_DELTA)
    found &= (steps.lo + delta >= -reach) & (steps.hi + delta <= reach)
    if form.kink:
        found &= keeps_sign(steps, delta)
    return Match(found, q, delta, offset)


def keeps_sign(steps: StepFunction, delta: Array) -> Array:
    """Channels whose bias may move by delta without changing the sign of an accumulator that matters."""
    t, lo, hi = steps.thresholds, steps.lo, steps.hi
    inside = np.where(t <= hi, (t < 0) == (t + delta < 0), True)
    before = np.where(t > lo, (t - 1 < 0) == (t - 1 + delta < 0), True)
    return np.asarray(np.all(inside & before, axis=0))


def recipe_of(steps: StepFunction, bias: Array, attempt: Attempt, match: Match, late: Late) -> Recipe | None:
    """The words of a match; None if something would not fit 32 bits."""
    exceptions = np.sort(late.missed(attempt, match), axis=1)
    exceptions = exceptions[:, np.any(exceptions != NO_EXCEPTION, axis=0)]
    form = replace(attempt.form, exceptions=exceptions.shape[1])
    column = {
        **multiplier_parts(form, match.q),
        "offset": match.offset,
        "shift": attempt.shift,
        "kink": attempt.kink,
        **{f"exception{i}": exceptions[:, i] for i in range(form.exceptions)},
    }
    start = np.asarray(bias, np.int64) + attempt.moved + match.delta
    words = np.stack([start, *(column[name] for name in form.fields)], axis=1)
    if np.any((words < -(2**31)) | (words >= 2**31)):
        return None
    recipe = Recipe(form, words.astype(np.int32), np.zeros(0, np.int32), {form.key: len(words)})
    try:  # every intermediate value is monotone in the accumulator: if it fits at both ends, it always fits
        for end in (steps.lo, steps.hi):
            compute(recipe, end + match.delta - start, in_range)
    except AssertionError:
        return None
    return recipe


def multiplier_parts(form: Form, q: Array) -> dict[str, Array]:
    """The multiplier as the form's words."""
    mask = (1 << form.limb) - 1
    if form.parts == 2:
        return {"upper": q >> form.limb, "lower": q & mask}
    if form.parts == 3:
        return {"upper": q >> (2 * form.limb), "middle": (q >> form.limb) & mask, "lower": q & mask}
    return {"multiplier": q}
