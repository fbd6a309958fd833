"""How a recipe's words are stored: fields of few bits share a word where that costs next to no instruction."""

from dataclasses import replace

import numpy as np

from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, integers
from ircompile.kernels.requantize.form import (
    BYTE,
    HALF,
    LEAST_SCALE,
    MANTISSA_BITS,
    OFFSET_BITS,
    SCALE_BITS,
    WORD,
    Form,
    Recipe,
    Storage,
)

MASK = (1 << WORD) - 1


def with_starts(recipe: Recipe, starts: Array) -> Recipe:
    """The recipe for accumulators that start with these numbers, int64 (C,), modulo 2^32."""
    words = np.concatenate([wrap_int32(starts)[:, np.newaxis], recipe.words[:, 1:]], axis=1)
    return replace(recipe, words=words.astype(np.int32))


def take(recipe: Recipe, channels: Array) -> Recipe:
    """The recipe of these channels, by their numbers."""
    return replace(recipe, words=recipe.words[channels])


def beside_start(recipe: Recipe) -> Recipe:
    """The recipe with starts and offsets in one word, if all fit: for kernels that read them once a row."""
    form, words = recipe.form, integers(recipe.words)
    if "offset" not in form.fields or form.long:
        return recipe
    offset = words[:, 1 + form.fields.index("offset")]
    fits = _is_signed(offset, OFFSET_BITS) and _is_signed(words[:, 0], WORD - OFFSET_BITS)
    return stored(recipe, "beside start") if fits else recipe


def in_halves(recipe: Recipe) -> Recipe:
    """The recipe with parts of multipliers in halves of words; an offset that ends in the shift stands for both."""
    form, words = recipe.form, integers(recipe.words)
    if form.name != "split" or form.shared:
        return recipe
    shift, offset = (words[:, 1 + form.fields.index(name)] for name in ("shift", "offset"))
    return stored(recipe, "tied" if np.array_equal(offset & ((1 << BYTE) - 1), shift) else "halves")


def with_short_offsets(recipe: Recipe) -> Recipe:
    """The recipe with offsets of 16 bits, if they have no more, for streams."""
    serves = recipe.form.fields == ("multiplier", "offset") and _is_signed(integers(recipe.words[:, 2]), HALF)
    return stored(recipe, "short") if serves else recipe


def in_three_halves(recipe: Recipe) -> Recipe:
    """The recipe of float32 arithmetic with start and scale in 48 bits, if all fit."""
    serves = recipe.form.name == "float32" and _in_48_bits(recipe) is not None
    return stored(recipe, "three halves") if serves else recipe


def _in_48_bits(recipe: Recipe) -> tuple[Array, Array] | None:
    if not recipe.form.quick:
        return word_and_half(recipe.words)
    low, multiplier = recipe.form.low_bits, integers(recipe.words[:, 1])
    above, rest = np.divmod(multiplier, 1 << low)
    start = integers(recipe.words[:, 0])
    left_out = np.frexp(multiplier.astype(np.float64))[1] - MANTISSA_BITS  # bits that float32 does not take
    seen = (start & ((1 << low) - 1)) >> np.clip(left_out, 0, low)
    return None if np.any(rest) or np.any(seen) else _word_and_half(start, above, low)


def word_and_half(words: Array) -> tuple[Array, Array] | None:
    """Starts and scales (C, 2) as "three halves" has them, int32 (C,) and int16 (C,); None if any does not fit."""
    return _word_and_half(integers(words[:, 0]), integers(words[:, 1]) - LEAST_SCALE, WORD - SCALE_BITS)


def _word_and_half(start: Array, above: Array, low: int) -> tuple[Array, Array] | None:
    if not _is_signed(start, HALF + low) or np.any((above < 0) | (above >= 1 << (WORD - low))):
        return None
    word = above << low | start & ((1 << low) - 1)
    return wrap_int32(word).astype(np.int32), (start >> low).astype(np.int16)


def tail_words(form: Form, fields: Array) -> Array:
    """The words of some channels of a stream behind their weights: fields (C, k), C even, as `Form.tail` counts."""
    if form.storage not in ("short", "pairs"):
        return fields.reshape(-1)
    multipliers, offsets = fields[:, 0].reshape(-1, 2), fields[:, 1].reshape(-1, 2)
    upper = offsets[:, 1:] >> (HALF if form.storage == "pairs" else 0)
    word = offsets[:, :1] & ((1 << HALF) - 1) | upper << HALF
    return np.concatenate([multipliers, word], axis=1).reshape(-1)


def stored(recipe: Recipe, storage: Storage) -> Recipe:
    """The recipe, to be stored so."""
    return replace(recipe, form=replace(recipe.form, storage=storage))


def channel_words(recipe: Recipe) -> Array:
    """The words of the channels as they are stored, (C, fields_count): int32, of three halves int16."""
    form = recipe.form
    if form.storage == "three halves":
        parts = _in_48_bits(recipe)
        assert parts is not None
        return np.concatenate([parts[0][:, np.newaxis].view(np.int16), parts[1][:, np.newaxis]], axis=1)
    if form.storage == "words":
        return recipe.words
    found = np.zeros((len(recipe.words), form.fields_count), np.int64)
    start = integers(recipe.words[:, 0])
    found[:, 0] = start << OFFSET_BITS if form.storage == "beside start" else start
    for name, value in zip(form.fields, integers(recipe.words[:, 1:]).T, strict=True):
        word, bit, bits = form.places[name]
        found[:, word] |= (value & ((1 << bits) - 1)) << bit
    return wrap_int32(found & MASK).astype(np.int32)


def _is_signed(values: Array, bits: int) -> bool:
    """Whether all are numbers of so many bits, one of them a sign."""
    half = 1 << (bits - 1)
    return bool(np.all((values >= -half) & (values < half)))
