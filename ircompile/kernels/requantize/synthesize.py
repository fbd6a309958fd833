"""The cheapest form of a layer whose thresholds equal the reference's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import Requant, quantize_multiplier, wrap_int32
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.attempts import Attempt, high_attempts, split_attempts
from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.kernels.requantize.model import evaluate
from ircompile.kernels.requantize.quick import quick_forms, quick_words
from ircompile.kernels.requantize.reference import Function, StepFunction, locate, step_function_of, wraps
from ircompile.kernels.requantize.solve import solve
from ircompile.kernels.requantize.wide import wide_recipe
from ircompile.qtype import INT8, INT32, QType
from ircompile.target import Features

# Three instructions each: no more than what the exact arithmetic of float32 costs.
MOST_EXCEPTIONS, MOST_BESIDE_FPU = 6, 1
# One of these right shifts fits nearly every layer of a network with RELUs.
PREFERRED = (2, 3, 1)


@dataclass(frozen=True)
class Core:
    """What the instruction set offers, and what is tried first so that layers share code: right shifts, a kink.

    Accumulators come times 2^shifted, which "high" takes as a part of its `pre`.
    """

    dsp: bool
    mul64: bool = True
    fpu: bool = False
    prefer: tuple[int, ...] = PREFERRED
    shifted: int = 0
    kinked: bool = False

    @classmethod
    def of(
        cls, features: Features, prefer: Sequence[int] = PREFERRED, shifted: int = 0, kinked: bool = False
    ) -> Core:
        """A core of these features."""
        return cls(features.dsp, features.mul64, features.fpu, tuple(prefer), shifted, kinked)


def synthesize(
    requant: Requant,
    scale: Array,
    bias: Array,
    lo: Array,
    hi: Array,
    core: Core,
    code: QType = INT8,
    few_words: bool = False,
) -> Recipe:
    """The recipe of a layer: scale float64, bias int64, lo and hi int64 of the accumulator with bias, all (C,).

    With `few_words` a form that takes fewer words a channel is preferred to one that takes fewer instructions.
    """
    scale, lo, hi = np.asarray(scale, np.float64), np.asarray(lo, np.int64), np.asarray(hi, np.int64)
    if requant.low == requant.high:
        return constant_form(requant.low, bias, code)
    if requant.rounding == "wide":
        return wide_recipe(requant, scale, np.asarray(bias, np.int64), lo, hi, code, core.dsp)
    if code != INT8:  # thresholds would be too many to look at
        return long_form(requant, scale, bias, code)
    recipe, quick = None, quick_recipe(requant, scale, bias, lo, hi, core)
    if np.all(scale == scale[0]):
        recipe = shared_line(requant, scale[:1], bias, lo.min(keepdims=True), hi.max(keepdims=True), core)
    if recipe is None and few_words and requant.rounding == "float32_even":
        exact = quick or exact_form(requant, scale, bias, lo, hi, core)
        recipe = exact if quick or (core.fpu and exact.form.name == "float32") else None
    if recipe is None and not np.any(wraps(requant, scale, lo, hi)):
        steps = step_function_of(requant, scale, lo, hi)
        recipe = line(steps, bias, core, 0 if quick else most_exceptions(requant, core))
    return recipe or quick or exact_form(requant, scale, bias, lo, hi, core)


def most_exceptions(requant: Requant, core: Core) -> int:
    """How many exceptions a line may have before another form is cheaper."""
    return 0 if requant.rounding == "double" else MOST_BESIDE_FPU if core.fpu else MOST_EXCEPTIONS


def synthesize_steps(
    function: Function,
    bias: Array,
    lo: Array,
    hi: Array,
    slope: Array,
    ties: Array,
    core: Core,
    codes: tuple[int, int],
) -> Recipe | None:
    """A line that is any non-decreasing functions, one a channel, from accumulators in [lo, hi] to codes.

    bias         int64 (C,): what the accumulators include of a sum that starts with the recipe's word 0.
    slope, ties  as in `StepFunction`: about how steep a function is, and how it rounds ties of negative numbers;
                 they only help to find a cheap form.
    codes        the least and the greatest code.
    """
    low, high = codes
    if low == high:
        return constant_form(low, bias)
    estimate = np.full((high - low, len(lo)), np.nan)
    steps = StepFunction(locate(function, estimate, lo, hi, low, high), lo, hi, low, high, slope, ties)
    most = 0 if np.any(ties) else MOST_BESIDE_FPU if core.fpu else MOST_EXCEPTIONS
    found = line(steps, np.zeros_like(lo) if len(lo) == 1 else bias, core, most)
    return as_shared(found, bias) if found is not None and len(lo) == 1 else found


def line(steps: StepFunction, bias: Array, core: Core, exceptions: int) -> Recipe | None:
    """The cheapest line form, with as few exceptions as can be; None if none has no more than these."""
    kinks = (core.kinked, not core.kinked) if np.any(steps.ties > 0) else (False,)
    attempts = [attempt for kink in kinks for attempt in attempts_of(steps, kink, core)]
    for most in sorted({0, min(1, exceptions), exceptions}):
        for attempt in attempts if most < 2 else attempts[:3]:
            recipe = solve(steps, bias, attempt, most)
            if recipe is not None:
                return recipe
    return None


def attempts_of(steps: StepFunction, kink: bool, core: Core) -> Iterator[Attempt]:
    """What the core can do, cheapest first."""
    for parts in () if core.mul64 else (2, 3):
        yield from split_attempts(steps, kink, parts)
    # without SMMLAR rounding costs a 64-bit addition, but most kinks have too little freedom without it
    for rounded in (True,) if core.dsp else (True, False) if kink and core.mul64 else (False, True):
        yield from high_attempts(steps, kink, rounded, core.prefer, core.shifted)


def shared_line(requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, core: Core) -> Recipe | None:
    """One multiplier and offset for all channels, which have one scale."""
    if np.any(wraps(requant, scale, lo, hi)):
        return None
    steps = step_function_of(requant, scale, lo, hi)
    one = line(steps, np.zeros(1, np.int64), core, most_exceptions(requant, core))
    return None if one is None else as_shared(one, bias)


def as_shared(one: Recipe, bias: Array) -> Recipe:
    """The line of one channel, found without bias, for channels of these biases."""
    start = np.asarray(bias, np.int64)[:, np.newaxis] + one.words[0, 0]
    assert np.all(np.abs(start) < 2**31)
    form = replace(one.form, shared=True)
    return Recipe(form, start.astype(np.int32), one.words[0, 1:], {form.key: len(start)})


def exact_form(requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, core: Core) -> Recipe:
    """What is always there: the reference's own arithmetic, or its thresholds.

    A channel of negative scale, which `passes.positive_scales` leaves only where it must, is one of positive
    scale with its accumulators turned over: only their product counts.
    """
    if requant.rounding in ("double", "single"):
        return long_form(requant, scale, bias)
    sign = np.where(scale < 0, -1, 1)
    steps = step_function_of(requant, np.abs(scale), np.where(scale < 0, -hi, lo), np.where(scale < 0, -lo, hi))
    if requant.rounding == "float32_even" and np.all(np.maximum(-lo, hi) * np.abs(scale) < 2.0**29):
        words = np.stack([np.asarray(bias, np.int32), scale.astype(np.float32).view(np.int32)], axis=1)
        form = Form("float32", requant.low, requant.high)
        recipe = Recipe(form, words, np.array([requant.zero_point], np.int32), {form.key: len(words)})
        if equals(recipe, steps, sign, bias):
            return recipe
    if np.any(scale < 0):
        raise CompileError(requant.scale, "holds negative scales that no form of code covers", "positive scales")
    return search_form(steps, bias)


def quick_recipe(requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, core: Core) -> Recipe | None:
    """The first of the quick forms that has the codes of float32 arithmetic, if any."""
    if requant.rounding != "float32_even" or np.any(scale < 0) or (core.fpu and not core.dsp):
        return None
    steps, size = None, scale.astype(np.float32).astype(np.float64)
    for form in quick_forms(size, np.maximum(-lo, hi), core.dsp, core.mul64, core.shifted):
        steps = steps or step_function_of(requant, scale, lo, hi)
        form = replace(form, low=requant.low, high=requant.high)
        base, multiplier = quick_words(form, size, requant.zero_point)
        words = np.stack([np.asarray(bias, np.int64), multiplier], axis=1).astype(np.int32)
        recipe = Recipe(form, words, np.array([base], np.int32), {form.key: len(words)})
        if equals(recipe, steps, np.ones_like(lo), bias):
            return recipe
    return None


def constant_form(value: int, bias: Array, code: QType = INT8) -> Recipe:
    """A clamp that leaves one code."""
    words = wrap_int32(np.asarray(bias, np.int64)).astype(np.int32)[:, np.newaxis]
    form = Form("high", *code.range, shift=0, shared=True, code=code)
    return Recipe(form, words, np.array([0, value], np.int32), {form.key: len(words)})


def equals(recipe: Recipe, steps: StepFunction, sign: Array, bias: Array) -> bool:
    """Whether a recipe that is monotone has these steps, of accumulators times `sign`."""
    codes, t, start = steps.codes, steps.thresholds, np.asarray(bias, np.int64)
    reached = evaluate(recipe, sign * np.minimum(t, steps.hi) - start) >= codes
    before = evaluate(recipe, sign * np.maximum(t - 1, steps.lo) - start) < codes
    return bool(np.all(reached | (t > steps.hi)) and np.all(before | (t <= steps.lo)))


def long_form(requant: Requant, scale: Array, bias: Array, code: QType = INT8) -> Recipe:
    """TFLite's own arithmetic: equal by construction for every accumulator."""
    multiplier, shift = quantize_multiplier(scale)
    words = np.stack([np.asarray(bias, np.int64), multiplier, shift], axis=1).astype(np.int32)
    form = Form("double" if requant.rounding == "double" else "single", requant.low, requant.high, code=code)
    return Recipe(form, words, np.array([requant.zero_point], np.int32), {form.name: len(words)})


def search_form(steps: StepFunction, bias: Array) -> Recipe:
    """A binary search of the thresholds: any step function, at a kilobyte a channel."""
    channels = steps.thresholds.shape[1]
    words = np.full((channels, INT8.count), INT32.high, np.int64)
    words[:, 0] = bias
    words[:, 1 : 1 + len(steps.thresholds)] = np.where(steps.thresholds > steps.hi, INT32.high, steps.thresholds).T
    form = Form("steps", steps.low, steps.high)
    return Recipe(form, words.astype(np.int32), np.zeros(0, np.int32), {"steps": channels})
