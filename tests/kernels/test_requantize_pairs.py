"""ADD on all 65,536 pairs; MUL, MEAN and AVERAGE_POOL on every product and every sum."""

from __future__ import annotations

import numpy as np
import pytest

from ircompile.ir.ops import AveragePool, Binary, Mean, Window
from ircompile.ir.tensor import Site, Tensor
from ircompile.kernels.requantize import (
    Core,
    Recipe,
    evaluate,
    evaluate_pairs,
    least_count,
    synthesize_average,
    synthesize_mean,
    synthesize_pairs,
    synthesize_product,
)

CORES = (Core(True), Core(False), Core(False, False), Core(True, True, True))
A, B = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")


def tensor(scale: float, zero_point: int, shape: tuple[int, int, int] = (1, 1, 1)) -> Tensor:
    return Tensor("t", shape, "int8", float(scale), int(zero_point))


def random_zero(rng: np.random.Generator) -> int:
    return int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_sums_of_two_codes(rounding: str) -> None:
    rng = np.random.default_rng(len(rounding))
    found = 0
    for trial in range(40):
        scale = 2.0 ** rng.uniform(-6, -3)
        ratios = 2.0 ** rng.uniform(-3, 1.2, 2)
        if trial % 4 == 0:  # powers of two: ties on every diagonal
            ratios = 2.0 ** np.round(np.log2(ratios))
        zero = random_zero(rng)
        low = zero if trial % 5 == 0 else -128
        op = Binary("add" if trial % 3 else "sub", rounding, low, 127)  # type: ignore[arg-type]
        operands = tuple(tensor(ratio * scale, random_zero(rng)) for ratio in ratios)
        site = Site(operands, tensor(scale, zero), {})
        recipe = synthesize_pairs(op, site)
        if recipe is not None:
            found += 1
            np.testing.assert_array_equal(evaluate_pairs(recipe, A, B), op.combine(site, A, B), str(recipe))
    assert found >= 38


def test_only_reachable_pairs_count() -> None:
    op = Binary("sub", "double")
    site = Site((tensor(0.0078125, -1), tensor(0.00784314, -128)), tensor(0.0078125, -1), {})
    one = np.array([-1], np.int64)
    recipe = synthesize_pairs(op, site, b=one)
    assert recipe is not None
    a = np.arange(-128, 128)
    np.testing.assert_array_equal(evaluate_pairs(recipe, a, one), op.combine(site, a, one))


@pytest.mark.parametrize("core", CORES, ids=["dsp", "mul64", "mul32", "fpu"])
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_products(rounding: str, core: Core) -> None:
    rng = np.random.default_rng(5)
    for _ in range(6):
        za, zb, zero = (random_zero(rng) for _ in range(3))
        sa, sb = 2.0 ** rng.uniform(-8, -3, 2)
        op = Binary("mul", rounding)  # type: ignore[arg-type]
        out = tensor(sa * sb * 2.0 ** rng.uniform(3, 7), zero)
        site = Site((tensor(sa, za), tensor(sb, zb)), out, {})
        recipe = synthesize_product(op, site, core)
        product = ((A - za) * (B - zb)).reshape(-1, 1)
        np.testing.assert_array_equal(evaluate(recipe, product)[:, 0], op.combine(site, A, B).reshape(-1))


@pytest.mark.parametrize("core", CORES, ids=["dsp", "mul64", "mul32", "fpu"])
@pytest.mark.parametrize("rounding", ["integer", "float32_even", "code", "code_up"])
def test_means(rounding: str, core: Core) -> None:
    rng = np.random.default_rng(6)
    for trial in range(8):
        height, width = (int(n) for n in rng.integers(1, 13, 2))
        scale = 2.0 ** rng.uniform(-6, -3)
        other = scale if trial % 2 else scale * 2.0 ** rng.uniform(-1, 1)
        op = Mean("hw", rounding)  # type: ignore[arg-type]
        site = Site((tensor(scale, random_zero(rng), (height, width, 1)),), tensor(other, random_zero(rng)), {})
        recipe = synthesize_mean(op, site, core)
        assert recipe is not None
        total = np.arange(-128 * height * width, 127 * height * width + 1)[:, np.newaxis]
        np.testing.assert_array_equal(evaluate(recipe, total), op.finish(site, total))


@pytest.mark.parametrize("core", CORES, ids=["dsp", "mul64", "mul32", "fpu"])
@pytest.mark.parametrize("rounding", ["integer", "float32_even", "half_up"])
def test_averages(rounding: str, core: Core) -> None:
    rng = np.random.default_rng(8)
    for kernel in ((2, 2), (3, 3), (1, 7), (4, 5)):
        kh, kw = kernel
        window = Window(kernel, padding=(kh - 1, kh - 1, kw - 1, kw - 1))  # of one pixel and more
        op = AveragePool(window, rounding, -100, 127)  # type: ignore[arg-type]
        site = Site((tensor(0.05, random_zero(rng), (kh, kw, 1)),), tensor(0.07, random_zero(rng)), {})
        recipe = synthesize_average(op, site, core)
        assert recipe is not None
        for count in range(1, kernel[0] * kernel[1] + 1):
            total = np.arange(-128 * count, 127 * count + 1)[:, np.newaxis]
            row = recipe.words if recipe.form.shared else recipe.words[count - 1 : count]
            codes = evaluate(Recipe(recipe.form, row, recipe.common), total)
            mean = op.divide(total, np.array([count]), site.inputs[0], site.output)
            np.testing.assert_array_equal(codes, np.clip(mean, op.low, op.high))


def test_words_of_the_pixels_that_a_window_may_hold() -> None:
    op = AveragePool(Window((5, 4), padding=(0, 0, 0, 1)), "integer")
    site = Site((tensor(0.05, 3, (9, 6, 1)),), tensor(0.07, 4), {})
    recipe = synthesize_average(op, site, Core(True))
    assert recipe is not None
    assert least_count(op, site.inputs[0]) == 15
    assert len(recipe.words) == 6


def test_a_mean_that_may_wrap_is_left_alone() -> None:
    site = Site((tensor(2.0**28, 0, (2, 2, 1)),), tensor(0.01, 0), {})
    assert synthesize_mean(Mean("hw"), site, Core(True)) is None
