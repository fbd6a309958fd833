"""TFLite's requantization of int64 accumulators: recipes equal `ir.numerics`, and the proof sees a wrong word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from proved import prove_requantization
from requantization_proof import prove

from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize import Core, Recipe, evaluate, synthesize
from ircompile.qtype import INT8, INT16, QType

CORES = {"rounded": Core(True), "plain": Core(False)}
Layer = tuple[Requant, Array, Array, Array, Array]


def make(layer: Layer, core: Core, code: QType = INT16) -> Recipe:
    return synthesize(*layer, core, code)


def layer_of(rng: np.random.Generator, code: QType, reach: float, spread: float) -> Layer:
    """A layer whose accumulators reach that many times the range of its codes."""
    channels = int(rng.choice([1, 3, 24]))
    scale = 2.0 ** rng.uniform(-16, -4 + spread, channels)
    scale[rng.random(channels) < 0.05] = 0
    low, high = code.range
    if rng.random() < 0.4:
        low = int(rng.integers(low, high))
    if rng.random() < 0.4:
        high = int(rng.integers(low, high + 1))
    hi = np.maximum(reach * code.high / np.maximum(scale, 2.0**-16) * rng.uniform(0.3, 1, channels), 1).astype(
        np.int64
    )
    bias = (hi * rng.uniform(-0.3, 0.3, channels)).astype(np.int64)
    zero = 0 if code is INT16 else int(rng.integers(-20, 20))
    return Requant("wide", "s", zero, low, high), scale, bias, -hi + bias, hi + bias


def accumulators(rng: np.random.Generator, lo: Array, hi: Array) -> Array:
    inside = lo + ((hi - lo) * rng.random((20_000, len(lo)))).astype(np.int64)
    return np.concatenate([np.clip(inside, lo, hi), lo[np.newaxis], hi[np.newaxis], np.clip(0, lo, hi)[np.newaxis]])


@pytest.mark.thorough
@pytest.mark.parametrize("code", [INT8, INT16], ids=["8", "16"])
@pytest.mark.parametrize("reach", [0.4, 3.0, 2000.0, 2.0**18], ids=["inside", "saturates", "far", "64 bits"])
@pytest.mark.parametrize("core", CORES)
def test_random_layers(core: str, reach: float, code: QType) -> None:
    rng = np.random.default_rng([len(core), int(reach), code.bytes])
    for spread in (0.0, 1.0, 4.0, 8.0) * 5:
        layer = layer_of(rng, code, reach, spread)
        recipe = make(layer, CORES[core], code)
        prove(recipe, *layer)
        if reach < 2.0**18:  # beyond, products would leave 64 bits
            prove_requantization(recipe, *layer)
        requant, scale, bias, lo, hi = layer
        assert recipe.form.long == bool(lo.min() < -(2**31) or hi.max() >= 2**31)
        acc = accumulators(rng, lo, hi)
        wanted = requantize(acc, requant, {"s": scale})
        np.testing.assert_array_equal(evaluate(recipe, acc - bias), wanted, str(recipe.form))


def usual(core: Core) -> tuple[Recipe, Layer]:
    rng = np.random.default_rng(5)
    scale = 2.0 ** rng.uniform(-12, -8, 16)
    hi = (40_000 / scale).astype(np.int64)
    layer = Requant("wide", "s", 0, *INT16.range), scale, rng.integers(-9000, 9000, 16), -hi, hi
    return make(layer, core), layer


def test_usual_layers_take_the_rounded_line_without_a_clamp() -> None:
    form = usual(Core(True))[0].form
    assert (form.name, form.rounded, form.shift, (form.low, form.high)) == ("high", True, 0, INT16.range)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("prover", [prove, prove_requantization])
def test_no_wrong_word_is_proved(core: str, column: int, prover: Callable[..., None]) -> None:
    recipe, layer = usual(CORES[core])
    words = recipe.words.copy()
    if column < words.shape[1]:
        words[7, column] += 1
        with pytest.raises(AssertionError):
            prover(replace(recipe, words=words), *layer)


@pytest.mark.parametrize("prover", [prove, prove_requantization])
def test_no_missing_clamp_is_proved(prover: Callable[..., None]) -> None:
    recipe, (_, *rest) = usual(Core(True))
    with pytest.raises(AssertionError):
        prover(recipe, Requant("wide", "s", 0, -1000, 1000), *rest)
