"""Intervals once more, pixel by pixel and by other means: the ground that `check_pruning` stands on.

`intervals.py` reasons about border classes and channels; here the ops themselves run, on a map of lowest and a map
of highest codes. Slower, simpler, and of no common code, so that a mistake in one shows against the other.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from ircompile.ir.graph import Graph, Node
from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.ops import (
    AveragePool,
    Binary,
    Conv,
    Depthwise,
    Extreme,
    Flip,
    MaxPool,
    Mean,
    Moving,
    Prelu,
    Rescale,
    Resize,
    Sigmoid,
    Table,
    TransposeConv,
)
from ircompile.ir.tensor import Array, Consts, Rows, Site, Tensor
from ircompile.qtype import INT8, INT32

# Never decreasing in any code of their inputs, so that running them on both ends bounds their output.
MONOTONE = (AveragePool, Extreme, Flip, MaxPool, Mean, Moving, Resize, Sigmoid)
SAFE = 2.0**30  # mbqm multiplies by m 2^s with m in [1/2, 1): a result below 2^30 was shifted below 2^31


class Map(NamedTuple):
    """Lowest and highest code at every pixel, (H, W, C) of the tensor's type."""

    low: Array
    high: Array


def map_intervals(graph: Graph) -> dict[str, Map]:
    """A Map of every tensor, for inputs of any code."""
    maps = {name: _any_code(graph.tensors[name]) for name in (*graph.input_names, *graph.history)}
    initial = {state.tensor: graph.consts[state.initial] for state in graph.states}
    for node in graph.nodes:
        found = _output(node, graph.site(node), [maps[name] for name in node.inputs])
        maps[node.output] = _of_all_calls(found, initial[node.output]) if node.output in initial else found
    return maps


def _of_all_calls(fresh: Map, initial: Array) -> Map:
    """A tensor with a state: each of its rows is one that some call computed, or one of the first."""
    low, high = np.concatenate([fresh.low, initial]).min(axis=0), np.concatenate([fresh.high, initial]).max(axis=0)
    shape = (len(fresh.low) + len(initial), *low.shape)
    return Map(np.broadcast_to(low, shape), np.broadcast_to(high, shape))


def one_code(bounds: Map) -> dict[int, int]:
    """The channels that hold one code on the whole map, and the code."""
    low, high = bounds.low.min(axis=(0, 1)), bounds.high.max(axis=(0, 1))
    return {int(c): int(low[c]) for c in np.flatnonzero(low == high)}


def partial_sums(op: Conv | TransposeConv, site: Site, bounds: Map, channels: Array) -> tuple[Array, Array]:
    """Lowest and highest sum that the given input channels add to each accumulator: int64 (H, W, C_out)."""
    weights = site.consts[op.weights][..., channels].astype(np.float64)
    bounds = Map(*(np.ascontiguousarray(side[..., channels]) for side in bounds))
    positive, negative = weights.clip(min=0), weights.clip(max=0)
    low = _sums(op, site, bounds.low, positive) + _sums(op, site, bounds.high, negative)
    high = _sums(op, site, bounds.high, positive) + _sums(op, site, bounds.low, negative)
    return low.astype(np.int64), high.astype(np.int64)


def _sums(op: Conv | TransposeConv, site: Site, codes: Array, weights: Array) -> Array:
    if isinstance(op, TransposeConv):
        return _transposed_sums(op, site, codes, weights)
    source = site.inputs[0]
    windows = op.window.gather(Rows(codes), 0, site.output.height, source.height, source.zero_point)
    flat = windows.reshape(site.output.height * site.output.width, -1).astype(np.float64) - source.zero_point
    return (flat @ weights.reshape(len(weights), -1).T).reshape(site.output.shape)


def _transposed_sums(op: TransposeConv, site: Site, codes: Array, weights: Array) -> Array:
    """Every pixel spreads over a canvas without borders, which is then cut."""
    (height, width), (sy, sx), (top, left) = op.size, op.stride, op.padding
    _, kh, kw, _ = weights.shape
    real = codes.astype(np.float64) - site.inputs[0].zero_point
    rows, columns = real.shape[:2]
    canvas = np.zeros((max(rows * sy + kh, top + height), max(columns * sx + kw, left + width), len(weights)))
    for y, x in np.ndindex(kh, kw):
        canvas[y : y + rows * sy : sy, x : x + columns * sx : sx] += real @ weights[:, y, x].T
    return canvas[top : top + height, left : left + width]


def _any_code(tensor: Tensor) -> Map:
    low, high = tensor.qtype.range
    return Map(np.full(tensor.shape, low, tensor.dtype), np.full(tensor.shape, high, tensor.dtype))


def _output(node: Node, site: Site, inputs: list[Map]) -> Map:
    op = node.op
    if isinstance(op, Conv | TransposeConv):
        return _codes(
            site, op.bias, op.requant, *partial_sums(op, site, inputs[0], np.arange(site.inputs[0].channels))
        )
    if isinstance(op, Depthwise):
        return _codes(site, op.bias, op.requant, *_depthwise_sums(op, site, inputs[0]))
    if isinstance(op, Table):
        return _table(site.consts[op.table], inputs[0])
    if isinstance(op, Binary):
        return _binary(op, site, inputs)
    if isinstance(op, Prelu):
        return _prelu(op, site, inputs[0])
    if isinstance(op, Rescale):
        return _rescale(op, site, inputs[0])
    if isinstance(op, MONOTONE) and not (isinstance(op, Mean) and _mean_may_wrap(op, site)):
        if isinstance(op, Mean) and op.lookup is not None:
            inputs = [_table(site.consts[op.lookup.name], inputs[0])]
            site, op = site._replace(inputs=(op.source(site),)), replace(op, lookup=None)
        ends = [op.simulate(site, [Rows(m[side]) for m in inputs], 0, site.output.height) for side in (0, 1)]
        return Map(*(np.ascontiguousarray(end) for end in ends))
    return _any_code(site.output)


