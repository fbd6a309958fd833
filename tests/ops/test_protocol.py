"""What every op promises: shapes, rows it needs (no less, no more), steps, and its name in the IR."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from catalogue import of_sums, random_inputs, sites, whole

from ircompile.importers import ir
from ircompile.ir import ops
from ircompile.ir.ops import Op, const_names
from ircompile.ir.tensor import Rows, Site

SITES = list(sites())
STREAMING = [(op, site) for op, site in SITES if not isinstance(op, ops.Mean | ops.Extreme)]
ACCUMULATING = [(op, site) for op, site in SITES if isinstance(op, ops.Mean | ops.Extreme)]


def label(case: Any) -> str:
    return type(case).__name__ if not isinstance(case, Site) else "x".join(str(n) for n in case.output.shape)


def test_every_op_is_here() -> None:
    assert {type(op) for op, _ in (*SITES, *of_sums())} == set(ops.OPS) == set(concrete(Op))


def concrete(cls: type[Op]) -> list[type[Op]]:
    """The classes below one that can be made."""
    below = [found for sub in cls.__subclasses__() for found in concrete(sub)]
    return below if cls.__abstractmethods__ else [cls, *below]


def test_an_op_without_a_rule_cannot_be_made() -> None:
    class Nothing(Op):
        pass

    with pytest.raises(TypeError, match="bounds, infer, lanes, needs, simulate"):
        Nothing()  # type: ignore[abstract]


@pytest.mark.parametrize(("op", "site"), SITES, ids=label)
def test_codes_stay_within_their_bounds(op: Op, site: Site) -> None:
    """Also where the inputs are bounded more closely than by their type."""
    for seed in range(3):
        inputs = random_inputs(site, seed)
        inputs = [codes if seed else codes // 4 for codes in inputs]
        ranges = [(a.min(axis=(0, 1)).astype(np.int64), a.max(axis=(0, 1)).astype(np.int64)) for a in inputs]
        low, high = op.bounds(site, ranges)
        assert low.shape == high.shape == (site.output.channels,)
        found = whole(op, site, inputs)
        assert (low <= found).all()
        assert (found <= high).all()


@pytest.mark.parametrize(("op", "site"), SITES, ids=label)
def test_channels_come_of_their_lanes_alone(op: Op, site: Site) -> None:
    """Where an input changes in one channel, the output stays in all that are not made of it."""
    lanes = op.lanes(site)
    if lanes is None:
        return
    inputs = random_inputs(site, 4)
    before = whole(op, site, inputs)
    for number, (lane, tensor) in enumerate(zip(lanes, site.inputs, strict=True)):
        assert lane.shape == (site.output.channels,)
        assert lane.max() < tensor.channels
        for channel in range(tensor.channels if lane.max() >= 0 else 0):
            changed = [codes.copy() for codes in inputs]
            changed[number][..., channel] = random_inputs(site, 5)[number][..., channel]
            stays = lane != channel
            np.testing.assert_array_equal(whole(op, site, changed)[..., stays], before[..., stays])


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
    assert op.steps(site) == site.output.height
    for step in range(site.output.height):
        ranges = op.needs(site, step)
        assert op.output_rows(site, step) == (step, step + 1)
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
    assert op.steps(site) == height
    assert [op.needs(site, step) for step in range(height)] == [((step, step + 1),) for step in range(height)]
    completed = [row for step in range(height) for row in range(*op.output_rows(site, step))]
    assert completed == list(range(site.output.height))
    assert (op.sum_bytes(site) > 0) == ("h" in op.axes)


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


@pytest.mark.parametrize(("op", "site"), SITES, ids=label)
def test_some_rows_are_computed_alone(op: Op, site: Site) -> None:
    """By the op that `of_rows` gives, where each row is made of its own row, or of a window over some."""
    height, alike = site.output.height, all(tensor.height == site.output.height for tensor in site.inputs)
    if height < 3 or not (isinstance(op, ops.Windowed) or (alike and op.row_for_row(site))):
        return
    start, stop = 1, height - 1
    needs = [op.needs(site, step) for step in range(start, stop)]
    spans = [(min(low for low, _ in each), max(high for _, high in each)) for each in zip(*needs, strict=True)]
    inputs = random_inputs(site, 6)
    few = [codes[low:high] for codes, (low, high) in zip(inputs, spans, strict=True)]
    tensors = [replace(t, shape=codes.shape) for t, codes in zip(site.inputs, few, strict=True)]
    output = replace(site.output, shape=(stop - start, *site.output.shape[1:]))
    alone = op.of_rows(site.inputs[0], start, stop)
    found = whole(alone, Site(tuple(tensors), output, site.consts), few)
    np.testing.assert_array_equal(found, whole(op, site, inputs)[start:stop])
