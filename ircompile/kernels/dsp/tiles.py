"""Weights as the tiles of the DSP kernels read them: one stream a layer, front to back.

A step multiplies two codes of a pixel, as the halfwords of a word, with weights of four channels, or of the two
that are left over. A stream holds, for each such group of channels, the sums to start from, the weights of every
step and the words of requantization. The input's zero point is folded into the sums.

With PAIRS a halfword holds the weights of two channels, low + 256 * high. Its products sum to low's sum + 256 *
high's: one SXTB16 and one subtraction an output save an unpacking a weight. Exact where high's sum fits 24 bits.
With INT8 its bytes are the weights of two channels, both to be unpacked: exact for any, in 15 instructions where
PAIRS takes 12.

With QUADS a halfword holds weights of 4 bits of four channels; the lower three are 8 more than they are, so that
none borrows from the next. Its products sum to 1, 16, 256 and 4096 times the sums of the channels; without its
upper nibbles, one after the other, to those of fewer channels: a difference of two such sums is one channel's, and
8 times the sum of the codes is too much. Exact where sums fit 31, 27, 23 and 19 bits. With INT4 two channels are
taken apart at a time: 27 bits are enough.
"""

from collections.abc import Sequence

import numpy as np

from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, integers
from ircompile.kernels.requantize import Form, Recipe, tail_words
from ircompile.kernels.requantize.negate import can_negate
from ircompile.kernels.weights import WeightCoding, excess_of
from ircompile.qtype import INT4, INT8, INT16, UINT8

BITS = 4
PLACES = BITS * np.arange(4).reshape(4, 1, 1)
BASES = {
    WeightCoding.QUADS: INT4.count ** np.arange(4),
    WeightCoding.INT4: INT4.count ** (np.arange(4) % 2),
}  # how many times its own a channel's sum is

NIBBLES = (
    "A word of weights: halves of four nibbles, one of each channel, for two codes of a pixel; of two channels "
    "those of two turns."
)
CODINGS = {
    WeightCoding.INT8: "A word of weights: the bytes of each half are two channels, halves two codes of a pixel.",
    WeightCoding.INT16: "A word of weights: one channel, halves two codes of a pixel.",
    WeightCoding.PAIRS: "A word of weights: halves low + 256 * high of two channels, for two codes of a pixel; "
    "a high channel starts with 256 times its own start and the low one's.",
    WeightCoding.INT4: f"{NIBBLES} Every second channel starts with 16 times its own and that of the one before.",
    WeightCoding.QUADS: f"{NIBBLES} Channels start with 1, 16, 256, 4096 times their own and those before.",
}
"""What the comment above a stream says of the words of weights."""


def run_order(runs: Sequence[int], together: bool = False) -> Array:
    """Which codes each step takes, int64 (steps, 2), -1 for none; steps are even in number.

    runs      lengths of the runs of codes that are unpacked one after the other. SXTB16 takes codes 0 and 2 of a
              word, then 1 and 3; the last codes of a run stand in their order,
    together  or those of all runs at the end.
    """
    steps: list[tuple[int, int]] = []
    rest: list[int] = []
    first = 0
    for number, length in enumerate(runs):
        whole = first + length - length % 4
        for k in range(first, whole, 4):
            steps += [(k, k + 2), (k + 1, k + 3)]
        first += length
        rest += range(whole, first)
        if not together or number == len(runs) - 1:
            rest += [-1] * (len(rest) % 2)
            steps += zip(rest[::2], rest[1::2], strict=True)
            rest = []
    return np.array(steps + [(-1, -1)] * (len(steps) % 2), np.int64)


def pair_order(runs: Sequence[int]) -> Array:
    """The same for codes of 16 bits, which are halfwords already: neighbours of each run, as they lie."""
    steps: list[tuple[int, int]] = []
    first = 0
    for length in runs:
        steps += [(k, k + 1 if k + 1 < first + length else -1) for k in range(first, first + length, 2)]
        first += length
    return np.array(steps + [(-1, -1)] * (len(steps) % 2), np.int64)


