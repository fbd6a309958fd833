"""Reads weights and requantization back out of packed constants, in the order in which the kernels read them.

Nothing of what packs them is used. Each reader says how a template finds its constants; `READERS` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from ircompile.checks.forms import Words, words_of, words_of_lanes
from ircompile.ir.ops import Conv, Depthwise, TransposeConv
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import Form, Lanes
from ircompile.kernels.weights import WeightCoding
from ircompile.qtype import UINT8

Convolution = Conv | Depthwise | TransposeConv
VECTOR = 16
PAIRED_TAPS = ((0, 2), (3, 5), (6, 8), (1, 4))  # of a 3 x 3 filter: what one SMLAD multiplies; tap 7 stands alone


@dataclass(frozen=True)
class Layer:
    """What a kernel reads of a layer: int64 weights (C, taps) as `filters_of` has them, requantization, and sums.

    `start` (C,) begins each sum, of which the C has `bits` bits, (C,). `raw`: the zero point of the input is not
    subtracted from the codes; what it adds is in `start`.
    """

    weights: Array
    start: Array
    words: Words
    raw: bool
    bits: Array


class Misplaced(Exception):
    """Packed constants that cannot be what a kernel reads."""


def filters_of(op: Convolution, site: Site) -> Array:
    """The graph's weights, int64 (C, taps)."""
    weights = site.consts[op.weights].astype(np.int64)
    weights = weights.transpose(2, 0, 1) if isinstance(op, Depthwise) else weights
    return np.asarray(weights.reshape(len(weights), -1))


def read_layer(template: str, op: Convolution, site: Site, packed: Packed) -> Layer:
    """The layer that the kernel of a template finds in its constants. Raises Misplaced."""
    return READERS[template](op, site, packed)


def readable(template: str, op: Convolution, site: Site, packed: Packed) -> bool:
    """Whether a reader knows how these weights are stored: as bytes, as halfwords, or as pairs of channels."""
    coding, kind = packed.key.get("coding", WeightCoding.INT8), site.consts[op.weights].dtype
    known = coding is WeightCoding.INT16 or (coding in (WeightCoding.INT8, WeightCoding.PAIRS) and kind == np.int8)
    return template in READERS and known


def _requant(packed: Packed, channels: int, array: str = "requant") -> tuple[Array, Words]:
    """Starts and words, of the scalar forms: what is common, then channel after channel."""
    form = cast(Form, packed.form)
    words, common = packed.arrays[array].reshape(-1).astype(np.int64), len(form.common)
    own = words[common:].reshape(channels, form.fields_count)
    return own[:, 0], words_of(form, words[:common], own[:, 1:])


def _simple(op: Convolution, site: Site, packed: Packed, order: Array | None = None, raw: bool = True) -> Layer:
    """Filter after filter, its taps in their order or another one; behind them what is read over."""
    channels = site.output.channels
    taps = filters_of(op, site).shape[1]
    stored = packed.arrays["weights"].reshape(-1).astype(np.int64)
    if stored[channels * taps :].any():
        raise Misplaced("what stands behind its weights is not zero")
    weights: Array = stored[: channels * taps].reshape(channels, taps)
    if order is not None:
        weights = weights[:, np.argsort(order)]
    start, words = _requant(packed, channels)
    return Layer(weights, start, words, raw, np.full(channels, 32))


