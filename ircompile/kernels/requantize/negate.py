"""Requantization of an accumulator that a kernel has with the other sign."""

from dataclasses import replace

import numpy as np

from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.qtype import INT32


def can_negate(form: Form) -> bool:
    """Whether only the product of accumulator and multiplier counts, a multiplier for each channel."""
    return form.name == "float32" or (form.name == "high" and not form.kink and not form.shared)


def negated(recipe: Recipe, turn: Array) -> Recipe:
    """The recipe for accumulators of which those in `turn`, bool (C,), have the other sign: the codes are the same.

    (-a) * (-m) = a * m: the sign of the multiplier changes, that of a float32 by its top bit. The form is one that
    `can_negate`; no accumulator is -2^31.
    """
    words = recipe.words.astype(np.int64)
    names = ("bias", *recipe.form.fields)
    for index, name in enumerate(names):
        if name in ("bias", "multiplier") or name.startswith("exception"):
            words[turn, index] *= -1
        elif name == "scale":
            words[turn, index] ^= INT32.low
    return replace(recipe, words=wrap_int32(words).astype(np.int32))
