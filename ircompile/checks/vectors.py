"""Constants of Helium's kernels: weights by vectors of 16 bytes, or of 8 halfwords, and words of requantization."""

from collections.abc import Mapping
from typing import Protocol, cast

import numpy as np

from ircompile.checks.forms import Words, words_of_lanes
from ircompile.checks.stored import (
    NIBBLE_BITS,
    WORD_BITS,
    Convolution,
    Layer,
    Misplaced,
    coding_of,
    filters_of,
    layer_of,
    merged,
    nibbles_of,
    signed,
    start_and_scale,
    words_in,
)
from ircompile.ir.ops import Conv, Depthwise
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import Form
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.qtype import INT8, INT16

VECTOR = 16  # bytes
HALFWORDS = 8  # of a vector
FOUR = 4
TOGETHER = (0, 2, 1, 3)  # the order of four channels in a pass


class WideLanes(Protocol):
    """What `kernels/helium_wide.j2` knows of a layer: clamp and zero point."""

    low: int
    high: int
    zero_point: int
    words: int


def _lanes(site: Site, packed: Packed, rows: Array, weights: Array, up: int = 0) -> Layer:
    """A vector kernel's layer out of its words (C, k), channel by channel; sums are 2^up times their own."""
    channels = site.output.channels
    rows = rows[:channels].astype(np.int64)
    start = rows[:, 0] >> up
    if np.any(start << up != rows[:, 0]):
        raise Misplaced("a sum does not start with a multiple of what its weights are multiplied with")
    layer = layer_of(weights[:channels], start, _words(packed, rows[:, 1:], channels), packed)
    return Layer(layer.weights, start, layer.words, np.full(channels, WORD_BITS - up), layer.excess)


def _words(packed: Packed, fields: Array, channels: int) -> Words:
    """Requantization as lanes do it: VQRDMULH alone for codes of 16 bits, else as the form says."""
    lanes = packed.key["lanes"]
    if isinstance(lanes, Lanes):
        if lanes.kind == "scalar":
            return words_in(packed, channels, "exact")[1]
        return words_of_lanes(lanes, fields, packed.sizes.get("zero_out", 0))
    wide = cast(WideLanes, lanes)
    form = Form("single", wide.low, wide.high, code=INT16)
    fixed = {"shift": np.asarray(0), "zero_point": np.asarray(wide.zero_point)}
    return Words(form, {"multiplier": fields[:, 0], **fixed})


