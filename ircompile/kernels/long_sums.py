"""Convolutions whose sums need 64 bits: 16-bit codes times many weights. One kernel for all, on every core."""

import numpy as np

from ircompile.analyses.intervals import analyze
from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Context, Kernel, Packed, requant_words
from ircompile.kernels.weights import natural_coding
from ircompile.qtype import INT32


def long_sums(graph: Graph) -> frozenset[str]:
    """The convolutions whose sums, at their end or on the way, may leave int32, where the framework has 64 bits."""
    wide = [
        node
        for node in graph.nodes
        if isinstance(node.op, ops.Conv | ops.Depthwise) and node.op.requant.rounding == "wide"
    ]
    codes = analyze(graph).codes if wide else {}
    return frozenset(node.name for node in wide if _may_leave(node, graph.site(node), codes[node.inputs[0]]))


def _may_leave(node: Node, site: Site, codes: Range) -> bool:
    """Whether the bias and some of the products may be more than int32 holds.

    A product that is not yet added is as one whose code is the zero point.
    """
    assert isinstance(node.op, ops.Conv | ops.Depthwise)
    zero = site.inputs[0].zero_point
    (low, high), _ = node.op.sum_bounds(site, (np.minimum(codes[0], zero), np.maximum(codes[1], zero)))
    return bool(low.min() < INT32.low or high.max() > INT32.high)


def choose_long(op: ops.Conv | ops.Depthwise, site: Site) -> Kernel:
    """Output by output, windows on the rows themselves."""
    return Kernel("long_sums", pack_long, "window", ("hwc",), ("hwc", "chw"), instructions=9 * op.macs(site))


def pack_long(op: ops.Conv | ops.Depthwise, site: Site, context: Context) -> Packed:
    """Weights output channel after output channel; then the requantization's words."""
    source, window, depthwise = site.inputs[0], op.window, isinstance(op, ops.Depthwise)
    weights, recipe = site.consts[op.weights], context.recipe(op, site)
    weights = np.ascontiguousarray(weights.transpose(2, 0, 1)) if depthwise else weights
    sizes = {
        "channels_in": source.channels, "channels_out": site.output.channels, "width_in": source.width,
        "width": site.output.width, "height": window.kernel[0], "taps": window.kernel[1],
        "apart": window.dilation[1], "stride": window.stride[1], "left": window.padding[2],
        "depth": 1 if depthwise else source.channels, "zero_in": source.zero_point, **context.steps(site),
    }  # fmt: skip
    if depthwise:
        sizes["multiplier"] = site.output.channels // source.channels
    key = {"coding": natural_coding(weights), "depthwise": depthwise}
    arrays = {"weights": weights, "requant": requant_words(recipe)}
    return Packed("depthwise" if depthwise else "", key, arrays, sizes, recipe.form, recipe.exact)
