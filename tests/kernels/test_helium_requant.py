"""Vector requantization: a model of the instructions against the reference, around every threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net

from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.tensor import Array
from ircompile.kernels import like_forms
from ircompile.kernels.helium.requant import VectorRecipe, vector_recipe
from ircompile.pipeline import build
from ircompile.target import load_target


def line_codes(recipe: VectorRecipe, acc: Array) -> Array:
    """What the instructions of a line make of accumulators (N, C), their bias included."""
    lanes, words = recipe.lanes, recipe.words.astype(np.int64)
    x = acc << lanes.extra
    total = (2 * x * words[:, 1] + (2**31 if lanes.rounded else 0) >> 32) + words[:, 2] - (lanes.kink & (acc < 0))
    assert np.all(np.abs(total) < 2**31)
    assert np.all(np.abs(x) < 2**31)
    if lanes.shift is None:
        total = total >> -words[:, 3]
    elif lanes.shift:
        total = (total + (1 << (lanes.shift - 1))) >> lanes.shift
    return np.clip(np.clip(total, -128, 127), lanes.low, lanes.high)


@pytest.mark.parametrize("rounding", ["double", "single", "float64_away"])
@pytest.mark.parametrize(
    ("zero", "low", "high"), [(-128, -128, 127), (-7, -128, 127), (3, 3, 100), (127, -128, 127)]
)
def test_line(rounding: str, zero: int, low: int, high: int) -> None:
    rng = np.random.default_rng(zero + 200)
    scale = np.exp(rng.uniform(np.log(2e-4), np.log(0.4), 24))
    reach = (rng.uniform(100, 400, 24) / scale).astype(np.int64)
    bias = rng.integers(-500, 500, 24)
    requant = Requant(rounding, "s", zero, low, high)  # type: ignore[arg-type]
    recipe = vector_recipe(requant, scale, bias, -reach, reach, load_target("cortex-m55").features)
    assert recipe.lanes.kind in ("line", "double")
    if recipe.lanes.kind == "line":
        acc = np.concatenate([rng.integers(-reach, reach + 1, (20000, 24)), [-reach, reach]])
        wanted = requantize(acc, requant, {"s": scale})
        assert np.array_equal(line_codes(recipe, acc + recipe.words[:, 0] - bias), wanted)


@pytest.mark.toolchain
def test_layers_share_a_shift_that_fits_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No multipliers of one layer are found for a right shift of 2; for 3 they are in all."""
    net, x, target = Net((1, 3, 16), 14), "x", load_target("cortex-m55")
    for _ in range(3):
        x = net.conv(x, 28, relu=True)
    packed = climb(net.graph(x), tmp_path, rungs=("cortex-m55",))["cortex-m55"].program.packed
    assert {one.suffix.rpartition("_line_")[2] for one in packed.values()} == {"3"}
    monkeypatch.setattr(like_forms, "OTHERS_OF_VECTORS", ())
    packed = build(net.graph(x), target, "net").program.packed
    assert len({one.suffix.rpartition("_line_")[2] for one in packed.values()}) == 2
