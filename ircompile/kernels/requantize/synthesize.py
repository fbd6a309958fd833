"""The cheapest form of a layer whose thresholds equal the reference's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.kernels.requantize.high import high_form
from ircompile.kernels.requantize.reference import Steps, steps_of, wraps
from ircompile.numerics import Requant, quantize_multiplier
from ircompile.tensor import Array


def synthesize(
    requant: Requant,
    scale: Array,
    bias: Array,
    lo: Array,
    hi: Array,
    *,
    dsp: bool,
    mul64: bool = True,
    prefer: Sequence[int] = (),
) -> Recipe:
    """The recipe of a layer: scale float64, bias int32, lo and hi int64 of the accumulator with bias, all (C,)."""
    # `prefer` lists right shifts to try first, so that layers share code.
    scale, lo, hi = np.asarray(scale, np.float64), np.asarray(lo, np.int64), np.asarray(hi, np.int64)
    if not mul64 or np.any(wraps(requant, scale, lo, hi)):
        return exact_form(requant, scale, bias, lo, hi)
    steps = steps_of(requant, scale, lo, hi)
    found = high_form(steps, bias, requant.rounding == "double", dsp, prefer)
    return found or exact_form(requant, scale, bias, lo, hi)


def exact_form(requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array) -> Recipe:
    """What is always there: the reference's own arithmetic, or its thresholds."""
    if requant.rounding in ("double", "single"):
        return long_form(requant, scale, bias)
    return search_form(steps_of(requant, scale, lo, hi), bias)


def long_form(requant: Requant, scale: Array, bias: Array) -> Recipe:
    """TFLite's own arithmetic: equal by construction for every accumulator."""
    multiplier, shift = quantize_multiplier(scale)
    words = np.stack([np.asarray(bias, np.int64), multiplier, shift], axis=1).astype(np.int32)
    form = Form("double" if requant.rounding == "double" else "single", requant.low, requant.high)
    return Recipe(form, words, np.array([requant.zero_point], np.int32), {form.name: len(words)})


def search_form(steps: Steps, bias: Array) -> Recipe:
    """A binary search of the thresholds: any step function, at a kilobyte a channel."""
    channels = steps.thresholds.shape[1]
    words = np.full((channels, 256), 2**31 - 1, np.int64)
    words[:, 0] = bias
    words[:, 1 : 1 + len(steps.thresholds)] = np.where(steps.thresholds > steps.hi, 2**31 - 1, steps.thresholds).T
    return Recipe(
        Form("steps", steps.low, steps.high), words.astype(np.int32), np.zeros(0, np.int32), {"steps": channels}
    )
