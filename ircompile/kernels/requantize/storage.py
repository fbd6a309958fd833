"""How a recipe's words are stored: fields of few bits share a word where that costs next to no instruction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, integers
from ircompile.kernels.requantize.form import BYTE, HALF, OFFSET_BITS, WORD, Form, Recipe, Storage

MASK = (1 << WORD) - 1


def with_starts(recipe: Recipe, starts: Array) -> Recipe:
    """The recipe for accumulators that start with these numbers, int64 (C,), modulo 2^32."""
    words = np.concatenate([wrap_int32(starts)[:, np.newaxis], recipe.words[:, 1:]], axis=1)
    return replace(recipe, words=words.astype(np.int32))


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
    if not form.parts or form.shared:
        return recipe
    shift, offset = (words[:, 1 + form.fields.index(name)] for name in ("shift", "offset"))
    return stored(recipe, "tied" if np.array_equal(offset & ((1 << BYTE) - 1), shift) else "halves")


def with_short_offsets(recipe: Recipe) -> Recipe:
    """The recipe with offsets of 16 bits, if they have no more, for streams."""
    serves = recipe.form.fields == ("multiplier", "offset") and _is_signed(integers(recipe.words[:, 2]), HALF)
    return stored(recipe, "short") if serves else recipe


def tail_words(form: Form, fields: Array) -> Array:
    """The words of some channels of a stream behind their weights: fields (C, k), C even, as `Form.tail` counts."""
    if form.storage != "short":
        return fields.reshape(-1)
    multipliers, offsets = fields[:, 0].reshape(-1, 2), fields[:, 1].reshape(-1, 2) & ((1 << HALF) - 1)
    return np.concatenate([multipliers, offsets[:, :1] | offsets[:, 1:] << HALF], axis=1).reshape(-1)


def stored(recipe: Recipe, storage: Storage) -> Recipe:
    """The recipe, to be stored so."""
    return replace(recipe, form=replace(recipe.form, storage=storage))


def channel_words(recipe: Recipe) -> Array:
    """The words of the channels as they are stored, int32 (C, fields_count)."""
    form = recipe.form
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