def vector_dense(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Filters, or blocks: a vector of codes of each channel of a pass, then of them again, then what is left.

    With weights of 4 bits a byte has those of two channels of a pass, and sums 16 times their own.
    """
    channels, taps = filters_of(op, site).shape
    key = packed.key if "mode" in packed.key and "tile" in packed.key else packed.shared["dense"][1]
    stored: Array = packed.arrays["weights"].reshape(-1).astype(np.int64)
    rows = packed.arrays["requant"]
    words, nibbles = cast(WideLanes, packed.key["lanes"]).words, coding_of(packed).nibbles
    if key["mode"] == "channels":
        rows = rows.reshape(-1, words, FOUR).transpose(0, 2, 1)
    rows = rows.reshape(-1, words)
    if key["mode"] == "pixel":
        eights = rows.reshape(-1, words, FOUR).transpose(0, 2, 1).reshape(-1, words)
        rows = _by_channel(eights, channels, cast("tuple[int, ...]", key["group"]))
        return _lanes(site, packed, rows, stored.reshape(channels, taps))
    if key["mode"] == "resident":
        return _lanes(site, packed, rows, _resident(stored, channels, taps, nibbles))
    passes = _passes(key)
    size = sum(map(len, passes))
    groups, bytes_each = -(-channels // size), -(-size // 2) if nibbles else size
    blocks = stored.reshape(groups, bytes_each * taps)
    weights = _unblocked(blocks, passes, taps, nibbles, VECTOR // site.inputs[0].itemsize)
    weights = weights.reshape(-1, taps)
    if key["mode"] == "channels" and not key["rest"]:
        rows, weights = (_by_channel(values, channels, (0, 1, 2, 3)) for values in (rows, weights))
    return _lanes(site, packed, rows, weights, NIBBLE_BITS if nibbles else 0)


def vector_rows(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Four channels row by row of the window, each as in a pass of all four; or a single channel as it is."""
    taps, words = filters_of(op, site).shape[1], cast(Lanes, packed.key["lanes"]).words
    rows = packed.arrays["requant"].reshape(-1, words, FOUR).transpose(0, 2, 1).reshape(-1, words)
    stored: Array = packed.arrays["weights"].reshape(-1).astype(np.int64)
    if packed.key["single"]:
        return _lanes(site, packed, rows, stored.reshape(1, taps))
    height = cast(int, packed.key["height"])
    run = taps // height
    blocks = _unblocked(stored.reshape(-1, FOUR * run), (TOGETHER,), run, False, VECTOR)
    weights = blocks.reshape(-1, height, FOUR, run).transpose(0, 2, 1, 3)
    return _lanes(site, packed, rows, weights.reshape(-1, taps))


def vector_overlap(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Two channels 16 codes at a time: of these row by row of the window, tap by tap in the key's order."""
    height, taps = cast(Conv, op).window.kernel[0], cast("list[int]", packed.key["taps"])
    rows = packed.arrays["requant"].reshape(-1, cast(Lanes, packed.key["lanes"]).words)
    stored: Array = packed.arrays["weights"].astype(np.int64).reshape(-1, 2, VECTOR)
    stored = stored.reshape(site.output.channels // 2, -1, height, len(taps), 2, VECTOR).transpose(0, 4, 2, 3, 1, 5)
    weights = stored[:, :, :, np.argsort(taps)]
    return _lanes(site, packed, rows, weights.reshape(site.output.channels, -1))


def _by_channel(values: Array, channels: int, group: tuple[int, ...]) -> Array:
    """Values by channel, of groups in an order of theirs: the last group ends with the last channel, and counts."""
    rows = np.zeros((channels, values.shape[1]), values.dtype)
    for number, some in enumerate(values.reshape(-1, len(group), values.shape[1])):
        rows[min(number * len(group), channels - len(group)) + np.array(group)] = some
    return rows


def _unblocked(stored: Array, passes: tuple[tuple[int, ...], ...], taps: int, nibbles: bool, vector: int) -> Array:
    """Filters (groups, channels of a group, taps) out of the bytes (groups, n) of some passes."""
    weights = np.zeros((len(stored), sum(map(len, passes)), taps), np.int64)
    place = 0
    for channel, half, first, stop in _order(passes, taps, nibbles, vector):
        codes = stored[:, place : place + stop - first]
        weights[:, channel, first:stop] = nibbles_of(codes, 2)[..., half] if nibbles else codes
        place += 0 if nibbles and half == 0 and _has_second(passes, channel) else stop - first
    return weights


def _passes(key: Mapping[str, object]) -> tuple[tuple[int, ...], ...]:
    """The channels of each pass over a tile."""
    if key["mode"] == "pixels":
        return (tuple(range(cast(int, key["tile"]))),)
    return ((0, 2), (1, 3)) if cast(int, key["tile"]) > 1 else (TOGETHER,)


def _has_second(passes: tuple[tuple[int, ...], ...], channel: int) -> bool:
    """Whether another channel of its pass is in the upper halves of a channel's bytes."""
    some = next(some for some in passes if channel in some)
    return some.index(channel) + 1 < len(some)


def _order(
    passes: tuple[tuple[int, ...], ...], taps: int, nibbles: bool, vector: int
) -> list[tuple[int, int, int, int]]:
    """What stands one after the other: channel, half of a byte, first tap and the one behind the last."""
    whole = taps // vector * vector
    ends = [(first, first + vector) for first in range(0, whole, vector)] + [(whole, taps)] * (whole < taps)
    return [
        (channel, place % 2 if nibbles else 0, first, stop)
        for some in passes
        for first, stop in ends
        for place, channel in enumerate(some)
    ]


def _resident(stored: Array, channels: int, taps: int, nibbles: bool) -> Array:
    """Filters as they are, or two channels' in a byte; some bytes before them may be read, and are zero."""
    count = -(-channels // 2) if nibbles else channels
    if stored[: -count * taps].any():
        raise Misplaced("what stands before its weights is not zero")
    weights = stored[-count * taps :].reshape(count, taps)
    if nibbles:
        weights = nibbles_of(weights, 2).transpose(0, 2, 1).reshape(-1, taps)
    return np.asarray(weights)


def vector_channels(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Sixteen channels tap by tap; their words by halves of halves, as products are widened."""
    lanes, taps = cast(Lanes, packed.key["lanes"]), filters_of(op, site).shape[1]
    stored = packed.arrays["weights"].reshape(-1, taps, VECTOR).astype(np.int64)
    if packed.key["halves"]:
        block = packed.arrays["requant"].astype(np.int64)
        low, high = block[:, 16:] & 0xFFFF, block[:, 16:] >> 16
        above = np.stack([signed(low, 16), high], axis=2).reshape(-1, 2, 2, 4).transpose(0, 3, 2, 1)
        word = (block[:, :16] & 0xFFFFFFFF).reshape(-1, 2, 2, 4).transpose(0, 3, 2, 1)
        rows = np.stack(start_and_scale(word.reshape(-1), above.reshape(-1)), axis=1)
    else:
        rows = packed.arrays["requant"].reshape(-1, 2, 2, lanes.words, 4).transpose(0, 4, 2, 1, 3)
    return _lanes(site, packed, rows.reshape(-1, lanes.words), stored.transpose(0, 2, 1).reshape(-1, taps))


def vector_columns(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Four channels at a time, a word a column, and before them a word of zeros where two pixels share columns.

    As many channels as 16 do not divide come first; fours that reach over them have channels again.
    """
    lanes, channels = cast(Lanes, packed.key["lanes"]), site.output.channels
    height, width = cast(Depthwise, op).window.kernel
    before = FOUR if packed.key["shared"] else 0
    stored = packed.arrays["weights"].astype(np.int64)
    count = (len(stored) - before) // VECTOR
    stored, behind = stored[: count * VECTOR].reshape(count, FOUR, FOUR), stored[count * VECTOR :]
    taps = stored[:, before // FOUR :][:, :width, :height]
    if np.abs(stored).sum() != np.abs(taps).sum() or behind.any():
        raise Misplaced("what stands around the weights of a channel is not zero")
    rows = packed.arrays["requant"].reshape(-1, lanes.words, FOUR).transpose(0, 2, 1).reshape(-1, lanes.words)
    weights = taps.transpose(0, 2, 1).reshape(count, -1)
    rest = (channels - 1) % VECTOR + 1
    first = [*range(0, rest, FOUR), *range(rest, channels, FOUR)]
    weights, rows = (
        merged(values.reshape(-1, FOUR, values.shape[1]), first, channels) for values in (weights, rows)
    )
    return _lanes(site, packed, rows, weights)


def vector_strips(op: Convolution, site: Site, packed: Packed) -> Layer:
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


def wide_channels(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Eight channels tap by tap, the last eight again; words of even channels, then of odd ones."""
    channels, taps = filters_of(op, site).shape
    half = HALFWORDS // 2
    stored = packed.arrays["weights"].astype(np.int64).reshape(-1, taps, HALFWORDS).transpose(0, 2, 1)
    rows = packed.arrays["requant"].reshape(-1, 2, 2, half).transpose(0, 3, 1, 2).reshape(-1, HALFWORDS, 2)
    last, whole = channels - HALFWORDS, -(-channels // HALFWORDS)
    if packed.arrays["weights"].dtype != INT8.dtype or len(stored) != whole or len(rows) != whole:
        raise Misplaced("its vectors are not as many as its kernel reads, or not of bytes")
    first = [min(HALFWORDS * group, last) for group in range(whole)]
    weights, words = (merged(values, first, channels) for values in (stored, rows))
    return _lanes(site, packed, words, weights)
