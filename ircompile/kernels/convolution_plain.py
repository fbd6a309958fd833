"""Convolution in portable C: two pixels in one product where that is exact."""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Site, integers
from ircompile.kernels.convolution_geometry import flattened, single_pixels, sizes_of
from ircompile.kernels.dsp.shared_tiles import Shared
from ircompile.kernels.model import Context, Packed, requant_words
from ircompile.kernels.narrow import column_key
from ircompile.kernels.nibbles import PER_WORD, words_of
from ircompile.kernels.requantize import beside_start, in_halves, with_starts
from ircompile.kernels.weights import excess_in, least_coding, natural_coding
from ircompile.kernels.windows import is_point
from ircompile.qtype import INT8, UINT8

TOGETHER = 24  # products with weights of 4 bits that the halves of a word have room for, in whole words of them


def packed_codes(op: ops.Conv, site: Site, nibbles: bool = False) -> int:
    """Codes of a pixel, up to whole words of weights, of the portable kernel that multiplies two pixels at once.

    0 where it is not exact: two products with neighbouring weights of a channel must sum to int16 for all codes.
    """
    weights = site.consts[op.weights]
    if nibbles:
        return -(-int(weights[0].size) // PER_WORD) * PER_WORD
    coding = least_coding(weights)
    rows = np.abs(integers(weights) - excess_in(weights, coding)).reshape(len(weights), -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    fits = site.inputs[0].itemsize == 1 and not coding.wide
    fits = fits and (rows[:, ::2] + rows[:, 1::2]).max() <= UINT8.high
    return rows.shape[1] if fits else 0


def pack_conv(op: ops.Conv, site: Site, context: Context) -> Packed:
    """For the portable kernels: weights as they are, and words of requantization."""
    if context.kernel.call == "map":
        op, site = flattened(op, site)
    weights, recipe = site.consts[op.weights], context.recipe(op, site)
    flat = integers(weights).reshape(len(weights), -1)
    starts = integers(recipe.words[:, 0]) - site.inputs[0].zero_point * flat.sum(axis=1)
    most = int((np.abs(starts) - site.inputs[0].qtype.low * np.abs(flat).sum(axis=1)).max())
    recipe = in_halves(with_starts(recipe, starts))
    kernel, sizes = context.kernel, sizes_of(op, site, context)
    if context.prefer == "size" and kernel.template != "dense_column":
        recipe = beside_start(recipe)
    least = site.inputs[0].itemsize == 1 and kernel.template != "dense_column"
    coding = kernel.coding or (least_coding(weights) if least else natural_coding(weights))
    excess = excess_in(weights, coding)
    if excess:
        sizes["excess"] = excess
    most -= INT8.low * 2 * abs(excess) * flat.shape[1]
    weights = flat - excess if coding.nibbles else (flat - excess).astype(coding.qtype.dtype)
    key: dict[str, object] = {"coding": coding, "totals": excess != 0}
    sums, suffix = {**key, "wraps": most >= 2**31}, ""
    shared: Shared = {}
    if kernel.template == "dense_column":
        key, suffix = {**sums, **column_key(op)}, str(op.window.kernel[0])
    elif kernel.template != "fully_connected":
        key["packed"] = packed_codes(op, site, coding.nibbles) > 0
        if key["packed"]:
            shared["both"] = ("both_codes", {})
            if kernel.template == "conv":
                shared["run_of"] = ("window_run", {})
        shared["tile"] = ("tile", sums) if not key["packed"] else ("tile_packed", {"totals": excess != 0})
    if coding.nibbles and "tile" in shared:
        shared["tile"] = ("tile_nibbles", {"together": TOGETHER})
    elif "tile" in shared:
        weights = np.append(weights, np.zeros(3, weights.dtype))  # read over, times zero
    alone = is_point(op) or (key.get("packed") and site.output.width % 2 and not coding.nibbles)
    if alone and single_pixels(context):
        shared["pixel"] = ("pixel_nibbles" if coding.nibbles else "pixel", sums)
    if coding.nibbles:
        weights = words_of(weights)
    arrays = {"weights": weights, "requant": requant_words(recipe)}
    return Packed(suffix, key, arrays, sizes, recipe.form, recipe.exact, shared)
