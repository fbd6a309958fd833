"""The streams of constants that the DSP kernels of convolution read front to back: see `tile.dsp.c.j2`."""

from typing import cast

import numpy as np

from ircompile.checks.forms import Words, words_of
from ircompile.checks.stored import WORD_BITS, Layer, Misplaced, coding_of, filters_of, signed
from ircompile.ir.ops import Conv
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import Form
from ircompile.kernels.weights import WeightCoding
from ircompile.qtype import UINT8

LOW_WORD, LOW_HALF, LOW_NIBBLE = 0xFFFFFFFF, 0xFFFF, 0xF
LAST = 3  # of four channels of nibbles, the one whose nibble is signed


def read_stream(op: Conv, site: Site, packed: Packed) -> Layer:
    """Groups of four channels, then of two: sums to start from, weights step by step, requantization.

    Where these are not in `twos`, what is left over of four is the last four channels, some of them again. A pass
    is a part of the window; sums stand in the first one, requantization in the last.
    """
    outputs, taps = filters_of(op, site).shape
    numbers = _numbers(outputs, packed)
    channels = len(numbers)
    words = packed.arrays["stream"].astype(np.int64) & LOW_WORD
    form, coding = cast(Form, packed.form), coding_of(packed)
    run, each, passes, together, place = _runs(op, site, packed)
    _check_outside(site, words[:place])
    order = steps_of(run, each, together, site.inputs[0].itemsize)
    shared, place = words[place : place + len(form.common)], place + len(form.common)
    found = np.zeros((channels + channels % 2, taps + 1), np.int64)
    start = np.zeros(len(found), np.int64)
    fields = np.zeros((len(found), len(form.fields) if form.name != "steps" else form.fields_count - 1), np.int64)
    tail = 2 * fields.shape[1] if form.storage == "words" else 3  # words of two channels
    for number in range(passes):
        where = np.where(order < 0, -1, order + number * each * run)
        first = 0
        for size, count in ((4, channels // 4), (2, (channels % 4 + 1) // 2)):
            group = slice(first, first + size * count)
            weights = len(order) * size // _channels_a_word(coding)
            parts = (size * (number == 0), weights, tail * size // 2 * (number == passes - 1))
            block = words[place : place + sum(parts) * count].reshape(count, sum(parts))
            place, first = place + block.size, group.stop
            sums, tiles, rest = np.split(block, np.cumsum(parts)[:-1], axis=1)
            if number == 0:
                start[group] = sums.reshape(-1)
            if number == passes - 1 and tail:
                fields[group] = fields_of(rest.reshape(-1, tail), form).reshape(size * count, fields.shape[1])
            decoded = _decoded(tiles, size, len(order), coding).reshape(size * count, len(order), 2)
            if decoded[:, order < 0].any():
                raise Misplaced("a weight of no tap is not zero")
            found[group, where] = decoded
    excess = _excess(packed, coding, channels, len(found))
    if place != len(words):
        raise Misplaced("its stream of constants has not the length that its kernel reads")
    start, bits, fraction = _apart(start, coding, channels)
    shared, fields = signed(shared, WORD_BITS), signed(fields[:channels], WORD_BITS)
    filters = (found[:, :taps] + excess[:, np.newaxis])[:channels]
    requant = words_of(form, shared, fields)
    if form.storage == "pairs":
        requant = _with_seconds(requant, 8 if coding.pairs else 0, fraction[:channels])
    elif fraction.any():
        raise Misplaced("sums of channels in one word do not come apart")
    return Layer(filters, start[:channels], requant, bits[:channels], excess[:channels], numbers=numbers)


def _numbers(outputs: int, packed: Packed) -> Array:
    """Which channels a stream has, one after the other."""
    left = outputs % 4 if outputs > 4 and not packed.key["twos"] else 0
    again = np.arange(outputs - 4, outputs) if left else np.arange(0)
    return np.concatenate([np.arange(outputs - left), again])


def fields_of(pairs: Array, form: Form) -> Array:
    """What two channels' words are: fields of one, then of the other; or multipliers, and offsets as halves.

    Of "pairs" the second offset is the whole word.
    """
    if form.storage == "words":
        return pairs
    offsets = signed(np.stack([pairs[:, 2] & LOW_HALF, pairs[:, 2] >> 16], axis=1), 16)
    if form.storage == "pairs":
        offsets[:, 1] = pairs[:, 2]
    return np.stack([pairs[:, :2], offsets], axis=2)


def _with_seconds(words: Words, pre: int, fraction: Array) -> Words:
    """The words where every second channel's sum is taken times 2^pre, and its shift is as much more."""
    shift, second = cast(int, words.form.shift), np.arange(len(fraction)) % 2 == 1
    own = {
        "pre": np.where(second, pre, words.form.pre),
        "shift": np.where(second, shift + pre - words.form.pre, shift),
        "fraction": fraction,
    }
    return Words(words.form, {**words.values, **own})


def _check_outside(site: Site, words: Array) -> None:
    """The run that stands for what is outside of the picture has the input's zero point in every code."""
    source = site.inputs[0]
    each = WORD_BITS // (8 * source.itemsize)
    codes = signed(words[:, np.newaxis] >> (8 * source.itemsize * np.arange(each)), 8 * source.itemsize)
    if np.any(codes != source.zero_point):
        raise Misplaced("a code outside of the picture is not the input's zero point")


def _channels_a_word(coding: WeightCoding) -> int:
    """Of how many channels a word has weights: its halfwords, for two codes, have those of one, two or four."""
    return 1 if coding.wide else 4 if coding.nibbles else 2


def _runs(op: Conv, site: Site, packed: Packed) -> tuple[int, int, int, bool, int]:
    """Codes of a run, runs of a pass, passes, whether the rests of runs come last; words before the stream."""
    sizes, taps, source = packed.sizes, filters_of(op, site).shape[1], site.inputs[0]
    if "tap_width" in sizes:
        run, a_word = sizes["tap_width"] * source.channels, WORD_BITS // (8 * source.itemsize)
        each = sizes.get("runs", taps // run)
        return run, each, taps // run // each, False, -(-run // a_word)
    if "row_bytes" in sizes:
        run = op.window.kernel[1] * source.channels
        return run, taps // run, 1, True, 0
    return taps, 1, 1, False, 0


def steps_of(run: int, runs: int, together: bool, size: int) -> Array:
    """The two codes of each step, -1 for none.

    SXTB16 takes codes 0 and 2 of four bytes, then 1 and 3; codes of 16 bits are halfwords as they lie.
    """
    steps: list[tuple[int, int]] = []
    left: list[int] = []
    whole = run // 4 * 4 if size == 1 else 0
    for begin in range(0, runs * run, run):
        for four in range(begin, begin + whole, 4):
            steps += [(four, four + 2), (four + 1, four + 3)]
        left += range(begin + whole, begin + run)
        if not together or begin + run == runs * run:
            left += [-1] * (len(left) % 2)
            steps += zip(left[::2], left[1::2], strict=True)
            left = []
    steps += [(-1, -1)] * (len(steps) % 2)
    return np.array(steps, np.int64)


def _decoded(tiles: Array, size: int, steps: int, coding: WeightCoding) -> Array:
    """What products are with, (groups, size, steps, 2), out of the words of groups of `size` channels."""
    halves = np.stack([tiles & LOW_HALF, tiles >> 16], axis=-1)
    if coding.nibbles:
        return _nibbles(halves, size)
    halves = halves.reshape(len(tiles), steps, size // _channels_a_word(coding), 2).transpose(0, 2, 1, 3)
    if coding.wide:
        return signed(halves, 16)
    even = signed(halves & UINT8.high, 8)
    odd = (signed(halves, 16) - even) >> 8 if coding.pairs else signed(halves >> 8, 8)
    return np.stack([even, odd], axis=2).reshape(len(tiles), size, steps, 2)


def _nibbles(halves: Array, size: int) -> Array:
    """Of four channels a halfword's nibbles, the last one's signed; of two the lower byte's, then the upper's."""
    groups, words, _ = halves.shape
    if size == 2:
        halves = np.stack([halves & UINT8.high, halves >> 8], axis=2).reshape(groups, 2 * words, 2)
    nibbles = halves[:, np.newaxis] >> (4 * np.arange(size)).reshape(size, 1, 1) & LOW_NIBBLE
    if size == 4:
        nibbles[:, LAST] = signed(nibbles[:, LAST], 4)
    return nibbles


def _excess(packed: Packed, coding: WeightCoding, channels: int, count: int) -> Array:
    """What is added to each weight by way of the sum of all codes, (count,): nothing to a signed nibble."""
    excess = np.full(count, packed.sizes.get("excess", 0), np.int64)
    if coding.nibbles:
        excess[: channels // 4 * 4][LAST::4] = 0
    return excess


def _apart(start: Array, coding: WeightCoding, channels: int) -> tuple[Array, Array, Array]:
    """What each channel's own sum starts with, its bits, where sums of channels share words, and what is below one.

    A channel's sum, times 2^4 or 2^8 for each channel below it, stands beside the sums of these.
    """
    number = np.arange(len(start))
    place = number % np.where(number < channels // 4 * 4, 4, 2)
    beside = {WeightCoding.QUADS: place, WeightCoding.INT4: place % 2, WeightCoding.PAIRS: place % 2}.get(
        coding, place * 0
    )
    moved = beside * (8 if coding.pairs else 4)
    below = np.where(beside > 0, np.roll(start, 1), 0)
    own = (start - below) & LOW_WORD
    return own >> moved, WORD_BITS - moved, own & ((1 << moved) - 1)
