"""Rounding, against plain integer arithmetic written a second time and against known values."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ircompile.ir.numerics import (
    Requant,
    mbqm,
    mbqm_single,
    quantize,
    quantize_multiplier,
    rdbpot,
    requantize,
    round_half_away,
    scale_accumulator,
    srdhm,
    wrap_int32,
)

INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIER = st.integers(2**30, 2**31 - 1)


def away(value: Fraction) -> int:
    """Nearest integer, ties away from zero."""
    size = math.floor(abs(value) + Fraction(1, 2))
    return size if value >= 0 else -size


@given(INT32, INT32)
def test_srdhm(a: int, b: int) -> None:
    """round(a * b / 2^31) by C's truncating division of the nudged product; one pair saturates."""
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    expected = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)
    assert int(srdhm(np.int64(a), np.int64(b))) == min(expected, 2**31 - 1)


@given(INT32, st.integers(0, 31))
def test_rdbpot_rounds_half_away(x: int, exponent: int) -> None:
    assert int(rdbpot(np.int64(x), np.int64(exponent))) == away(Fraction(x, 2**exponent))


@given(st.integers(-(2**30), 2**30), MULTIPLIER, st.integers(-20, 0))
def test_mbqm_is_two_roundings(x: int, m: int, shift: int) -> None:
    first = math.floor(Fraction(x * m, 2**31) + Fraction(1, 2))  # ties of a double product go up
    assert int(mbqm(np.int64(x), np.int64(m), np.int64(shift))) == away(Fraction(first, 2**-shift))
    single = math.floor(Fraction(x * m, 2 ** (31 - shift)) + Fraction(1, 2))
    assert int(mbqm_single(np.int64(x), np.int64(m), np.int64(shift))) == single


def test_mbqm_wraps_where_it_shifts_left() -> None:
    assert int(mbqm(np.int64(2**29), np.int64(2**30), np.int64(2))) == int(
        srdhm(np.int64(-(2**31)), np.int64(2**30))
    )
    assert [int(v) for v in wrap_int32(np.array([2**31, -(2**31) - 1, 5]))] == [-(2**31), 2**31 - 1, 5]


@settings(max_examples=300)
@given(st.floats(1e-12, 1e6), st.booleans())
def test_quantize_multiplier(real: float, negative: bool) -> None:
    value = -real if negative else real
    m, shift = (int(v) for v in quantize_multiplier(value))
    if m == 0:
        assert (shift, real < 2.0**-31) == (0, True)
        return
    assert 2**30 <= abs(m) <= 2**31
    assert math.isclose(m * 2.0 ** (shift - 31), value, rel_tol=2.0**-31)


def test_quantize_multiplier_at_the_ends() -> None:
    just_below = np.nextafter(1.0, 0.0)  # rounds to 2^31, which is halved
    m, shift = quantize_multiplier(np.array([0.0, 1.0, 0.5, just_below, 2.0**-40]))
    assert m.tolist() == [0, 2**30, 2**30, 2**30, 0]
    assert shift.tolist() == [0, 1, 0, 1, 0]


def test_round_half_away() -> None:
    values = [0.5, -0.5, 1.5, -1.5, 2.4999, 0.49999999999999994, -0.49999999999999994, 2.0**52 + 1, -(2.0**53)]
    expected = [1, -1, 2, -2, 2, 0, 0, 2**52 + 1, -(2**53)]
    assert round_half_away(np.array(values)).tolist() == expected


@pytest.mark.parametrize("rounding", ["double", "single", "float32_even", "float64_away"])
@pytest.mark.parametrize(("low", "high"), [(-128, 127), (-5, 100)])
def test_requantization_is_monotone_and_clamped(rounding: str, low: int, high: int) -> None:
    acc = np.arange(-40000, 40000, 7)[:, np.newaxis]
    consts = {"s": np.array([0.0037, 0.011, 2.0**-9])}
    found = requantize(acc, Requant(rounding, "s", -5, low, high), consts).astype(int)  # type: ignore[arg-type]
    assert found.shape == (len(acc), 3)
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found.min(), found.max()) == (low, high)
    exact = np.clip(acc * consts["s"] - 5, low, high)
    assert np.abs(found - exact).max() <= 0.51


def test_roundings_part_at_ties() -> None:
    """acc * 0.5 at odd accumulators: up on the first rounding, away from zero, to even."""
    acc, scale = np.array([[-3], [-1], [1], [3]]), np.array([0.5])
    consts = {"s": scale}
    by = {r: requantize(acc, Requant(r, "s", 0), consts).reshape(-1).tolist()  # type: ignore[arg-type]
          for r in ("double", "single", "float32_even", "float64_away")}  # fmt: skip
    assert by == {
        "double": [-1, 0, 1, 2], "single": [-1, 0, 1, 2], "float32_even": [-2, 0, 0, 2],
        "float64_away": [-2, -1, 1, 2],
    }  # fmt: skip
    with pytest.raises(ValueError, match="float32_even"):
        scale_accumulator(acc, "float32_even", scale)


def test_quantize_floats() -> None:
    values = np.array([0.25, -0.25, 0.75, np.inf, -np.inf, np.nan, 1e30], np.float32)
    assert quantize(values, 0.5, 0, "int8", half_even=False).tolist() == [1, -1, 2, 127, -128, 0, 127]
    assert quantize(values, 0.5, 0, "int8", half_even=True).tolist() == [0, 0, 2, 127, -128, 0, 127]
    assert quantize(values, 0.5, 3, "uint8", half_even=False).tolist() == [4, 2, 5, 255, 0, 3, 255]
