"""Kernels of depthwise convolution: rows of channels, gathered channel by channel into a padded strip."""

from __future__ import annotations

import numpy as np

from ircompile import ops
from ircompile.graph import Node
from ircompile.kernels.model import Context, Kernel, Packed, requant_words, window_suffix
from ircompile.tensor import Site


def choose_depthwise(op: ops.Depthwise, site: Site) -> Kernel:
    """The scratch is the strip: the window's rows of one channel with their padding, and a word to read over."""
    left, right = op.window.padding[2:]
    strip = op.window.kernel[0] * (site.inputs[0].width + left + right) + 4
    return Kernel(
        "depthwise",
        "window",
        ("chw",),
        ("hwc", "chw"),
        -(-strip // 4) * 4,
        instructions=6 * op.macs(site),
        extras=("scratch",),
    )


def pack_depthwise(node: Node, op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Weights channel after channel."""
    weights, recipe = site.consts[op.weights], context.recipe(node, op, site)
    arrays = {
        "weights": np.ascontiguousarray(weights.transpose(2, 0, 1)),
        "requant": requant_words(recipe),
    }
    source = site.inputs[0]
    multiplier = site.output.channels // source.channels
    sizes = {
        "zero_in": source.zero_point,
        "channels": source.channels,
        "width_in": source.width,
        "width_out": site.output.width,
        **context.steps(node, site),
    }
    key = {"window": op.window, "wide": weights.dtype == np.int16, "multiplier": multiplier}
    suffix = window_suffix(op.window) + (f"_x{multiplier}" if multiplier > 1 else "")
    return Packed(suffix, key, arrays, sizes, recipe.form, recipe.exact)
