"""Recipes equal ircompile.ir.numerics on thresholds, around them, at the ends and at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from requantization_proof import prove

from ircompile.errors import CompileError
from ircompile.ir.numerics import Requant, Rounding, requantize
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize import Core, Form, Recipe, evaluate, synthesize
from ircompile.kernels.requantize.reference import bisect, function_of, step_function_of, wraps
from ircompile.kernels.requantize.residues import NONE, nearest_multiple
from ircompile.kernels.requantize.synthesize import MOST_EXCEPTIONS, line

ROUNDINGS: tuple[Rounding, ...] = ("double", "single", "float32_even", "float64_away")
CORES = {"dsp": Core(True), "fpu": Core(True, True, True), "mul64": Core(False), "mul32": Core(False, False)}
Layer = tuple[Requant, Array, Array, Array, Array]


def make(layer: Layer, core: Core) -> Recipe:
    return synthesize(*layer, core)


def random_layer(rng: np.random.Generator, rounding: Rounding) -> Layer:
    """A layer with oddities now and then: zero and equal scales, narrow clamps, short and lopsided intervals."""
    channels = int(rng.choice([1, 2, 8, 40]))
    exponent = rng.choice([-30, -14, -11, -9, -7, -4, -1, 2, 6])
    scale = 2.0 ** rng.uniform(exponent, exponent + rng.choice([0.0, 1, 3, 6]), channels)
    if rng.random() < 0.2:
        scale[:] = scale[0]
    if rng.random() < 0.2:
        scale[rng.integers(0, channels)] = 0
    low, high = -128, 127
    if rng.random() < 0.3:
        low = int(rng.integers(-128, 100))
        high = int(rng.integers(low, 128))
    zero_point = int(rng.choice([-128, -128, 127, 0, rng.integers(-128, 128)]))
    wide = np.minimum(300 / np.maximum(scale, 1e-9), 2**20)
    reach = np.where(rng.random(channels) < 0.5, wide, 2.0 ** rng.uniform(0, 20, channels)).astype(np.int64)
    middle = rng.integers(-(2**10), 2**10, channels) * (rng.random(channels) < 0.3)
    hi = middle + reach if rng.random() < 0.9 else middle - reach
    bias = rng.integers(-3000, 3000, channels)
    return Requant(rounding, "s", zero_point, low, high), scale, bias, middle - reach, hi


def telling_accumulators(layer: Layer, rng: np.random.Generator) -> Array:
    """Random accumulators, the ends, and both sides of every threshold where there are thresholds."""
    requant, scale, _, lo, hi = layer
    acc = [rng.integers(lo, hi + 1, (100, len(lo))), lo[np.newaxis], hi[np.newaxis]]
    if not np.any(wraps(requant, scale, lo, hi)):
        thresholds = step_function_of(requant, scale, lo, hi).thresholds
        acc += [np.clip(thresholds + near, lo, hi) for near in (-1, 0, 1)]
    return np.concatenate(acc)


@pytest.mark.thorough
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_random_layers(rounding: Rounding, core: str) -> None:
    rng = np.random.default_rng([len(core), ROUNDINGS.index(rounding)])
    for _ in range(40):
        layer = random_layer(rng, rounding)
        recipe = make(layer, CORES[core])
        prove(recipe, *layer)
        acc = telling_accumulators(layer, rng)
        reference = requantize(acc, layer[0], {"s": layer[1]})
        np.testing.assert_array_equal(evaluate(recipe, acc - layer[2]), reference, str(recipe.form))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_thresholds_are_those_of_bisection(rounding: Rounding) -> None:
    rng = np.random.default_rng(7)
    scale = 2.0 ** rng.uniform(-16, 1, 50)
    hi = (400 / scale).astype(np.int64)
    requant = Requant(rounding, "s", 13, -120, 125)
    steps = step_function_of(requant, scale, -hi, hi)
    channel = np.repeat(np.arange(50), 245)
    code = np.tile(np.arange(-119, 126), 50)
    found = bisect(function_of(requant, scale), channel, code, -hi[channel], hi[channel])
    np.testing.assert_array_equal(found.reshape(50, 245).T, steps.thresholds)


def test_relu_layers_share_the_cheapest_code() -> None:
    rng = np.random.default_rng(3)
    forms = set()
    for _ in range(20):
        scale = 2.0 ** rng.uniform(-9, -6, 64)
        hi = (500 / scale).astype(np.int64)
        layer = Requant("double", "s", -128), scale, rng.integers(-900, 900, 64), -hi, hi
        recipe = make(layer, Core(dsp=True))
        prove(recipe, *layer)
        forms.add(recipe.form)
    assert forms == {Form("high", shift=2, rounded=True)}


def test_both_signs_take_a_kink_and_a_shift_of_each_channel() -> None:
    rng = np.random.default_rng(4)
    scale = 2.0 ** rng.uniform(-11, -7, 64)
    hi = (300 / scale).astype(np.int64)
    layer = Requant("double", "s", -3), scale, np.zeros(64, np.int64), -hi, hi
    recipe = make(layer, Core(dsp=True))
    prove(recipe, *layer)
    assert recipe.form == Form("high", pre=1, rounded=True, kink=True)


def test_one_scale_shares_its_words() -> None:
    hi = np.arange(1, 33) * 1000
    layer = Requant("float32_even", "s", -128), np.full(32, 0.0123), np.arange(32), -hi, hi
    recipe = make(layer, Core(dsp=True))
    prove(recipe, *layer)
    assert recipe.words.shape == (32, 1)
    assert len(set((recipe.words[:, 0] - np.arange(32)).tolist())) == 1


def test_a_wrapping_left_shift_keeps_the_long_form() -> None:
    wide = np.array([2**30])
    layer = Requant("double", "s", 0), np.array([5.0]), np.array([0]), -wide, wide
    assert make(layer, Core(dsp=True)).form.name == "double"


def test_exceptions_repair_float32() -> None:
    rng = np.random.default_rng(9)
    scale = 2.0 ** rng.uniform(-11, -9, 30)
    hi = (300 / scale).astype(np.int64)
    requant, bias = Requant("float32_even", "s", -128), np.zeros(30, np.int64)
    steps = step_function_of(requant, scale, -hi, hi)
    recipe = line(steps, bias, Core(False, False), MOST_EXCEPTIONS)
    assert recipe is not None
    assert recipe.form.exceptions > 0
    prove(recipe, requant, scale, bias, -hi, hi)


@pytest.mark.parametrize("core", CORES)
def test_quick_float32_where_no_line_is_exact(core: str) -> None:
    """Scales that differ much, too."""
    rng = np.random.default_rng(9)
    for least in (-11, -15):
        scale = 2.0 ** rng.uniform(least, -9, 30)
        hi = np.minimum(300 / scale, 2**18).astype(np.int64)
        layer = Requant("float32_even", "s", -128), scale, np.zeros(30, np.int64), -hi, hi
        able = CORES[core]
        recipe = synthesize(*layer, able, few_words=least < -11)
        assert recipe.form.quick
        prove(recipe, *layer)


@pytest.mark.parametrize("rounding", ["double", "single", "float32_even"])
def test_falling_channels(rounding: Rounding) -> None:
    rng = np.random.default_rng(13)
    scale = 2.0 ** rng.uniform(-9, -8, 6) * np.array([1, -1, 1, 1, -1, 1])
    hi = (300 / np.abs(scale)).astype(np.int64)
    layer = Requant(rounding, "s", 5), scale, rng.integers(-99, 99, 6), -hi, hi + 7
    recipe = make(layer, Core(dsp=True))
    prove(recipe, *layer)
    acc = rng.integers(-hi, hi, (5000, 6))
    np.testing.assert_array_equal(evaluate(recipe, acc - layer[2]), requantize(acc, layer[0], {"s": scale}))


def test_falling_float64_is_refused() -> None:
    layer = Requant("float64_away", "s", 5), np.array([-0.01]), np.array([0]), np.array([-99]), np.array([99])
    with pytest.raises(CompileError, match="negative scales"):
        make(layer, Core(dsp=True))


@pytest.mark.parametrize("core", CORES)
def test_damage_is_noticed(core: str) -> None:
    """A proof that accepts everything proves nothing: no word can be changed by much."""
    rng = np.random.default_rng(11)
    scale = 2.0 ** rng.uniform(-9, -8, 6)
    hi = (300 / scale).astype(np.int64)
    layer = Requant("double", "s", 5), scale, np.zeros(6, np.int64), -hi, hi
    recipe = make(layer, CORES[core])
    for column, name in enumerate(("bias", *recipe.form.fields)):
        words = recipe.words.copy()
        words[3, column] += 1 if name == "shift" else max(abs(int(words[3, column])) >> 7, 3)
        with pytest.raises(AssertionError):
            prove(replace(recipe, words=words), *layer)


def test_a_stray_exception_is_noticed() -> None:
    rng = np.random.default_rng(9)
    scale = 2.0 ** rng.uniform(-11, -9, 30)
    hi = (300 / scale).astype(np.int64)
    layer = Requant("float32_even", "s", -128), scale, np.zeros(30, np.int64), -hi, hi
    recipe = line(step_function_of(layer[0], scale, -hi, hi), layer[2], Core(False, False), MOST_EXCEPTIONS)
    assert recipe is not None
    words = recipe.words.copy()
    words[0, 1 + recipe.form.fields.index("exception0")] = words[0, 0] + 5000
    with pytest.raises(AssertionError):
        prove(replace(recipe, words=words), *layer)


def test_nearest_multiple_is_the_nearest() -> None:
    rng = np.random.default_rng(0)
    a, low, width = rng.integers(0, 2**12, 300), rng.integers(0, 2**12, 300), rng.integers(0, 40, 300)
    found = nearest_multiple(a, low, width, 2**12)
    x = np.arange(-(2**12), 2**12 + 1)[:, np.newaxis]
    hits = np.where((a * x - low) % 2**12 <= width, np.abs(x), NONE).min(axis=0)
    np.testing.assert_array_equal(np.abs(found), hits)
