"""The C forms in NumPy, bit for bit, wrap-around included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.numerics import mbqm, mbqm_single, wrap_int32
from ircompile.tensor import Array

Wrap = Callable[[Array], Array]


def evaluate(recipe: Recipe, acc_without_bias: Array) -> Array:
    """int8 codes that the C computes. acc_without_bias: int64 (..., C), the sum of products without any bias."""
    return compute(recipe, acc_without_bias, wrap_int32)


def compute(recipe: Recipe, acc_without_bias: Array, wrap: Wrap) -> Array:
    """As `evaluate`, with every 32-bit intermediate passed through `wrap`."""
    form, words = recipe.form, recipe.words.astype(np.int64)
    acc = wrap(acc_without_bias + words[:, 0])
    if form.name == "steps":
        return (form.low + _count(acc, words[:, 1:])).astype(np.int8)
    value = dict(zip(form.common, recipe.common.astype(np.int64), strict=True))
    value |= dict(zip(form.fields, words[:, 1:].T, strict=True))
    if form.name == "high":
        return np.clip(_high(form, acc, value, wrap), form.low, form.high).astype(np.int8)
    scaling = mbqm if form.name == "double" else mbqm_single
    code = wrap(scaling(acc, value["multiplier"], value["shift"]) + value["zero_point"])
    return np.clip(code, form.low, form.high).astype(np.int8)


def _high(form: Form, acc: Array, value: dict[str, Array], wrap: Wrap) -> Array:
    x = wrap(acc << form.pre)
    product = x * value["multiplier"] + (2**31 if form.rounded else 0)
    total = wrap(value["offset"] + (product >> 32))
    if form.kink:
        total = wrap(total - (x < 0))
    return np.asarray(total >> (value["shift"] if form.shift is None else form.shift))


def _count(acc: Array, thresholds: Array) -> Array:
    """How many thresholds (C, 255) each accumulator (..., C) reaches, by the C's binary search."""
    channel = np.arange(len(thresholds))
    position = np.zeros(acc.shape, np.int64)
    for step in (128, 64, 32, 16, 8, 4, 2, 1):
        position += np.where(thresholds[channel, position + step - 1] <= acc, step, 0)
    return position