def turned_in_pairs(weights: Array, recipe: Recipe, bias: Array, low: Array, high: Array) -> Array | None:
    """Which channels are to have the other sign, bool (C,), so that halfwords hold two channels each; else None.

    The sums of the high channels, every second one, must fit 24 bits. A halfword has no room for a high weight of
    -128 over a low one below zero; with the other sign, 128, there is room for it.

    weights (C, K) of 8 bits and one excess; low and high bound the accumulators with bias, int64 (C,).
    """
    excess = excess_of(weights, INT8)
    if excess is None:
        return None
    moved, beside = integers(recipe.words[:, 0]) - integers(bias), -INT8.low * abs(excess) * weights.shape[1]
    weights = integers(weights) - excess
    least, most = (low + moved - beside)[1::2], (high + moved + beside)[1::2]
    if least.min(initial=0) < -(2**23) or most.max(initial=0) >= 2**23:
        return None
    halves = integers(weights[: len(weights) // 2 * 2])
    lows, highs = halves[0::2], UINT8.count * halves[1::2]
    spills = (lows + highs).min(axis=1) < INT16.low
    if spills.any():
        others = (lows - highs)[spills]
        fits = (
            excess == 0
            and others.min() >= INT16.low
            and others.max() <= INT16.high
            and least[spills].min() > -(2**23)
        )
        if not (fits and can_negate(recipe.form)):
            return None
    turn = np.zeros(len(weights), bool)
    turn[1::2] = spills
    return turn


def stream_of(
    weights: Array, passes: Sequence[Array], zero_point: int, recipe: Recipe, coding: WeightCoding, excess: int = 0
) -> Array:
    """The stream of a layer, int32: weights (C, K) integers; steps, as from `run_order`, of each pass over all C.

    `excess` is what weights are more than what is stored of them: see `ircompile.kernels.weights.excess_of`.
    Sums to start from stand in the first pass only, words of requantization in the last.
    """
    flat = integers(weights)
    raised = recipe.form.beside > 0  # starts of second channels are times UINT8.count already
    folded = zero_point * flat.sum(axis=1)
    folded[1::2] *= UINT8.count if raised else 1
    sums = integers(recipe.words[:, 0]) - folded
    padded = np.concatenate([flat - excess, np.zeros((len(flat), 1), np.int64)], axis=1)
    parts = [integers(recipe.common).reshape(-1)]
    for number, order in enumerate(passes):
        first = 0
        while first < len(flat):
            count = 4 if first + 4 <= len(flat) else 2
            group = slice(first, min(first + count, len(flat)))
            missing = count - (group.stop - first)
            tile = np.pad(padded[group][:, order], ((0, missing), (0, 0), (0, 0)))
            start = np.pad(sums[group], (0, missing))
            fields = np.pad(integers(recipe.words[group, 1:]), ((0, missing), (0, 0)))
            if coding.nibbles:
                used = np.broadcast_to(order >= 0, tile.shape)
                tile, start = quads(tile, used, count), quad_starts(start, coding)
            if coding is WeightCoding.INT8:
                tile = (tile[0::2] & UINT8.high) | (tile[1::2] & UINT8.high) << 8
            if coding.pairs:
                tile = tile[0::2] + UINT8.count * tile[1::2]
                start[1::2] = (1 if raised else UINT8.count) * start[1::2] + start[0::2]
            words = ((tile[..., 0] & 0xFFFF) | (tile[..., 1] & 0xFFFF) << 16).T.reshape(-1)
            parts += (
                [start] * (number == 0) + [words] + [tail_words(recipe.form, fields)] * (number == len(passes) - 1)
            )
            first += count
    return wrap_int32(np.concatenate(parts)).astype(np.int32)


def quads(tile: Array, used: Array, count: int) -> Array:
    """Halfwords of four channels, int64 (1, steps, 2), or of two steps of two channels, int64 (1, steps / 2, 2).

    tile    weights of 4 bits, int64 (count, steps, 2),
    used    where there is a code: elsewhere a nibble is 0, whatever it is multiplied with.
    """
    signed = INT4.count - 1
    nibbles = np.where(used, tile - INT4.low, 0)
    if count == 4:
        nibbles[3] = tile[3] & signed
        return np.asarray((nibbles << PLACES).sum(axis=0, keepdims=True))
    both = nibbles[0] | nibbles[1] << BITS
    return np.asarray(both[0::2] | both[1::2] << 2 * BITS)[np.newaxis]


def quad_starts(start: Array, coding: WeightCoding) -> Array:
    """What the sums of `quads` start with, int64 (4,) or (2,): those of all channels that are in them."""
    factors = BASES[coding][: len(start)]
    sums = [(factors[: j + 1] * start[: j + 1])[alone(coding, j) :].sum() for j in range(len(start))]
    return np.array(sums, np.int64)


def alone(coding: WeightCoding, channel: int) -> int:
    """The first channel whose weights are in the sum of this one."""
    return channel // 2 * 2 if coding is WeightCoding.INT4 else 0


def coding_of_nibbles(weights: Array, recipe: Recipe, bias: Array, low: Array, high: Array) -> WeightCoding | None:
    """QUADS or INT4, whose sums fit; None where neither does.

    weights (C, K) of 4 bits; low and high bound the accumulators with bias, int64 (C,).
    """
    flat, moved = integers(weights), integers(recipe.words[:, 0]) - integers(bias)
    own = np.maximum(np.abs(low + moved), np.abs(high + moved))
    raised = np.abs(integers(recipe.words[:, 0])) - INT8.low * (flat - INT4.low).sum(axis=1)
    starts = np.abs(flat).sum(axis=1) * -INT8.low  # of a zero point
    most = np.where(np.arange(len(own)) % 4 == 3, own, raised + starts)
    for coding in (WeightCoding.QUADS, WeightCoding.INT4):
        factors = np.resize(BASES[coding], len(most))
        if np.all(most * factors < 2**31):
            return coding
    return None


def turns_of(order: Array) -> str:
    """Which codes of a pixel or of a window share a word, turn by turn, the middle of long ones left out."""
    told = [f"({', '.join(str(code) if code >= 0 else '-' for code in turn)})" for turn in order.tolist()]
    return " ".join(told if len(told) <= 6 else [*told[:4], "...", *told[-2:]])


def stream_layout(
    channels: int, passes: int, order: Array, form: Form, coding: WeightCoding, outside: int = 0
) -> str:
    """What the words of such a stream are, where `outside` words stand before it: ranges of words, in order.

    order   which codes each turn takes, as from `run_order`.
    """
    place, parts, steps = 0, list[str](), len(order)

    def add(words: int, what: str) -> None:
        nonlocal place
        parts.append(f"[{place}, {place + words}) {what}")
        place += words

    if outside:
        add(outside, "a run of codes outside of the picture")
    if form.common:
        add(len(form.common), f"{', '.join(form.common)} of all channels")
    for number in range(passes):
        for count, groups in ((4, channels // 4), (2, (channels % 4 + 1) // 2)):
            weights = steps * count // (1 if coding.wide else 4 if coding.nibbles else 2)
            told = [f"{count} starts of sums"] * (number == 0) + [f"{weights} words of weights, {steps} turns"]
            fields = f"{count} x ({', '.join(form.fields)})"
            if form.storage == "short":
                fields = f"{count // 2} x (two multipliers, their offsets as halves)"
            if form.storage == "pairs":
                fields = f"{count // 2} x (two multipliers, a word: the second offset; its lower half: the first)"
            told += [fields] * (number == passes - 1 and bool(form.fields))
            words = count * (number == 0) + weights + form.tail(count) * (number == passes - 1)
            if groups:
                of = f", part {number + 1} of {passes} of the window" if passes > 1 else ""
                add(groups * words, f"{count} channels at a time{of}, {words} words: {' + '.join(told)}")
    unused = " (-: its weight is 0, whatever stands in the patch)" if (order < 0).any() else ""
    return f"words {'; '.join(parts)}. {CODINGS[coding]} Codes of the turns{unused}: {turns_of(order)}."
