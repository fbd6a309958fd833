"""Exact values and ties, against arithmetic on fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np
import pytest

from ircompile.ir.numerics import Requant
from ircompile.ir.ops import AveragePool, Binary, Constant, Conv, MaxPool, Mean, Op, Window
from ircompile.ir.tensor import Array, Site, Tensor
from ircompile.verification.rounding_ties import exact_interval, is_tie, may_be

X = Tensor("x", (3, 4, 2), "int8", 0.5, -3)
CODES = np.random.default_rng(0).integers(-128, 128, X.shape).astype(np.int8)
GATE = np.array([7, -100], np.int8).reshape(1, 1, 2)


def site(shape: tuple[int, int, int], *inputs: Tensor) -> Site:
    return Site(inputs, Tensor("y", shape, "int8", 0.375, 5), {"gate": GATE})


def exact_value(op: Op, where: Site) -> Array:
    """The one value of each element where no bias is rounded."""
    found = exact_interval(op, where, [CODES])
    assert found is not None
    np.testing.assert_array_equal(*found)
    return found[0]


def coded(real: Fraction) -> float:
    """A real value in codes of the output."""
    return float(real / Fraction(0.375) + 5)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("kind", ["add", "sub", "mul"])
def test_binary_with_a_constant(kind: Literal["add", "sub", "mul"], first: bool) -> None:
    op = Binary(kind, "float32_even", constant=Constant("gate", 0.25, 2, first))
    found = exact_value(op, site(X.shape, X))
    for h, w, c in np.ndindex(*X.shape):
        a = (int(CODES[h, w, c]) + 3) * Fraction(0.5)
        b = (int(GATE[0, 0, c]) - 2) * Fraction(0.25)
        a, b = (b, a) if first else (a, b)
        assert found[h, w, c] == pytest.approx(coded({"add": a + b, "sub": a - b, "mul": a * b}[kind]), abs=1e-9)


@pytest.mark.parametrize("op", [Mean("hw", "float32_even"), Mean("w", "float32_even")])
def test_mean(op: Mean) -> None:
    shape = op.infer((X,), {})
    found = exact_value(op, site(shape, X))
    for h, w, c in np.ndindex(*shape):
        codes = CODES[:, :, c] if op.axes == "hw" else CODES[h, :, c]
        mean = Fraction(int(codes.astype(int).sum()), codes.size) + 3
        assert found[h, w, c] == pytest.approx(coded(mean * Fraction(0.5)), abs=1e-9)


def test_average_pool_does_not_count_padding() -> None:
    op = AveragePool(Window((3, 3), (2, 2), padding=(1, 1, 1, 0)), "float32_even")
    shape = op.infer((X,), {})
    found = exact_value(op, site(shape, X))
    for h, w, c in np.ndindex(*shape):
        codes = CODES[max(2 * h - 1, 0) : 2 * h + 2, max(2 * w - 1, 0) : 2 * w + 2, c]
        mean = Fraction(int(codes.astype(int).sum()), codes.size) + 3
        assert found[h, w, c] == pytest.approx(coded(mean * Fraction(0.5)), abs=1e-9)


@pytest.mark.parametrize("op", [MaxPool(Window((1, 1))), Binary("max", "raw", constant=Constant("gate", 0.5, -3))])
def test_what_rounds_nothing_has_no_ties(op: Op) -> None:
    assert exact_interval(op, site(X.shape, X), [CODES]) is None


def test_a_tie_is_off_by_one_in_the_middle() -> None:
    def tied(exact: float, ours: int, theirs: int) -> bool:
        arrays: list[Array] = [np.array([v], np.int8) for v in (ours, theirs)]
        return bool(is_tie((np.array([exact]), np.array([exact])), *arrays)[0])

    assert tied(2.5, 2, 3)
    assert tied(-127.50001, -127, -128)
    assert not tied(2.4, 2, 3)
    assert not tied(2.5, 1, 3)
    assert not tied(2.5, 2, 2)
    assert not tied(2.5, 3, 4)


def test_a_float_bias_gives_ties_between_its_values_and_no_more() -> None:
    rng = np.random.default_rng(1)
    consts = {
        "w": rng.integers(-127, 128, (2, 1, 1, 2)).astype(np.int8), "b": np.array([3, -4], np.int32),
        "s": np.array([0.02, 0.03]), "rest": np.array([0.4, -0.3]),
    }  # fmt: skip
    op = Conv(Window((1, 1)), "w", "b", Requant("float32_even", "s", 5))
    where = Site((X,), Tensor("y", X.shape, "int8", 0.375, 5), consts)
    plain = exact_value(op, where)
    rest = consts["rest"] * consts["s"]
    found = exact_interval(op, where, [CODES], rest[np.newaxis])
    assert found is not None
    np.testing.assert_array_equal(found[0], np.minimum(plain, plain + rest))
    np.testing.assert_array_equal(found[1], np.maximum(plain, plain + rest))
    ours, theirs = np.rint(plain), np.rint(plain + rest)
    assert is_tie(found, ours, theirs)[ours != theirs].all()
    assert not is_tie(found, ours, ours + np.where(rest > 0, -1, 1))[np.abs(plain % 1 - 0.5) > 0.01].any()


def test_codes_that_a_framework_may_have_are_those_at_ties() -> None:
    values = np.array([0.2, 0.49999, 0.5, 0.6, -0.5, 1.49])
    codes = np.rint(values).astype(np.int8)
    span = may_be(MaxPool(Window((1, 1))), (values, values + np.array([0, 0, 0, 0.8, 0, 0.02])), codes)
    assert span is not None
    np.testing.assert_array_equal(span[1] > codes, [False, True, True, False, True, True])