def _dense(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Filters as they are, or a stream of the DSP kernels."""
    return _stream(cast(Conv, op), site, packed) if "stream" in packed.arrays else _simple(op, site, packed)


def _strip(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Taps of a row; where weights are halfwords, those that one multiplication takes stand side by side."""
    height, width = filters_of(op, site).shape[1] // _width(op), _width(op)
    order = np.arange(height * width)
    if _coding(packed).wide:
        row = [g + i for g in range(0, width, 4) for i in _halves(min(width - g, 4))]
        order = (np.arange(height)[:, np.newaxis] * width + row).reshape(-1)
    return _simple(op, site, packed, order)


def _halves(count: int) -> list[int]:
    """Up to four taps as pairs (0, 2), (1, 3)."""
    return [i for i in (0, 2, 1, 3) if i < count] if count > 2 else list(range(count))


def _three_by_three(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Pairs of taps as halfwords; as bytes two pairs a word, the second in the odd bytes."""
    first, second, third, fourth = PAIRED_TAPS
    order = [*first, *second, *third, *fourth, 7]
    if not _coding(packed).wide:
        order = [first[0], second[0], first[1], second[1], third[0], fourth[0], third[1], fourth[1], 7]
    return _simple(op, site, packed, np.array(order))


def _transposed(op: Convolution, site: Site, packed: Packed) -> Layer:
    return _simple(op, site, packed, raw=False)


def _width(op: Convolution) -> int:
    return cast(Depthwise, op).window.kernel[1]


def _coding(packed: Packed) -> WeightCoding:
    return cast(WeightCoding, packed.key["coding"])


def _stream(op: Conv, site: Site, packed: Packed) -> Layer:
    """Groups of four channels, then of two: sums to start from, weights step by step, requantization.

    A pass is a part of the window; sums stand in the first one, requantization in the last.
    """
    channels, taps = filters_of(op, site).shape
    words = packed.arrays["stream"].astype(np.int64) & 0xFFFFFFFF
    form, coding = cast(Form, packed.form), _coding(packed)
    run, each, passes, together, place = _runs(op, site, packed)
    order, common = _steps(run, each, together), len(form.common)
    shared, place = words[place : place + common], place + common
    found = np.zeros((channels + channels % 2, taps + 1), np.int64)
    start = np.zeros(len(found), np.int64)
    fields = np.zeros((len(found), form.fields_count - 1), np.int64)
    for number in range(passes):
        where = np.where(order < 0, -1, order + number * each * run)
        first = 0
        for size, count in ((4, channels // 4), (2, (channels % 4 + 1) // 2)):
            group = slice(first, first + size * count)
            wide = size if coding.wide else size // 2
            parts = (size * (number == 0), len(order) * wide, fields.shape[1] * size * (number == passes - 1))
            block = words[place : place + sum(parts) * count].reshape(count, sum(parts))
            place, first = place + block.size, group.stop
            sums, tiles, rest = np.split(block, np.cumsum(parts)[:-1], axis=1)
            if number == 0:
                start[group] = sums.reshape(-1)
            if number == passes - 1:
                fields[group] = rest.reshape(size * count, fields.shape[1])
            decoded = _decoded(tiles.reshape(count, len(order), wide), coding).reshape(size * count, len(order), 2)
            if decoded[:, order < 0].any():
                raise Misplaced("a weight of no tap is not zero")
            found[group, where] = decoded
    if place != len(words) or found[channels:].any():
        raise Misplaced("its stream of constants has not the length, or the zeros, that its kernel reads")
    bits = np.full(len(found), 32)
    if coding.pairs:
        apart = (start[1::2] - start[0::2]) & 0xFFFFFFFF
        if np.any(apart & UINT8.high):
            raise Misplaced("sums of two channels in one do not come apart")
        start[1::2], bits[1::2] = apart >> 8, 24
    shared, fields = _signed(shared, 32), _signed(fields[:channels], 32)
    return Layer(found[:channels, :taps], start[:channels], words_of(form, shared, fields), True, bits[:channels])


def _runs(op: Conv, site: Site, packed: Packed) -> tuple[int, int, int, bool, int]:
    """Codes of a run, runs of a pass, passes, whether the rests of runs come last; words before the stream."""
    sizes, taps, inner = packed.sizes, filters_of(op, site).shape[1], site.inputs[0].channels
    if "tap_width" in sizes:
        run = sizes["tap_width"] * inner
        each = sizes.get("runs", taps // run)
        return run, each, taps // run // each, False, (run + 3) // 4
    if "row_bytes" in sizes:
        run = op.window.kernel[1] * inner
        return run, taps // run, 1, True, 0
    return taps, 1, 1, False, 0


def _steps(run: int, runs: int, together: bool) -> Array:
    """The two codes of each step, -1 for none: SXTB16 takes codes 0 and 2 of four, then 1 and 3."""
    steps: list[tuple[int, int]] = []
    left: list[int] = []
    for begin in range(0, runs * run, run):
        for four in range(begin, begin + run // 4 * 4, 4):
            steps += [(four, four + 2), (four + 1, four + 3)]
        left += range(begin + run // 4 * 4, begin + run)
        if not together or begin + run == runs * run:
            left += [-1] * (len(left) % 2)
            steps += zip(left[::2], left[1::2], strict=True)
            left = []
    steps += [(-1, -1)] * (len(steps) % 2)
    return np.array(steps, np.int64)


def _decoded(tiles: Array, coding: WeightCoding) -> Array:
    """Weights (groups, channels, steps, 2) out of words (groups, steps, words of a step)."""
    halves = np.stack([tiles & 0xFFFF, tiles >> 16], axis=-1).transpose(0, 2, 1, 3)
    if coding.wide:
        return _signed(halves, 16)
    even = _signed(halves & UINT8.high, 8)
    odd = (_signed(halves, 16) - even) >> 8 if coding.pairs else _signed(halves >> 8, 8)
    groups, words, steps, two = halves.shape
    return np.stack([even, odd], axis=2).reshape(groups, 2 * words, steps, two)


def _signed(value: Array, bits: int) -> Array:
    """The number that the low bits are in two's complement."""
    half = 1 << (bits - 1)
    return ((value + half) & ((1 << bits) - 1)) - half


def _lanes(site: Site, packed: Packed, rows: Array, weights: Array) -> Layer:
    """A vector kernel's layer out of its words, channel by channel."""
    lanes, channels = cast(Lanes, packed.key["lanes"]), site.output.channels
    rows = rows[:channels].astype(np.int64)
    words = words_of_lanes(lanes, rows[:, 1:], packed.sizes.get("zero_out", 0)) if lanes.kind != "scalar" else None
    words = words or _requant(packed, channels, "exact")[1]
    return Layer(weights[:channels], rows[:, 0], words, True, np.full(channels, 32))


def _vector_dense(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Filters, or blocks of some: 16 codes of each channel of a pass, then of them again, then what is left."""
    channels, taps = filters_of(op, site).shape
    key = packed.key if "mode" in packed.key and "tile" in packed.key else packed.shared["dense"][1]
    stored, tile, count = packed.arrays["weights"].reshape(-1).astype(np.int64), cast(int, key["tile"]), channels
    lanes = cast(Lanes, packed.key["lanes"])
    rows = packed.arrays["requant"]
    if key["mode"] == "resident":
        weights = stored[-channels * taps :].reshape(channels, taps)
    else:
        passes: tuple[tuple[int, ...], ...] = ((0, 2), (1, 3)) if tile > 1 else ((0, 2, 1, 3),)
        passes = (tuple(range(tile)),) if key["mode"] == "pixels" else passes
        size = sum(map(len, passes))
        count = -(-channels // size) * size
        whole = taps // VECTOR * VECTOR
        order = [
            channel * taps + np.arange(first, min(first + VECTOR, whole) if first < whole else taps)
            for some in passes
            for first in range(0, taps, VECTOR)
            for channel in some
        ]
        block = np.concatenate(order)
        weights = np.empty((count // size, size * taps), np.int64)
        weights[:, block] = stored.reshape(count // size, size * taps)
        weights = weights.reshape(count, taps)
    if key["mode"] == "channels":
        rows = rows.reshape(-1, lanes.words, 4).transpose(0, 2, 1)
    return _lanes(site, packed, rows.reshape(-1, lanes.words), weights)


def _vector_channels(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Sixteen channels tap by tap; their words by halves of halves, as products are widened."""
    lanes, taps = cast(Lanes, packed.key["lanes"]), filters_of(op, site).shape[1]
    stored = packed.arrays["weights"].reshape(-1, taps, VECTOR).astype(np.int64)
    rows = packed.arrays["requant"].reshape(-1, 2, 2, lanes.words, 4).transpose(0, 4, 2, 1, 3)
    return _lanes(site, packed, rows.reshape(-1, lanes.words), stored.transpose(0, 2, 1).reshape(-1, taps))


def _vector_strips(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Four rows of a window column by column, as often as there are more than one left; then a last row."""
    lanes, channels = cast(Lanes, packed.key["lanes"]), site.output.channels
    height, width = cast(Depthwise, op).window.kernel
    size, fours = cast(int, packed.key["filter_bytes"]), cast(int, packed.key["quads"])
    spare = 4 if packed.key["shared"] else 0
    stored = packed.arrays["weights"].astype(np.int64)[spare : spare + channels * size].reshape(channels, size)
    weights = np.zeros((channels, height, width), np.int64)
    for place in range(size):
        inside = place < 4 * width * fours
        row = place // (4 * width) * 4 + place % 4 if inside else 4 * fours + (place - 4 * width * fours) // width
        column = place % (4 * width) // 4 if inside else (place - 4 * width * fours) % width
        if row < height:
            weights[:, row, column] = stored[:, place]
        elif stored[:, place].any():
            raise Misplaced("a row that its window has not is not zero")
    return _lanes(site, packed, packed.arrays["requant"].reshape(-1, lanes.words), weights.reshape(channels, -1))


READERS: Mapping[str, Callable[[Convolution, Site, Packed], Layer]] = {
    "fully_connected": _dense,
    "pointwise": _dense,
    "stem": _dense,
    "conv": _dense,
    "depthwise": _simple,
    "depthwise_strip": _strip,
    "depthwise_3x3": _three_by_three,
    "depthwise_narrow": _three_by_three,
    "transpose_conv": _transposed,
    "dense": _vector_dense,
    "dense_windows": _vector_dense,
    "depthwise_channels": _vector_channels,
    "depthwise_strips": _vector_strips,
}
