"""The interval rule of every op but the convolutions: bounds of its inputs' codes to bounds of its output's."""

from __future__ import annotations

from itertools import product as product_of

import numpy as np

from ircompile.analyses.borders import pixel_counts
from ircompile.ir.numerics import quantize_multiplier
from ircompile.ir.ops import (
    ArgMax,
    AveragePool,
    Binary,
    Concat,
    Copy,
    DepthToSpace,
    Extreme,
    Flip,
    MaxPool,
    Mean,
    Op,
    Pad,
    PixelTable,
    Prelu,
    Reshape,
    Resize,
    Slice,
    SpaceToDepth,
    Table,
    Transpose,
)
from ircompile.ir.tensor import Array, Rows, Site, Tensor
from ircompile.qtype import FLIP, INT8, UINT8

Range = tuple[Array, Array]


def full_range(tensor: Tensor) -> Range:
    """Every code of the tensor's type, in every channel."""
    low, high = tensor.qtype.range
    return np.full(tensor.channels, low, np.int64), np.full(tensor.channels, high, np.int64)


def codes_of(op: Op, site: Site, inputs: list[Range]) -> Range:
    """Bounds of the output's codes; the whole range for an op without a rule."""
    match op:
        case Table():
            return _table(site.consts[op.table], inputs[0])
        case PixelTable():
            tables = np.broadcast_to(site.consts[op.tables], (site.output.channels, UINT8.count)).astype(np.int64)
            return tables.min(axis=1), tables.max(axis=1)
        case MaxPool():
            return _max_pool(op, site, inputs[0])
        case AveragePool():
            return _average_pool(op, site, inputs[0])
        case Mean():
            return _mean(op, site, inputs[0])
        case Binary():
            return _binary(op, site, inputs)
        case Prelu():
            return _prelu(op, site, inputs[0])
        case Pad():
            return _pad(op, site, inputs[0])
        case Reshape() | Transpose() | DepthToSpace() | SpaceToDepth():
            return _moved(op, site, inputs[0])
        case Concat():
            return _concat(op, inputs)
        case Slice():
            first, count, stride = op.begin[2], op.shape[2], op.stride[2]
            low, high = (bound[first::stride][:count] for bound in inputs[0])
            return low, high
        case Extreme() | Resize() | Copy():  # each code is one of the map, or a rounded mean of some
            return inputs[0]
        case ArgMax():
            return np.zeros(1, np.int64), np.full(1, site.inputs[0].channels - 1, np.int64)
        case Flip():
            offset = -FLIP if site.output.qtype == INT8 else FLIP
            return inputs[0][0] + offset, inputs[0][1] + offset
        case _:
            return full_range(site.output)


def _hull(*arrays: Array) -> Range:
    """Least and greatest, channel by channel."""
    stack = np.stack(np.broadcast_arrays(*arrays)).astype(np.int64)
    return stack.min(axis=0), stack.max(axis=0)


def _table(entries: Array, codes: Range) -> Range:
    table = entries.astype(np.int64)
    spans = np.stack(codes, axis=1) - INT8.low
    distinct, place = np.unique(spans, axis=0, return_inverse=True)
    low = np.array([table[a : b + 1].min() for a, b in distinct])
    high = np.array([table[a : b + 1].max() for a, b in distinct])
    place = place.reshape(-1)
    return low[place], high[place]


def _max_pool(op: MaxPool, site: Site, codes: Range) -> Range:
    low, high = (np.clip(bound, op.low, op.high) for bound in codes)
    if pixel_counts(op.window, site.inputs[0]).min() == 0:  # a dilated window that sees padding alone
        low = np.minimum(low, max(INT8.low, op.low))
    return low, high


def _average_pool(op: AveragePool, site: Site, codes: Range) -> Range:
    counts = pixel_counts(op.window, site.inputs[0])
    if counts.min() == 0:
        return np.full_like(codes[0], op.low), np.full_like(codes[1], op.high)
    ends = [
        np.clip(op.divide(bound * count, np.asarray(count), site.inputs[0], site.output), op.low, op.high)
        for bound in codes
        for count in counts
    ]
    return _hull(*ends)


