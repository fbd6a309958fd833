"""A layer as its kernel finds it in packed constants."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ircompile.checks.forms import Words, words_of
from ircompile.ir.ops import Conv, Depthwise, TransposeConv
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import Form
from ircompile.kernels.weights import WeightCoding
from ircompile.qtype import INT32, UINT8

Convolution = Conv | Depthwise | TransposeConv
WORD_BITS = 8 * INT32.bytes
LONG_BITS = 2 * WORD_BITS
NIBBLE_BITS = 4


class Misplaced(Exception):
    """Packed constants that cannot be what a kernel reads."""


@dataclass(frozen=True)
class Layer:
    """What a kernel reads of a layer, int64 arrays by output channel.

    weights  (C, taps) as `filters_of` has them, with what they are more than what is stored,
    start    (C,): what a sum begins with,
    words    its requantization,
    bits     (C,): how many a sum has until the other sums that share its word are taken away,
    excess   (C,): what the weights are more than those stored; so many times the sum of all codes is added later,
    raw      whether codes are multiplied as they are: what the zero point of the input adds is in `start` then,
    numbers  (C,): the channels that these are, some of them twice; None: all in their order.
    """

    weights: Array
    start: Array
    words: Words
    bits: Array
    excess: Array
    raw: bool = True
    numbers: Array | None = None

    @property
    def channels(self) -> Array:
        """The numbers of the channels."""
        return np.arange(len(self.weights)) if self.numbers is None else self.numbers


def filters_of(op: Convolution, site: Site) -> Array:
    """The graph's weights, int64 (C, taps)."""
    weights = site.consts[op.weights].astype(np.int64)
    weights = weights.transpose(2, 0, 1) if isinstance(op, Depthwise) else weights
    return np.asarray(weights.reshape(len(weights), -1))


def layer_of(stored: Array, start: Array, words: Words, packed: Packed, raw: bool = True) -> Layer:
    """A layer whose sums have words of their own, from its stored weights (C, taps)."""
    excess = np.full(len(stored), packed.sizes.get("excess", 0), np.int64)
    bits = np.full(len(stored), LONG_BITS if words.form.long else WORD_BITS)
    return Layer(stored + excess[:, np.newaxis], start, words, bits, excess, raw)


def words_in(packed: Packed, channels: int, array: str = "requant") -> tuple[Array, Words]:
    """Starts and words of the scalar forms: what is common, then channel after channel."""
    form = cast(Form, packed.form)
    words, common = packed.arrays[array].reshape(-1).astype(np.int64), len(form.common)
    if form.storage == "three halves":
        return _halves(form, words[:common], words[common:].reshape(channels, 3))
    own = words[common:].reshape(channels, form.fields_count)
    if form.long:
        start = (own[:, 0] & 0xFFFFFFFF) | own[:, 1] << WORD_BITS
        return start, words_of(form, words[:common], own[:, 2:])
    start, fields = _apart(form, own[:, 0], own[:, 1:])
    return start, words_of(form, words[:common], fields)


def _halves(form: Form, common: Array, halves: Array) -> tuple[Array, Words]:
    """Starts and scales of 16-bit words (C, 3), of which the third is the upper half of a start of 21 bits."""
    word = (halves[:, 0] & 0xFFFF) | (halves[:, 1] & 0xFFFF) << 16
    start, scale = start_and_scale(word, halves[:, 2])
    if form.quick:  # the word is the multiplier, a start's bits and all
        assert form.shift is not None
        near = 2 if not form.parts else 1 << (31 + form.parts - form.parts * form.limb)
        common = (common << form.shift) + (1 << (form.shift - 1)) + near // 2
        scale, start = word, halves[:, 2] << 3 | word & 7
    return start, words_of(form, common, scale[:, np.newaxis])


def start_and_scale(word: Array, above: Array) -> tuple[Array, Array]:
    """From words without a sign, 27 bits of scale above 2^-15 over 5 of the start, and the start's other bits."""
    return above << 5 | word & 0x1F, (word >> 5) + int(np.float32(2.0**-15).view(np.int32))


def _apart(form: Form, first: Array, rest: Array) -> tuple[Array, Array]:
    """Starts (C,) and fields (C, k) out of the words of channels, of which some have two or three of them."""
    if form.storage == "beside start":  # 21 bits over 11
        return first >> 11, np.insert(rest, form.fields.index("offset"), signed(first, 11), axis=1)
    if form.storage == "words":
        return first, rest
    # of the parts of a multiplier the last two share a word, the last one above the other; then comes the offset
    parts = form.parts
    if parts == 3 and form.limb <= 10:  # or all three are in one, the first on top
        thirds = (rest[:, :1] >> np.array([20, 10, 0])) & 0x3FF
        fields = np.concatenate([thirds, rest[:, 1:]], axis=1)
    else:
        halves = (rest[:, :1] >> np.array([0, 16])) & 0xFFFF
        fields = np.concatenate([rest[:, 1 : parts - 1], halves, rest[:, parts - 1 :]], axis=1)
    if form.storage == "tied":
        fields = np.insert(fields, parts + 1, fields[:, parts] & UINT8.high, axis=1)
    return first, fields


def coding_of(packed: Packed) -> WeightCoding:
    """How weights are stored; bytes where the kernel knows nothing else."""
    return cast(WeightCoding, packed.key.get("coding") or WeightCoding.INT8)


def signed(value: Array, bits: int) -> Array:
    """The number that the low bits are in two's complement."""
    half = 1 << (bits - 1)
    return ((value + half) & ((1 << bits) - 1)) - half


def nibbles_of(values: Array, count: int) -> Array:
    """The lowest `count` fours of bits of each integer, the lowest first, as numbers from -8 to 7: (..., count)."""
    return signed(values[..., np.newaxis] >> (NIBBLE_BITS * np.arange(count)), NIBBLE_BITS)


def merged(groups: Sequence[Array] | Array, firsts: Sequence[int], channels: int) -> Array:
    """What groups (n, k) say of channels from those in `firsts` on, int64 (C, k); twice, it is the same."""
    found = np.zeros((channels, groups[0].shape[1]), np.int64)
    for group, first in zip(groups, firsts, strict=True):
        found[first : first + len(group)] = group[: channels - first]
    for group, first in zip(groups, firsts, strict=True):
        if np.any(found[first : first + len(group)] != group[: channels - first]):
            raise Misplaced("a channel that is computed twice has two kinds of constants")
    return found
