"""What every op promises: shapes, rows it needs (no less, no more), steps, and its name in the IR."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from catalogue import random_inputs, sites, whole

from ircompile.importers import ir
from ircompile.ir import ops
from ircompile.ir.ops import Op, const_names, output_rows, state_bytes, steps_of
from ircompile.ir.tensor import Rows, Site

SITES = list(sites())
STREAMING = [(op, site) for op, site in SITES if not isinstance(op, ops.Mean | ops.Extreme)]
ACCUMULATING = [(op, site) for op, site in SITES if isinstance(op, ops.Mean | ops.Extreme)]


def label(case: Any) -> str:
    return type(case).__name__ if not isinstance(case, Site) else "x".join(str(n) for n in case.output.shape)


def test_every_op_is_here() -> None:
    assert {type(op) for op, _ in SITES} == set(ops.OPS)


@pytest.mark.parametrize(("op", "site"), SITES, ids=label)
def test_output(op: Op, site: Site) -> None:
    found = whole(op, site, random_inputs(site, 0))
    assert found.shape == site.output.shape
    assert found.dtype == site.output.dtype
    assert op.macs(site) >= 0
    assert (op.infer.__doc__ or "").rstrip().endswith(".")
    assert all(name in site.consts for name in const_names(op))
    assert ir._value(ast.parse(repr(op), mode="eval").body) == op


@pytest.mark.parametrize(("op", "site"), STREAMING, ids=label)
def test_rows_needed_are_enough(op: Op, site: Site) -> None:
    """A step given only the rows it asks for (others would raise) computes its row of the whole."""
    inputs = random_inputs(site, 1)
    expected = whole(op, site, inputs)
    assert steps_of(op, site) == site.output.height
    for step in range(site.output.height):
        ranges = op.needs(site, step)
        assert output_rows(op, site, step) == (step, step + 1)
        assert all(0 <= first <= stop <= t.height for (first, stop), t in zip(ranges, site.inputs, strict=True))
        rows = [Rows(a[first:stop], first) for a, (first, stop) in zip(inputs, ranges, strict=True)]
        np.testing.assert_array_equal(op.simulate(site, rows, step, step + 1), expected[step : step + 1])


@pytest.mark.parametrize(("op", "site"), STREAMING, ids=label)
def test_rows_needed_are_all_read(op: Op, site: Site) -> None:
    """Some change of the first row asked for, and of the last, changes the result; a dilated window has holes."""
    dilated = isinstance(op, ops.Conv | ops.Depthwise) and op.window.dilation != (1, 1)
    for step in range(site.output.height):
        for number, (first, stop) in enumerate(op.needs(site, step)):
            ends = {first, stop - 1} if first < stop and not dilated else set()
            assert all(_matters(op, site, step, number, row) for row in ends), (step, first, stop)


def _matters(op: Op, site: Site, step: int, number: int, row: int) -> bool:
    for seed in range(40):
        inputs = random_inputs(site, seed)
        before = whole(op, site, inputs)[step]
        changed = inputs[number].copy()
        changed[row] ^= np.random.default_rng(seed + 99).integers(0, 127, changed[row].shape).astype(changed.dtype)
        inputs[number] = changed
        if not np.array_equal(whole(op, site, inputs)[step], before):
            return True
    return False


@pytest.mark.parametrize(("op", "site"), ACCUMULATING, ids=label)
def test_accumulating_steps(op: Op, site: Site) -> None:
    """One step an input row; every output row is completed once, by a step that has read all it depends on."""
    assert isinstance(op, ops.Mean | ops.Extreme)
    height = site.inputs[0].height
    assert steps_of(op, site) == height
    assert [op.needs(site, step) for step in range(height)] == [((step, step + 1),) for step in range(height)]
    completed = [row for step in range(height) for row in range(*output_rows(op, site, step))]
    assert completed == list(range(site.output.height))
    assert (state_bytes(op, site) > 0) == ("h" in op.axes)


@pytest.mark.parametrize(("op", "site"), ACCUMULATING, ids=label)
def test_accumulated_row_by_row(op: Op, site: Site) -> None:
    inputs = random_inputs(site, 2)
    expected = whole(op, site, inputs)
    if isinstance(op, ops.Mean) and "h" in op.axes:
        total = np.zeros((site.output.width, site.output.channels), np.int64)
        for row in inputs[0]:
            total += op.partial(site, row)
        np.testing.assert_array_equal(op.finish(site, total)[np.newaxis], expected)
    elif "h" not in op.axes:
        for step in range(site.output.height):
            rows = [Rows(inputs[0][step : step + 1], step)]
            np.testing.assert_array_equal(op.simulate(site, rows, step, step + 1)[0], expected[step])


def test_rows_refuse_what_they_do_not_hold() -> None:
    rows = Rows(np.zeros((3, 2, 1), np.int8), 4)
    assert rows.take(5, 7).shape == (2, 2, 1)
    for start, stop in ((3, 5), (6, 8)):
        with pytest.raises(IndexError, match="held"):
            rows.take(start, stop)
