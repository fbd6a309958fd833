"""The C forms in NumPy, bit for bit, wrap-around included."""

from __future__ import annotations

import numpy as np

from ircompile.kernels.requantize.form import Recipe
from ircompile.numerics import mbqm, mbqm_single, wrap_int32
from ircompile.tensor import Array


def evaluate(recipe: Recipe, acc_without_bias: Array) -> Array:
    """int8 codes that the C computes. acc_without_bias: int64 (..., C), the sum of products without any bias."""
    words = recipe.words.astype(np.int64)
    acc = wrap_int32(acc_without_bias + words[:, 0])
    form = recipe.form
    if form.name == "steps":
        return (form.low + _count(acc, words[:, 1:])).astype(np.int8)
    scaling = mbqm if form.name == "double" else mbqm_single
    scaled = wrap_int32(scaling(acc, words[:, 1], words[:, 2]) + int(recipe.common[0]))
    return np.clip(scaled, form.low, form.high).astype(np.int8)


def _count(acc: Array, thresholds: Array) -> Array:
    """How many thresholds (C, 255) each accumulator (..., C) reaches, by the C's binary search."""
    channel = np.arange(len(thresholds))
    position = np.zeros(acc.shape, np.int64)
    for step in (128, 64, 32, 16, 8, 4, 2, 1):
        position += np.where(thresholds[channel, position + step - 1] <= acc, step, 0)
    return position
