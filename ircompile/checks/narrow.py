"""Constants of the depthwise kernels of narrow tensors, which may take some channels twice to have whole groups."""

from typing import cast

import numpy as np

from ircompile.checks.forms import words_of, words_of_lanes
from ircompile.checks.stored import WORD_BITS, Convolution, Layer, Misplaced, filters_of, layer_of, merged, signed
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import Form
from ircompile.kernels.requantize.lanes import Lanes

FOUR = 4
VECTOR = 16
HALF_BITS = 16


def read_taps(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Groups of four channels, the last first: sums, the first of an odd number of taps, pairs of taps, words.

    Where one channel or two are left, the last group may be one of two. Where weights are `shifted`, sums are 2^pre
    times their own.
    """
    channels, taps = filters_of(op, site).shape
    form, words = cast(Form, packed.form), packed.arrays["stream"].astype(np.int64)
    common, fields = len(form.common), form.fields_count - 1
    firsts = list(range(channels - FOUR, -1, -FOUR))
    sizes = [FOUR] * len(firsts)
    if firsts[-1]:
        firsts, sizes = [*firsts, 0], [*sizes, 2 if packed.key["pair"] else FOUR]
    lengths = [size * (1 + taps // 2 + fields) + size // 2 * (taps % 2) for size in sizes]
    if len(words) != common + sum(lengths) or firsts[-1] + sizes[-1] < (channels - 1) % FOUR + 1:
        raise Misplaced("its stream of constants has not the length that its kernel reads")
    groups = np.split(words[common:], np.cumsum(lengths)[:-1])
    found = [_group(group, size, taps, fields) for group, size in zip(groups, sizes, strict=True)]
    own, begin, values = (merged([parts[i] for parts in found], firsts, channels) for i in range(3))
    up = form.pre if packed.key["shifted"] else 0
    if np.any(own & ((1 << up) - 1)) or np.any(begin & ((1 << up) - 1)):
        raise Misplaced("a weight or a start is no multiple of what sums are multiplied with")
    layer = layer_of(own >> up, begin[:, 0] >> up, words_of(form, words[:common], values), packed)
    return Layer(layer.weights, layer.start, layer.words, np.full(channels, WORD_BITS - up), layer.excess)


def _group(words: Array, size: int, taps: int, fields: int) -> tuple[Array, Array, Array]:
    """Of each channel of a group: weights (size, taps), the start of its sum (size, 1), words (size, fields).

    The first of an odd number of taps has words of two channels: the first half of them, then the second.
    """
    odd = taps % 2
    parts = np.cumsum([size, size // 2 * odd, size * (taps // 2)])
    start, single, pairs, rest = np.split(words, parts)
    weights = np.zeros((size, taps), np.int64)
    if odd:
        weights[:, 0] = np.concatenate(_halves(single))
    low, high = _halves(pairs.reshape(taps // 2, size))
    weights[:, odd::2], weights[:, odd + 1 :: 2] = low.T, high.T
    return weights, start[:, np.newaxis], rest.reshape(size, fields)


def read_lanes(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Sixteen channels tap by tap, the last sixteen again where some are left; words as products are widened."""
    lanes, (channels, taps) = cast(Lanes, packed.key["lanes"]), filters_of(op, site).shape
    firsts = [*range(0, max(channels - VECTOR, 0) + 1, VECTOR)]
    firsts += [channels - VECTOR] if channels > VECTOR and channels % VECTOR else []
    stored = packed.arrays["weights"].reshape(-1, taps, VECTOR).astype(np.int64).transpose(0, 2, 1)
    rows = packed.arrays["requant"].astype(np.int64).reshape(-1, 2, 2, lanes.words, FOUR)
    rows = rows.transpose(0, 4, 2, 1, 3).reshape(-1, VECTOR, lanes.words)
    if len(stored) != len(firsts) or len(rows) != len(firsts):
        raise Misplaced("its vectors are not as many as its kernel reads")
    weights, words = merged(stored, firsts, channels), merged(rows, firsts, channels)
    return layer_of(
        weights, words[:, 0], words_of_lanes(lanes, words[:, 1:], packed.sizes.get("zero_out", 0)), packed
    )


def _halves(words: Array) -> tuple[Array, Array]:
    """The lower and the upper halfwords, signed."""
    return signed(words & 0xFFFF, HALF_BITS), signed(words >> HALF_BITS & 0xFFFF, HALF_BITS)