def _mean(op: Mean, site: Site, codes: Range) -> Range:
    source = op.source(site)
    count = op.count(source)
    if op.lookup is not None:
        codes = _table(site.consts[op.lookup.name], codes)
    low, high = _hull(*(op.finish(site, bound * count) for bound in codes))
    if op.rounding == "integer":
        largest = np.maximum(np.abs(codes[0] - source.zero_point), np.abs(codes[1] - source.zero_point))
        wraps = _shift_wraps(largest * count, op.multiplier(site)[1])
        low, high = np.where(wraps, op.low, low), np.where(wraps, op.high, high)
    return low, high


def _shift_wraps(largest: Array, shift: int) -> Array:
    """Whether mbqm's left shift of values up to `largest` can leave int32."""
    return largest.astype(np.float64) * 2.0 ** max(shift, 0) >= 2.0**31


def _binary(op: Binary, site: Site, inputs: list[Range]) -> Range:
    """Each kind is monotone in each operand, or bilinear: the extremes lie at corners."""
    ranges = list(inputs)
    if op.constant is not None:
        value = site.consts[op.constant.name].astype(np.int64)
        ranges.insert(0 if op.constant.first else 1, (value.min(axis=(0, 1)), value.max(axis=(0, 1))))
    low, high = _hull(*(op.combine(site, a, b) for a, b in product_of(*ranges)))
    if op.rounding == "double" and _binary_wraps(op, site):
        low, high = np.full_like(low, op.low), np.full_like(high, op.high)
    return (np.broadcast_to(low, site.output.channels), np.broadcast_to(high, site.output.channels))


def _binary_wraps(op: Binary, site: Site) -> bool:
    """Whether the requantization of an extreme sum or product shifts out of int32."""
    (sa, _), (sb, _) = op.operands(site)
    if op.kind == "mul":
        scale, largest = np.float64(sa) * np.float64(sb) / np.float64(site.output.scale), INT8.span**2
    else:
        scale, largest = np.float64(2.0 * max(sa, sb) / ((1 << 20) * site.output.scale)), INT8.span << 20
    return bool(_shift_wraps(np.asarray(largest), int(quantize_multiplier(scale)[1])))


def _prelu(op: Prelu, site: Site, codes: Range) -> Range:
    """Monotone on either side of the zero point, and on the negative side bilinear in code and slope."""
    source, target = site.inputs[0], site.output
    ratio = np.float64(source.scale) / np.float64(target.scale)
    product = np.float64(source.scale) * np.float64(op.scale) / np.float64(target.scale)
    for scale, largest in ((ratio, INT8.span), (product, INT8.span**2)):
        if _shift_wraps(np.asarray(largest), int(quantize_multiplier(scale)[1])):
            return full_range(target)
    alpha = site.consts[op.alpha].astype(np.int64)
    turns = [np.clip(source.zero_point + step, *codes) for step in (-1, 0)]
    slopes = alpha.min(axis=(0, 1)), alpha.max(axis=(0, 1))
    return _hull(*(op.combine(site, code, slope) for code, slope in product_of((*codes, *turns), slopes)))


def _concat(op: Concat, inputs: list[Range]) -> Range:
    lows, highs = ([codes[side] for codes in inputs] for side in (0, 1))
    if op.axis == 2:
        return np.concatenate(lows), np.concatenate(highs)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _pad(op: Pad, site: Site, codes: Range) -> Range:
    low, high = codes
    if any(op.before[:2]) or any(op.after[:2]):
        low, high = np.minimum(low, op.value), np.maximum(high, op.value)
    front, back = op.before[2], op.after[2]
    return tuple(np.pad(bound, (front, back), constant_values=op.value) for bound in (low, high))  # type: ignore[return-value]


def _moved(op: Reshape | Transpose | DepthToSpace | SpaceToDepth, site: Site, codes: Range) -> Range:
    """The op moves the bounds as it moves codes."""
    source = site.inputs[0]
    if isinstance(op, Transpose) and op.order[2] == 2:
        return codes
    if isinstance(op, Reshape) and op.shape[2] == source.channels:
        return codes
    maps = [Rows(np.broadcast_to(bound, source.shape)) for bound in codes]
    low, high = (op.simulate(site, [rows], 0, site.output.height) for rows in maps)
    return low.min(axis=(0, 1)), high.max(axis=(0, 1))
