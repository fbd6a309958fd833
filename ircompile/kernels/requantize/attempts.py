"""Which line forms to try for a layer, cheapest first, with the shifts that fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import Form
from ircompile.kernels.requantize.reference import StepFunction
from ircompile.qtype import INT8

MOST_SHIFT = 22  # the offset, about 2^7 codes, stays below 2^30
MOST_DELTA = 2**22


@dataclass(frozen=True)
class Attempt:
    """A form with what it leaves open per channel, int64 (C,) each.

    shift  the right shift.
    limit  the largest multiplier.
    kink   what is subtracted where the accumulator is negative, in units of the sum.
    moved  added to the bias before any search.
    tied   the lowest byte of the offset is the shift.
    """

    form: Form
    shift: Array
    limit: Array
    kink: Array
    moved: Array
    tied: bool = False

    def take(self, channels: Array) -> Attempt:
        """The attempt at some channels."""
        shift, limit, kink, moved = (part[channels] for part in (self.shift, self.limit, self.kink, self.moved))
        return Attempt(self.form, shift, limit, kink, moved, self.tied)


def high_attempts(
    steps: StepFunction, kink: bool, rounded: bool, prefer: Sequence[int], shifted: int = 0
) -> Iterator[Attempt]:
    """The form "high": one shift for all channels, then a shift for each.

    With a kink every channel brings its shift, so that all such layers of a network share code. Accumulators are
    `shifted` to the left already.
    """
    zero = np.zeros_like(steps.lo)
    pre = max(shifted, _largest_exponent(steps) + 1, int(kink))
    form = Form("high", *needed_clamp(steps), pre=pre, rounded=rounded, kink=kink)
    limit = zero + (2**31 - 1)
    if kink:  # the kink is one unit of the sum, so that the shift must be the reference's
        yield Attempt(form, np.clip(steps.ties, 0, MOST_SHIFT), limit, zero + 1, zero)
        return
    attempt = Attempt(form, _finest(steps, limit, 32 - pre), limit, zero, zero)
    live = attempt.shift[steps.live]
    common = int(live.min()) if len(live) else MOST_SHIFT
    for n in dict.fromkeys([n for n in prefer if n <= common] + [common]):
        yield replace(attempt, form=replace(form, shift=n), shift=np.full_like(zero, n))
    yield attempt


def split_attempts(steps: StepFunction, kink: bool, parts: int) -> Iterator[Attempt]:
    """The form "split", with the accumulators moved around zero if nothing needs their sign.

    First with offsets whose lowest byte is the shift: these share a word.
    """
    zero = np.zeros_like(steps.lo)
    moved = zero if kink else -((steps.lo + steps.hi) >> 1)
    reach = int(np.maximum(np.abs(steps.lo + moved), np.abs(steps.hi + moved)).max())
    reach += (reach >> 4) + 2**8  # leave the search for the offset some room
    limb = (31 if parts == 2 else 30) - reach.bit_length()
    limb = min(limb - limb % 2, 14)
    if limb < 6:
        return
    form = Form("split", *needed_clamp(steps), kink=kink, parts=parts, limb=limb)
    upper = min((2**30 - 1) // reach, 2**limb - 1)
    limit = zero + (((upper + 1) << form.unit) - 1)
    finest = _finest(steps, limit, form.unit)
    late = np.where(steps.ties > 0, np.int64(1) << np.maximum(finest - steps.ties, 0), 0)
    attempt = Attempt(form, finest, limit, late if kink else zero, moved)
    yield replace(attempt, tied=True)
    yield attempt


def needed_clamp(steps: StepFunction) -> tuple[int, int]:
    """The clamp that saturation to int8 and the reachable codes leave to do."""
    low = steps.low if np.any(steps.thresholds[0] > steps.lo) else INT8.low
    high = steps.high if np.any(steps.thresholds[-1] <= steps.hi) else INT8.high
    return low, high


def _largest_exponent(steps: StepFunction) -> int:
    """The least e with every live slope < 2^e."""
    live = steps.live & (steps.slope > 0)
    return int(np.frexp(steps.slope[live])[1].max()) if np.any(live) else -8


def _finest(steps: StepFunction, limit: Array, unit: int) -> Array:
    """The largest right shift of each channel whose multiplier, slope * 2^(unit + shift), is within the limit."""
    room = np.log2(limit.astype(np.float64)) - np.log2(np.maximum(steps.slope, 2.0**-60))
    most = min(MOST_SHIFT, 54 - unit)
    return np.clip(np.floor(room).astype(np.int64) - unit, 0, most)
