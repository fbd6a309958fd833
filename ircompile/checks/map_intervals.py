"""Intervals once more, pixel by pixel and by other means: the ground that the other checks stand on.

`analyses/intervals.py` reasons about border classes and channels; here the ops themselves run, on a map of lowest
codes and one of highest. Slower, simpler, and of no common code, so that a mistake in one shows against the other.

Most rows and columns of such maps are alike: a Map has each of them once, and windows are looked at once for each
pattern of rows and columns that they meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from ircompile.ir.graph import Graph, Node
from ircompile.ir.numerics import Requant, quantize_multiplier, requantize
from ircompile.ir.ops import (
    ArgMax,
    AveragePool,
    Binary,
    Concat,
    Conv,
    Copy,
    Depthwise,
    Extreme,
    Flip,
    MaxPool,
    Mean,
    Moving,
    PixelTable,
    Prelu,
    Rescale,
    Resize,
    Sigmoid,
    Table,
    TransposeConv,
    Window,
)
from ircompile.ir.tensor import Array, Consts, Rows, Site, Tensor
from ircompile.qtype import INT8, INT32

Convolution = Conv | Depthwise | TransposeConv
OUTSIDE = -1
MONOTONE = (Extreme, Mean, Moving, Resize, Sigmoid)
"""Never decreasing in any code of their inputs, so that running them on both ends bounds their output."""


class Map(NamedTuple):
    """Lowest and highest code at every pixel (y, x): `low[rows[y], columns[x]]` and `high[...]`, (C,) each."""

    low: Array
    high: Array
    rows: Array
    columns: Array

    @property
    def sides(self) -> tuple[Array, Array]:
        """Both maps with every row and column, (H, W, C)."""
        return self.low[self.rows][:, self.columns], self.high[self.rows][:, self.columns]


@dataclass(frozen=True)
class Maps:
    """A Map of every tensor by name, for inputs of any code.

    `sums`: by the name of each convolution, the least and the greatest accumulator of its channels with their bias,
    before it wraps: int64 (C,).
    """

    codes: Mapping[str, Map]
    sums: Mapping[str, tuple[Array, Array]]


def map_intervals(graph: Graph) -> Maps:
    """Runs every node on the lowest and on the highest codes of its inputs."""
    sums: dict[str, tuple[Array, Array]] = {}
    maps = {name: _any_code(graph.tensors[name]) for name in (*graph.input_names, *graph.history)}
    initial = {state.tensor: graph.consts[state.initial] for state in graph.states}
    for node in graph.nodes:
        inputs = [maps[name] for name in node.inputs]
        if isinstance(node.op, Convolution):
            found, sums[node.name] = _requantized(node.op, graph.site(node), inputs[0])
        else:
            found = _output(node, graph.site(node), inputs)
        maps[node.output] = _of_all_calls(found, initial[node.output]) if node.output in initial else found
    return Maps(maps, sums)


def _of_all_calls(fresh: Map, initial: Array) -> Map:
    """A tensor with a state: each of its rows is one that some call computed, or one of the first."""
    low, high = fresh.sides
    height = len(low) + len(initial)
    low, high = np.concatenate([low, initial]).min(axis=0), np.concatenate([high, initial]).max(axis=0)
    return _compressed(low[np.newaxis], high[np.newaxis])._replace(rows=np.zeros(height, int))


def one_code(bounds: Map) -> dict[int, int]:
    """The channels that hold one code on the whole map, and the code."""
    low, high = bounds.low.min(axis=(0, 1)), bounds.high.max(axis=(0, 1))
    return {int(c): int(low[c]) for c in np.flatnonzero(low == high)}


def partial_sums(op: Conv | TransposeConv, site: Site, bounds: Map, channels: Array) -> tuple[Array, Array]:
    """Lowest and highest sum that the given input channels add to each accumulator.

    int64 (h, w, C_out), of one output row and column of each kind.
    """
    weights = site.consts[op.weights]
    weights = weights if len(channels) == weights.shape[-1] else weights[..., channels]
    flat = weights.reshape(len(weights), -1).T.astype(np.float64)
    shape = (*_kinds(op, site, bounds), len(weights))
    low, high = (
        _windows(op, site, bounds._replace(low=side[..., channels]))[0].reshape(shape[0] * shape[1], len(flat))
        for side in (bounds.low, bounds.high)
    )
    middle, spread = (low + high) @ flat, (high - low) @ np.abs(flat)  # twice the sums: integers, so exact
    least, most = (middle - spread) / 2, (middle + spread) / 2
    return least.reshape(shape).astype(np.int64), most.reshape(shape).astype(np.int64)


def _all_sums(op: Convolution, site: Site, bounds: Map) -> tuple[Array, Array]:
    if isinstance(op, Depthwise):
        return _depthwise_sums(op, site, bounds)
    return partial_sums(op, site, bounds, np.arange(site.inputs[0].channels))


def _depthwise_sums(op: Depthwise, site: Site, bounds: Map) -> tuple[Array, Array]:
    weights = site.consts[op.weights].astype(np.float64)
    channel = np.arange(site.output.channels) * site.inputs[0].channels // site.output.channels
    low, high = (_padded(side, site)[..., channel] for side in (bounds.low, bounds.high))
    (rows, _), (columns, _) = _patterns(op, site, bounds)
    middle = spread = np.zeros((len(rows), len(columns), site.output.channels))
    for y, x in np.ndindex(op.window.kernel):
        at = rows[:, y, np.newaxis], columns[np.newaxis, :, x]
        ends = low[at] * weights[y, x], high[at] * weights[y, x]
        middle, spread = middle + (ends[0] + ends[1]), spread + np.abs(ends[1] - ends[0])
    return ((middle - spread) / 2).astype(np.int64), ((middle + spread) / 2).astype(np.int64)


def _padded(codes: Array, site: Site) -> Array:
    """Real codes (code - zero point), float64, with a row and a column of 0 at the end: what OUTSIDE finds."""
    return np.pad(codes.astype(np.float64) - site.inputs[0].zero_point, ((0, 1), (0, 1), (0, 0)))


def _taps(op: Convolution | MaxPool | AveragePool, site: Site) -> Iterator[Array]:
    """For rows, then for columns: the place of each output's taps in the input, (outputs, taps), or OUTSIDE."""
    for axis in (0, 1):
        size, outputs = site.inputs[0].shape[axis], np.arange(site.output.shape[axis])[:, np.newaxis]
        if isinstance(op, TransposeConv):
            taps = np.arange(site.consts[op.weights].shape[1 + axis])
            spread = outputs + op.padding[axis] - taps
            place = np.where(spread % op.stride[axis] == 0, spread // op.stride[axis], OUTSIDE)
        else:
            window: Window = op.window
            taps = np.arange(window.kernel[axis]) * window.dilation[axis]
            place = outputs * window.stride[axis] - window.padding[2 * axis] + taps
        yield np.where((place >= 0) & (place < size), place, OUTSIDE)


def _patterns(op: Convolution | MaxPool | AveragePool, site: Site, bounds: Map) -> list[tuple[Array, Array]]:
    """For rows, then for columns: the kinds of windows, (kinds, taps) of kinds of the input; each output's kind."""
    found = []
    for places, kinds in zip(_taps(op, site), (bounds.rows, bounds.columns), strict=True):
        seen = np.where(places == OUTSIDE, OUTSIDE, kinds[places])
        patterns, inverse = np.unique(seen, axis=0, return_inverse=True)
        found.append((patterns, inverse.reshape(-1)))
    return found


def _kinds(op: Convolution | MaxPool | AveragePool, site: Site, bounds: Map) -> tuple[int, int]:
    rows, columns = _patterns(op, site, bounds)
    return len(rows[0]), len(columns[0])


def _windows(op: Convolution, site: Site, bounds: Map) -> tuple[Array, Array, Array]:
    """Real codes (code - zero point) of `bounds.low` in each kind of window, float64 (h, w, kh, kw, C), 0 outside.

    Then the kind of each output row, and of each column.
    """
    real = _padded(bounds.low, site)
    (rows, row_of), (columns, column_of) = _patterns(op, site, bounds)
    found = real[rows[:, np.newaxis, :, np.newaxis], columns[np.newaxis, :, np.newaxis, :]]
    return found, row_of, column_of


def _any_code(tensor: Tensor) -> Map:
    low, high = (np.full((1, 1, tensor.channels), end, tensor.dtype) for end in tensor.qtype.range)
    return Map(low, high, np.zeros(tensor.height, int), np.zeros(tensor.width, int))


def _output(node: Node, site: Site, inputs: list[Map]) -> Map:
    op = node.op
    match op:
        case MaxPool() | AveragePool():
            return _pooled(op, site, inputs[0])
        case Table():
            return inputs[0]._replace(**_spans(site.consts[op.table], inputs[0].low, inputs[0].high))
        case PixelTable():
            tables = np.broadcast_to(
                site.consts[op.tables], (site.output.channels, site.consts[op.tables].shape[-1])
            )
            return _every(site, tables.min(axis=1), tables.max(axis=1))
        case ArgMax():
            return _every(site, np.zeros(1, np.int32), np.full(1, site.inputs[0].channels - 1, np.int32))
        case Rescale():
            return _rescale(op, site, inputs[0])
        case Binary():
            return _binary(op, site, inputs)
        case Prelu():
            return _prelu(op, site, inputs[0])
        case Flip() | Copy() | Concat(axis=2):
            return _by_pixel(op, site, inputs)
        case Mean() if _mean_may_wrap(op, site):
            return _any_code(site.output)
        case Mean(lookup=lookup) if lookup is not None:
            table = _spans(site.consts[lookup.name], *inputs[0][:2])
            at, mean = site._replace(inputs=(op.source(site),)), replace(op, lookup=None)
            return _compressed(
                *(
                    mean.simulate(at, [Rows(side)], 0, site.output.height)
                    for side in inputs[0]._replace(**table).sides
                )
            )
        case _ if isinstance(op, MONOTONE):
            sides = zip(*(each.sides for each in inputs), strict=True)
            return _compressed(*(op.simulate(site, list(map(Rows, side)), 0, site.output.height) for side in sides))
        case _:
            return _any_code(site.output)


def _compressed(low: Array, high: Array) -> Map:
    """The Map of two whole maps."""
    both = np.stack([low, high], axis=-1)
    _, rows, row_of = np.unique(_hashes(both), return_index=True, return_inverse=True)
    _, columns, column_of = np.unique(_hashes(both.swapaxes(0, 1)), return_index=True, return_inverse=True)
    low, high = low[rows][:, columns], high[rows][:, columns]
    return Map(low, high, row_of.reshape(-1), column_of.reshape(-1))


def _hashes(lines: Array) -> Array:
    """A number for each line, the same for equal ones alone."""
    number: dict[bytes, int] = {}
    return np.array([number.setdefault(line.tobytes(), len(number)) for line in lines])


def _every(site: Site, low: Array, high: Array) -> Map:
    """The same interval (C,) at every pixel."""
    return _any_code(site.output)._replace(low=low.reshape(1, 1, -1), high=high.reshape(1, 1, -1))


def _requantized(op: Convolution, site: Site, bounds: Map) -> tuple[Map, tuple[Array, Array]]:
    """Codes of the accumulators of a convolution; the least and the greatest accumulator of each channel."""
    low, high = _all_sums(op, site, bounds)
    offset = site.consts[op.bias].astype(np.int64)
    low, high = low + offset, high + offset
    ends = low.min(axis=(0, 1)), high.max(axis=(0, 1))
    with np.errstate(over="ignore"):
        a, b = (requantize(end, op.requant, site.consts) for end in (low, high))
    wild = _wild(low, high, op.requant, site.consts)
    rows, columns = _patterns(op, site, bounds)
    low, high = np.where(wild, op.requant.low, np.minimum(a, b)), np.where(wild, op.requant.high, np.maximum(a, b))
    return Map(low.astype(site.output.dtype), high.astype(site.output.dtype), rows[1], columns[1]), ends


def _wild(low: Array, high: Array, requant: Requant, consts: Consts) -> Array:
    """Where an accumulator leaves int32, or is shifted out of it."""
    if requant.rounding == "wide":
        return np.maximum(np.abs(low), np.abs(high)) * np.abs(consts[requant.scale]) >= 2.0**30
    outside = (low < INT32.low) | (high > INT32.high)
    if requant.rounding not in ("double", "single"):
        return outside
    left = np.maximum(quantize_multiplier(consts[requant.scale])[1], 0)
    if requant.rounding == "single":
        return outside | (left > 30)
    return outside | _shifts_out(np.maximum(high, -1 - low), left)


def _shifts_out(largest: Array | int, left: Array | int) -> Array:
    """Whether a number shifted to the left may leave int32."""
    return np.asarray(np.asarray(largest, np.float64) * 2.0 ** np.maximum(left, 0) >= 2.0**31)


def _pooled(op: MaxPool | AveragePool, site: Site, bounds: Map) -> Map:
    """One output row of each kind, all of its pixels."""
    (rows, row_of), _ = _patterns(op, site, bounds)
    first = [int(np.flatnonzero(row_of == kind)[0]) for kind in range(len(rows))]
    low, high = (
        np.concatenate([op.simulate(site, [Rows(side)], row, row + 1) for row in first]) for side in bounds.sides
    )
    found = _compressed(low, high)
    return found._replace(rows=found.rows[row_of])


def _by_pixel(op: Flip | Copy | Concat | Binary, site: Site, inputs: Sequence[Map]) -> Map:
    """What an op makes of each pixel by itself: of one pixel of each kind, where all inputs are seen at once."""
    shape = site.output.shape
    rows = np.stack([np.broadcast_to(each.rows, shape[0]) for each in inputs])
    columns = np.stack([np.broadcast_to(each.columns, shape[1]) for each in inputs])
    (rows, row_of), (columns, column_of) = (
        np.unique(kinds, axis=1, return_inverse=True) for kinds in (rows, columns)
    )
    at = Site(
        tuple(replace(t, shape=(rows.shape[1], columns.shape[1], t.channels)) for t in site.inputs),
        replace(site.output, shape=(rows.shape[1], columns.shape[1], shape[2])),
        site.consts,
    )
    sides = [
        [Rows(side[r][:, c]) for side, r, c in zip(codes, rows, columns, strict=True)]
        for codes in ([each.low for each in inputs], [each.high for each in inputs])
    ]
    ends = product(*zip(*sides, strict=True)) if isinstance(op, Binary) else map(tuple, sides)
    corners = [op.simulate(at, list(end), 0, at.output.height) for end in ends]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    return Map(low, high, row_of.reshape(-1), column_of.reshape(-1))


def _spans(table: Array, low: Array, high: Array) -> dict[str, Array]:
    """Least and greatest entry between two codes, from tables of all spans."""
    least, greatest = (np.zeros((len(table), len(table)), table.dtype) for _ in range(2))
    for first in range(len(table)):
        least[first, first:] = np.minimum.accumulate(table[first:])
        greatest[first, first:] = np.maximum.accumulate(table[first:])
    span = low.astype(np.int64) - INT8.low, high.astype(np.int64) - INT8.low
    return {"low": least[span], "high": greatest[span]}


def _binary(op: Binary, site: Site, inputs: list[Map]) -> Map:
    """Monotone in each operand, or bilinear in both: the ends are among those of the four corners."""
    if op.kind == "squared_difference" or (op.rounding == "double" and _binary_may_wrap(op, site)):
        return _every(site, *(np.full(site.output.channels, end, site.output.dtype) for end in (op.low, op.high)))
    if op.constant is not None and max(site.consts[op.constant.name].shape[:2]) > 1:
        corners = [op.simulate(site, [Rows(side)], 0, site.output.height) for side in inputs[0].sides]
        return _compressed(np.minimum(*corners), np.maximum(*corners))
    return _by_pixel(op, site, inputs)


def _binary_may_wrap(op: Binary, site: Site) -> bool:
    """Whether the product, or the sum of TFLite's shifted operands, may be shifted out of int32."""
    (sa, _), (sb, _) = op.operands(site)
    span = site.output.qtype.span
    if op.kind == "mul":
        scale, largest = np.float64(sa) * np.float64(sb) / np.float64(site.output.scale), span**2
    else:
        shift, (_, _, back) = op.scaling(site)
        scale, largest = np.float64(back), span << shift
    return bool(_shifts_out(largest, quantize_multiplier(scale)[1]))


def _rescale(op: Rescale, site: Site, bounds: Map) -> Map:
    """Monotone on each side of the zero point: its extremes lie at the ends, or around the zero point."""
    source = site.inputs[0]
    if source.qtype.span * max(op.positive, abs(op.negative)) >= 2.0**30:
        return _every(site, *(np.full(site.output.channels, end, site.output.dtype) for end in (op.low, op.high)))
    low, high = bounds.low, bounds.high
    around = [np.clip(turn, low, high).astype(low.dtype) for turn in (source.zero_point - 1, source.zero_point)]
    ends = [op.simulate(site, [Rows(code)], 0, len(code)) for code in (low, high, *around)]
    return bounds._replace(low=np.minimum.reduce(ends), high=np.maximum.reduce(ends))


def _prelu(op: Prelu, site: Site, bounds: Map) -> Map:
    """Monotone on each side of the zero point: its extremes lie at the ends, or around the zero point."""
    source, scales = site.inputs[0], (site.inputs[0].scale, site.inputs[0].scale * op.scale)
    for scale, largest in zip(scales, (INT8.span, INT8.span**2), strict=True):
        if _shifts_out(largest, quantize_multiplier(np.float64(scale) / np.float64(site.output.scale))[1]):
            return _any_code(site.output)
    ends = []
    sides = bounds.sides if max(site.consts[op.alpha].shape[:2]) > 1 else bounds[:2]
    turns = [np.clip(around, *sides).astype(INT8.dtype) for around in (source.zero_point - 1, source.zero_point)]
    for codes in (*sides, *turns):
        at = site._replace(output=replace(site.output, shape=codes.shape))
        at = at._replace(inputs=(replace(source, shape=codes.shape),))
        ends.append(op.simulate(at, [Rows(codes)], 0, len(codes)))
    low, high = np.minimum.reduce(ends), np.maximum.reduce(ends)
    whole = max(site.consts[op.alpha].shape[:2]) > 1
    return _compressed(low, high) if whole else bounds._replace(low=low, high=high)


def _mean_may_wrap(op: Mean, site: Site) -> bool:
    source = op.source(site)
    code = source.qtype
    largest = max(code.high - source.zero_point, source.zero_point - code.low) * op.count(source)
    return op.rounding == "integer" and bool(_shifts_out(largest, op.multiplier(site)[1]))