def _codes(site: Site, bias: str, requant: Requant, low: Array, high: Array) -> Map:
    """Codes of accumulators between `low` and `high`, before their bias."""
    offset = site.consts[bias].astype(np.int64)
    low, high = low + offset, high + offset
    with np.errstate(over="ignore"):
        a, b = (requantize(end, requant, site.consts) for end in (low, high))
    wild = _wild(np.maximum(abs(low), abs(high)), requant, site.consts)
    ends = (np.where(wild, requant.low, np.minimum(a, b)), np.where(wild, requant.high, np.maximum(a, b)))
    return Map(*(end.astype(site.output.dtype) for end in ends))


def _wild(largest: Array, requant: Requant, consts: Consts) -> Array:
    """Where an accumulator leaves int32, or grows so much when scaled that its shift may have wrapped."""
    grown = np.zeros_like(largest, bool)
    if requant.rounding in ("double", "single", "wide"):
        grown = largest * np.abs(consts[requant.scale]) >= SAFE
    return grown if requant.rounding == "wide" else grown | (largest > INT32.high)


def _depthwise_sums(op: Depthwise, site: Site, bounds: Map) -> tuple[Array, Array]:
    source, weights = site.inputs[0], site.consts[op.weights].astype(np.int64)
    low = high = np.zeros(site.output.shape, np.int64)
    sides = [
        op.window.gather(Rows(side), 0, site.output.height, source.height, source.zero_point) for side in bounds
    ]
    channel = np.arange(site.output.channels) * source.channels // site.output.channels
    for y, x in np.ndindex(op.window.kernel):
        ends = [
            (side[:, :, y, x].astype(np.int64) - source.zero_point)[..., channel] * weights[y, x] for side in sides
        ]
        low, high = low + np.minimum(*ends), high + np.maximum(*ends)
    return low, high


def _table(table: Array, bounds: Map) -> Map:
    """Least and greatest entry between two codes, from tables of all spans."""
    least, greatest = (np.zeros((len(table), len(table)), table.dtype) for _ in range(2))
    for first in range(len(table)):
        least[first, first:] = np.minimum.accumulate(table[first:])
        greatest[first, first:] = np.maximum.accumulate(table[first:])
    span = tuple(side.astype(np.int64) - INT8.low for side in bounds)
    return Map(least[span], greatest[span])


def _binary(op: Binary, site: Site, inputs: list[Map]) -> Map:
    """Monotone in each operand, or bilinear in both: the ends are among those of the four corners."""
    if op.kind == "squared_difference" or (op.rounding == "double" and _binary_may_wrap(op, site)):
        floor = np.full(site.output.shape, op.low, site.output.dtype)
        return Map(floor, np.full_like(floor, op.high))
    corners = [
        op.simulate(site, [Rows(side) for side in corner], 0, site.output.height) for corner in product(*inputs)
    ]
    return Map(np.minimum.reduce(corners), np.maximum.reduce(corners))


def _binary_may_wrap(op: Binary, site: Site) -> bool:
    (sa, _), (sb, _) = op.operands(site)
    span = site.output.qtype.span
    if op.kind == "mul":
        return span**2 * sa * sb / site.output.scale >= SAFE
    return span * 2 * max(sa, sb) / site.output.scale >= SAFE


def _rescale(op: Rescale, site: Site, bounds: Map) -> Map:
    """Monotone on each side of the zero point: its extremes lie at the ends, or around the zero point."""
    source = site.inputs[0]
    if source.qtype.span * max(op.positive, abs(op.negative)) >= SAFE:
        return Map(*(np.full(site.output.shape, end, site.output.dtype) for end in (op.low, op.high)))
    zero = source.zero_point
    codes = [*bounds, *(np.clip(around, *bounds) for around in (zero - 1, zero))]
    ends = [op.simulate(site, [Rows(code)], 0, site.output.height) for code in codes]
    return Map(np.minimum.reduce(ends), np.maximum.reduce(ends))


def _prelu(op: Prelu, site: Site, bounds: Map) -> Map:
    """Monotone on each side of the zero point: its extremes lie at the ends, or around the zero point."""
    zero = site.inputs[0].zero_point
    if INT8.span * max(1.0, INT8.span * op.scale) * site.inputs[0].scale / site.output.scale >= SAFE:
        return _any_code(site.output)
    codes = [*bounds, *(np.clip(around, *bounds).astype(np.int8) for around in (zero - 1, zero))]
    ends = [op.simulate(site, [Rows(code)], 0, site.output.height) for code in codes]
    return Map(np.minimum.reduce(ends), np.maximum.reduce(ends))


def _mean_may_wrap(op: Mean, site: Site) -> bool:
    source = op.source(site)
    return (
        op.rounding == "integer" and source.qtype.span * op.count(source) * source.scale / site.output.scale >= SAFE
    )
