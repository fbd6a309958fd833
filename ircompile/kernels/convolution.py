"""Kernels of convolution: pointwise, and windows of any size."""

from __future__ import annotations

import numpy as np

from ircompile import ops
from ircompile.graph import Node
from ircompile.kernels.model import Context, Kernel, Packed, requant_words, window_suffix
from ircompile.tensor import Site


def choose_conv(op: ops.Conv, site: Site) -> Kernel:
    """A 1 x 1 convolution reads one row and nothing around it; any other reads a window of rows."""
    pointwise = op.window == ops.Window((1, 1))
    return Kernel(
        "pointwise" if pointwise else "conv",
        "row" if pointwise else "window",
        ("hwc",),
        ("hwc", "chw"),
        instructions=4 * op.macs(site),
    )


def pack_conv(node: Node, op: ops.Conv, site: Site, context: Context) -> Packed:
    """Weights as they are, channel after channel; then the requantization's words."""
    weights, recipe = site.consts[op.weights], context.recipe(node, op, site)
    arrays = {"weights": weights, "requant": requant_words(recipe)}
    source = site.inputs[0]
    sizes = {
        "zero_in": source.zero_point,
        "channels_in": source.channels,
        "width_out": site.output.width,
        "channels_out": site.output.channels,
        **context.steps(node, site),
    }
    key: dict[str, object] = {"wide": weights.dtype == np.int16}
    if context.kernels[node.name].template == "pointwise":
        return Packed("", key, arrays, sizes, recipe.form, recipe.exact)
    sizes["width_in"] = source.width
    key["window"] = op.window
    return Packed(window_suffix(op.window), key, arrays, sizes, recipe.form, recipe.exact)
