"""What the kernels of convolution ask of a layer's geometry, and of the whole network's."""

from __future__ import annotations

from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Context, Kernel
from ircompile.kernels.windows import POINT, Gather, gather_of, is_point


def flattened(op: ops.Conv, site: Site) -> tuple[ops.Conv, Site]:
    """A convolution whose only window is the map, as a fully connected layer on the map's codes as they lie."""
    source, weights = site.inputs[0], site.consts[op.weights]
    flat = replace(source, shape=(1, 1, source.height * source.width * source.channels))
    consts = {**site.consts, op.weights: weights.reshape(len(weights), 1, 1, -1)}
    return replace(op, window=POINT), Site((flat,), site.output, consts)


def sizes_of(op: ops.Conv, site: Site, context: Context) -> dict[str, int]:
    """What a kernel asks of a layer's geometry."""
    source, window, template = site.inputs[0], op.window, context.kernel.template
    sizes = {"channels_in": source.channels, "channels_out": site.output.channels}
    if template == "fully_connected":
        return sizes | {"channels_in": site.consts[op.weights][0].size}
    if template == "dense_column":
        outside = {"zero_in": source.zero_point} if any(op.window.padding[:2]) else {}
        return {"channels_out": site.output.channels, "run": source.row_bytes, **outside}
    sizes |= {"width": site.output.width, **context.steps(site)}
    if template == "stem":
        del sizes["channels_in"]
        return sizes | {"zero_in": source.zero_point, "row_bytes": source.row_bytes}
    if template == "pointwise":
        return sizes
    dsp = context.features.dsp
    gather = gather_by(op, site, context.kernel, dsp)
    if not dsp:
        sizes["zero_in"] = source.zero_point
    elif in_passes(context):
        sizes["runs"] = gather.runs
    height, kw = window.kernel
    return sizes | {
        "width_in": source.width,
        "height": height,
        "taps": gather.taps,
        "tap_width": kw // gather.taps,
        "apart": window.dilation[1],
        "stride": window.stride[1],
        "left": window.padding[2],
    }


def gather_by(op: ops.Conv, site: Site, kernel: Kernel, dsp: bool = True) -> Gather:
    """How a kernel takes its windows."""
    return gather_of(op, site, dsp, kernel.frugal, kernel.roomy)


def in_passes(context: Context) -> bool:
    """Whether any window is gathered bit by bit: all windows share code that can do so, or none has it."""
    graph = context.plan.graph
    windows = [(node, node.op) for node in graph.nodes if context.kernels[node.name].template == "conv"]
    return any(
        gather_by(op, graph.site(node), context.kernels[node.name]).passes > 1
        for node, op in windows
        if isinstance(op, ops.Conv)
    )


def single_pixels(context: Context) -> bool:
    """Whether any pointwise layer has an odd pixel: all share code that can deal with one, or none has it."""
    graph = context.plan.graph
    return any(
        (is_point(node.op) or context.kernels[node.name].call == "map") and graph.tensors[node.output].width % 2
        for node in graph.nodes
        if isinstance(node.op, ops.Conv)
    )
