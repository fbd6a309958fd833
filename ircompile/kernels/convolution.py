"""Kernels of convolution: pointwise, fully connected, and windows of any size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ircompile import ops
from ircompile.graph import Node
from ircompile.kernels.model import Context, Kernel, Packed, requant_words, window_suffix
from ircompile.kernels.tiles import fits_pairs, run_order, stream_of
from ircompile.target import Target
from ircompile.tensor import Array, Site

POINT = ops.Window((1, 1))
STRAIGHT = (4, 8)  # steps that have code of their own, without a loop and with int16 weights


def choose_conv(op: ops.Conv, site: Site, target: Target) -> Kernel:
    """A 1 x 1 convolution reads one row and nothing around it; any other reads a window of rows."""
    if target.features.dsp:
        return choose_tiles(op, site)
    pointwise = op.window == POINT
    return Kernel(
        "pointwise" if pointwise else "conv",
        "row" if pointwise else "window",
        ("hwc",),
        ("hwc", "chw"),
        instructions=4 * op.macs(site),
    )


def choose_tiles(op: ops.Conv, site: Site) -> Kernel:
    """With SMLAD: two pixels at a time, gathered in a patch of halfwords; a single one is read where it stands."""
    runs = runs_of(op.window, site.inputs[0].channels)
    patch = 8 * len(run_order(runs))
    cost = op.macs(site)
    if op.window != POINT:
        return Kernel("conv", "window", ("hwc",), ("hwc", "chw"), -(-(patch + 2 * runs[0]) // 4) * 4,
                      instructions=cost, extras=("scratch",))  # fmt: skip
    if site.output.width == 1:
        return Kernel("fully_connected", "row", ("hwc",), ("hwc", "chw"), instructions=cost)
    return Kernel("pointwise", "row", ("hwc",), ("hwc", "chw"), patch, instructions=cost, extras=("scratch",))


def runs_of(window: ops.Window, channels: int) -> list[int]:
    """Lengths of the runs of codes of a window that lie side by side."""
    kh, kw = window.kernel
    return [kw * channels] * kh if window.dilation[1] == 1 else [channels] * (kh * kw)


def pack_conv(node: Node, op: ops.Conv, site: Site, context: Context) -> Packed:
    """Constants as the target's kernels read them."""
    if context.target.features.dsp:
        return pack_tiles(node, op, site, context)
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


def pack_tiles(node: Node, op: ops.Conv, site: Site, context: Context) -> Packed:
    """One stream of sums, weights and requantization words."""
    recipe, source, kernel = context.recipe(node, op, site), site.inputs[0], context.kernels[node.name]
    weights: Array = site.consts[op.weights].reshape(site.output.channels, -1)
    order = run_order(runs_of(op.window, source.channels))
    pairs = fits_pairs(weights, recipe, site.consts[op.bias], *context.intervals.accumulators[node.name])
    steps = len(order) if kernel.template == "pointwise" and len(order) in STRAIGHT else 0
    pairs = pairs and not steps
    sizes = {"channels_in": source.channels, "channels_out": site.output.channels}
    shared: dict[str, tuple[str, Mapping[str, object]]] = {"unpack": ("unpack", {})}
    key: dict[str, object] = {"pairs": pairs}
    if kernel.template != "conv" and single_pixels(context):
        shared["pixel"] = ("pixel", {"pairs": pairs})
    if kernel.template != "fully_connected":
        sizes |= {**context.steps(node, site), "words": 2 * len(order), "width": site.output.width}
    if kernel.template == "pointwise":
        key["steps"] = steps
    if kernel.template == "conv":
        (_, sw), (_, dw), taps = op.window.stride, op.window.dilation, op.window.kernel[1]
        tap_width = taps if dw == 1 else 1
        sizes |= {"zero_in": source.zero_point, "width_in": source.width, "height": op.window.kernel[0],
                  "taps": taps // tap_width, "tap_width": tap_width, "apart": dw, "stride": sw,
                  "left": op.window.padding[2]}  # fmt: skip
    stream = stream_of(weights, order, source.zero_point, recipe, pairs)
    stream = np.concatenate([np.array(list(sizes.values()), np.int32), stream])
    key["header"] = tuple(sizes)
    return Packed("", key, {"stream": stream}, {}, recipe.form, recipe.exact, shared)


def single_pixels(context: Context) -> bool:
    """Whether any pointwise layer has an odd pixel: all share code that can deal with one, or none has it."""
    graph = context.plan.graph
    pointwise = [node for node in graph.nodes if isinstance(node.op, ops.Conv) and node.op.window == POINT]
    return any(graph.tensors[node.output].width % 2 for node in pointwise)
