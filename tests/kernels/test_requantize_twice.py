"""TFLite's two roundings as two high multiplications: equal to the reference everywhere, or not offered."""

from __future__ import annotations

import numpy as np
import pytest

from ircompile.checks.forms import words_of
from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize import Recipe, evaluate
from ircompile.kernels.requantize.twice import twice_recipe


def offered(scale: Array, most: int, zero: int = 0, rounding: str = "double") -> tuple[Recipe | None, Requant]:
    """The recipe for accumulators from -most to most."""
    requant = Requant(rounding, "s", zero, -128)  # type: ignore[arg-type]
    bounds = np.full(len(scale), most)
    return twice_recipe(requant, scale, np.zeros(len(scale), np.int64), -bounds, bounds), requant


@pytest.mark.parametrize("seed", range(4))
def test_every_accumulator(seed: int) -> None:
    """About all ties, which two roundings have many of; the checks' own arithmetic says the same."""
    rng = np.random.default_rng(seed)
    scale = np.concatenate([2.0 ** rng.uniform(-12, -2.01, 5), 2.0 ** -np.arange(3.0, 11), [0.0, 2.0**-40]])
    recipe, requant = offered(scale, 60_000, int(rng.integers(-128, 128)))
    assert recipe is not None
    assert recipe.form.name == "twice"
    acc = np.arange(-60_000, 60_001, dtype=np.int64)[:, np.newaxis]
    acc = np.broadcast_to(acc, (len(acc), len(scale)))
    wanted = requantize(acc, requant, {"s": scale})
    np.testing.assert_array_equal(evaluate(recipe, acc), wanted)
    found, fits = words_of(recipe.form, recipe.common, recipe.words[:, 1:]).codes(acc)
    np.testing.assert_array_equal(found, wanted)
    assert fits.all()


@pytest.mark.parametrize("seed", range(3))
def test_wide_intervals(seed: int) -> None:
    """As far as it is offered: about all thresholds, at the ends, and random accumulators of up to 22 bits."""
    rng = np.random.default_rng(seed)
    count = 0
    for bits in range(15, 23):
        scale, most = 2.0 ** rng.uniform(-9, -6, 1), (1 << bits) - 1
        recipe, requant = offered(scale, most)
        if recipe is None:
            continue
        count += 1
        acc = np.concatenate([rng.integers(-most, most, 20_000), [-most, most, -1, 0, 1]])[:, np.newaxis]
        near = np.rint(np.arange(-130, 130) / scale)[:, np.newaxis] + np.arange(-2, 3)
        halves = np.rint(np.arange(-129.5, 130) / scale)[:, np.newaxis] + np.arange(-2, 3)
        acc = np.concatenate([acc, np.clip(np.concatenate([near, halves]), -most, most).reshape(-1, 1)])
        acc = acc.astype(np.int64)
        np.testing.assert_array_equal(evaluate(recipe, acc), requantize(acc, requant, {"s": scale}))
    assert count > 3


def test_where_it_is_not_offered() -> None:
    """Too large a scale, a negative one, another rounding, or sums of which the small part is too much."""
    one = np.array([0.01])
    assert offered(one, 1000)[0] is not None
    assert offered(np.array([0.6]), 1000)[0] is None
    assert offered(-one, 1000)[0] is None
    assert offered(one, 1000, rounding="single")[0] is None
    assert offered(one, 2**30)[0] is None
    assert offered(np.array([2.0**-12]), 2**23)[0] is None
