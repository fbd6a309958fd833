"""The streams of constants of convolutions by Winograd's F(2, 3): see `winograd.dsp.c.j2`.

The kernel makes twice an output of a row of taps g0, g1, g2 of four products, whose weights are stored:

    w1 = g0 + g1 + g2,   w2 = g0 - g1 + g2,   w0 = 2 g0,   w3 = -2 g2

So the taps are w0 / 2, (w1 - w2) / 2 and -w3 / 2, and w1 + w2 is what w0 - w3 is.
"""

from typing import cast

import numpy as np

from ircompile.checks.forms import words_of
from ircompile.checks.stored import WORD_BITS, Layer, Misplaced, filters_of, signed
from ircompile.checks.streams import LOW_HALF, LOW_WORD, fields_of, steps_of
from ircompile.ir.ops import Conv
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import Form

PRODUCTS, EARLY, FOUR = 4, 3, 4


def read_winograd(op: Conv, site: Site, packed: Packed) -> Layer:
    """Requantization of all channels; sums and three products of four at a time; then the fourth product."""
    outputs, rows, depth = len(filters_of(op, site)), op.window.kernel[0], site.inputs[0].channels
    words = packed.arrays["stream"].astype(np.int64) & LOW_WORD
    form = cast(Form, packed.form)
    order = steps_of(depth, rows, False, 1)
    if op.window.kernel[1] != 3 or op.window.stride != (1, 1) or op.window.dilation != (1, 1) or outputs % FOUR:
        raise Misplaced("its kernel computes 3 x 3 windows side by side, four channels at a time")
    count = len(form.fields) if form.name != "steps" else form.fields_count - 1
    tail, each = 2 * count if form.storage == "words" else 3, FOUR * len(order)
    sizes = (len(form.common), tail * outputs // 2, outputs // FOUR * (FOUR + EARLY * each), outputs // FOUR * each)
    if sum(sizes) != len(words):
        raise Misplaced("its stream of constants has not the length that its kernel reads")
    common, requant, early, late = np.split(words, np.cumsum(sizes)[:-1])
    fields = np.zeros((outputs, count), np.int64)
    if tail:
        fields = fields_of(requant.reshape(-1, tail), form).reshape(outputs, count)
    blocks = early.reshape(-1, FOUR + EARLY * each)
    start, products = blocks[:, :FOUR].reshape(-1), blocks[:, FOUR:].reshape(-1, EARLY, each)
    products = np.concatenate([products, late.reshape(-1, 1, each)], axis=1)
    _check_scratch(site, packed)
    if np.any(start & 1):
        raise Misplaced("a sum to start from is not twice a number")
    filters = _filters(products, order, rows * depth).reshape(outputs, rows, depth, 3).transpose(0, 1, 3, 2)
    read = words_of(form, signed(common, WORD_BITS), signed(fields, WORD_BITS))
    bits, none = np.full(outputs, WORD_BITS - 1), np.zeros(outputs, np.int64)
    return Layer(filters.reshape(outputs, -1), start >> 1, read, bits, none)


def _filters(words: Array, order: Array, count: int) -> Array:
    """Three taps of each code of a column, (C, count, 3), of words of products (C / 4, 4, turns x 4)."""
    halves = signed(np.stack([words & LOW_HALF, words >> 16], axis=-1), 16)
    halves = halves.reshape(len(words), PRODUCTS, len(order), FOUR, 2).transpose(1, 0, 3, 2, 4)
    found = np.zeros((PRODUCTS, len(words) * FOUR, count), np.int64)
    found[..., order.reshape(-1)] = halves.reshape(PRODUCTS, -1, 2 * len(order))
    w1, w2, w0, w3 = found
    if np.any(w1 + w2 != w0 - w3) or np.any(found[2:] & 1):
        raise Misplaced("weights of four products are not those of three taps")
    return np.stack([w0 >> 1, (w1 - w2) >> 1, -w3 >> 1], axis=-1)


def _check_scratch(site: Site, packed: Packed) -> None:
    """Sums and codes at a border lie where the patch's codes are not yet, or have been read."""
    outputs, depth, before = site.output.channels, site.inputs[0].channels, FOUR * packed.sizes["patch_at"]
    if before < max(8 * outputs - 32, 5 * depth):
        raise Misplaced("what lies before the patch has no room")


def check_scratch(site: Site, packed: Packed, room: int) -> None:
    """The patch, of three products' words at a time, ends within the scratch that the plan has for it."""
    rows, tiles = 3, 2
    if FOUR * packed.sizes["patch_at"] + EARLY * rows * tiles * 2 * site.inputs[0].channels > room:
        raise Misplaced("the patch does not fit the scratch")
