"""Constants of the depthwise kernels of narrow tensors, which may take some channels twice to have whole groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from ircompile.checks.forms import words_of, words_of_lanes
from ircompile.checks.stored import WORD_BITS, Convolution, Layer, Misplaced, filters_of, layer_of, signed
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import Form, Lanes

FOUR = 4
VECTOR = 16
HALF_BITS = 16


def read_taps(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Groups of four channels, the last first: sums, the first of an odd number of taps, pairs of taps, words.

    Where weights are `shifted`, sums are 2^pre times their own.
    """
    channels, taps = filters_of(op, site).shape
    form, words = cast(Form, packed.form), packed.arrays["stream"].astype(np.int64)
    common, fields, odd = len(form.common), form.fields_count - 1, taps % 2
    firsts = list(range(channels - FOUR, -1, -FOUR))
    firsts += [0] if firsts[-1] else []
    parts = np.cumsum([FOUR, 2 * odd, FOUR * (taps // 2)])
    if len(words) != common + len(firsts) * (parts[-1] + FOUR * fields):
        raise Misplaced("its stream of constants has not the length that its kernel reads")
    start, single, pairs, rest = np.split(words[common:].reshape(len(firsts), -1), parts, axis=1)
    weights = np.zeros((len(firsts), FOUR, taps), np.int64)
    if odd:
        weights[:, :2, 0], weights[:, 2:, 0] = _halves(single)
    low, high = _halves(pairs.reshape(len(firsts), taps // 2, FOUR))
    weights[:, :, odd::2], weights[:, :, odd + 1 :: 2] = low.transpose(0, 2, 1), high.transpose(0, 2, 1)
    up = form.pre if packed.key["shifted"] else 0
    own, begin = _merged(weights, firsts, channels), _merged(start[..., np.newaxis], firsts, channels)[:, 0]
    if np.any(own & ((1 << up) - 1)) or np.any(begin & ((1 << up) - 1)):
        raise Misplaced("a weight or a start is no multiple of what sums are multiplied with")
    values = _merged(rest.reshape(len(firsts), FOUR, fields), firsts, channels)
    layer = layer_of(own >> up, begin >> up, words_of(form, words[:common], values), packed)
    return Layer(layer.weights, layer.start, layer.words, np.full(channels, WORD_BITS - up), layer.excess)


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
    weights, words = _merged(stored, firsts, channels), _merged(rows, firsts, channels)
    return layer_of(
        weights, words[:, 0], words_of_lanes(lanes, words[:, 1:], packed.sizes.get("zero_out", 0)), packed
    )


def _halves(words: Array) -> tuple[Array, Array]:
    """The lower and the upper halfwords, signed."""
    return signed(words & 0xFFFF, HALF_BITS), signed(words >> HALF_BITS & 0xFFFF, HALF_BITS)


def _merged(groups: Array, firsts: Sequence[int], channels: int) -> Array:
    """What groups (G, n, k) say of channels from those in `firsts` on, int64 (C, k); twice, it is the same."""
    found = np.zeros((channels, groups.shape[2]), np.int64)
    for group, first in zip(groups, firsts, strict=True):
        found[first : first + len(group)] = group[: channels - first]
    for group, first in zip(groups, firsts, strict=True):
        if np.any(found[first : first + len(group)] != group[: channels - first]):
            raise Misplaced("a channel that is computed twice has two kinds of constants")
    return found
