"""Each layer's constants as its kernel reads them, compared with the graph: weights, sums, rounding, geometry."""

from collections import Counter

import numpy as np

from ircompile.checks.arithmetic import check_arithmetic
from ircompile.checks.convolutions import check_convolution
from ircompile.checks.reach import Reach, reach
from ircompile.checks.running_sums import check_running_sums
from ircompile.checks.stored import Convolution, Misplaced
from ircompile.checks.windows import Ends
from ircompile.checks.winograd import check_scratch
from ircompile.errors import InternalError
from ircompile.ir.graph import Node
from ircompile.ir.ops import Conv
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed, Program
from ircompile.qtype import INT32


def check_layers(program: Program) -> Counter[str]:
    """Counts "channels", "weights", "thresholds" and "pairs" compared. Raises InternalError naming the layer."""
    graph, counts = program.plan.graph, Counter[str]()
    reached = reach(graph, program.intervals.codes)
    check_running_sums(graph)
    _check_intervals(program, reached)
    for node in graph.nodes:
        site, packed = graph.site(node), program.packed[node.name]
        _check_sizes(program, node, site, packed)
        try:
            if isinstance(node.op, Convolution):
                template = program.lowered.kernels[node.name].template
                counts += check_convolution(template, node.op, site, packed, reached.sums[node.name])
                if template == "winograd":
                    check_scratch(site, packed, program.plan.scratch[node.name].bytes)
            else:
                counts += check_arithmetic(node, site, packed)
        except Misplaced as problem:
            raise InternalError(f"layer {node.name} ({node.source})", str(problem)) from None
    return counts


def _check_intervals(program: Program, reached: Reach) -> None:
    """What constants were chosen for covers all codes, and all accumulators, that were found."""
    graph, chosen = program.plan.graph, program.intervals
    for node in graph.nodes:
        codes = chosen.codes[node.output], reached.codes[node.output]
        if isinstance(node.op, Convolution):
            low, high = reached.sums[node.name]
            if node.op.requant.rounding != "wide":
                wraps = (low < INT32.low) | (high > INT32.high)
                low, high = np.where(wraps, INT32.low, low), np.where(wraps, INT32.high, high)
            _check_covers(node, "accumulators", chosen.accumulators[node.name], Ends(low, high))
        _check_covers(node, "codes", *codes)


def _check_covers(node: Node, what: str, chosen: tuple[Array, Array], found: Ends) -> None:
    short = (chosen[0] > found.low) | (chosen[1] < found.high)
    if short.any():
        channel = int(np.flatnonzero(short)[0])
        kept, reached = (f"{low[channel]:,} to {high[channel]:,}" for low, high in (chosen, found))
        raise InternalError(
            f"layer {node.name} ({node.source})", f"{what} of channel {channel} are {reached}, not {kept}"
        )


def _check_sizes(program: Program, node: Node, site: Site, packed: Packed) -> None:
    """What a layer's struct says of its tensors is so."""
    source, output, demand = site.inputs[0], site.output, program.plan.demands[node.name]
    apart = program.plan.buffers[node.output].pixel_stride // output.itemsize or output.channels
    wanted = {"zero_out": output.zero_point, "width_out": output.width, "height_out": output.height}
    if isinstance(node.op, Convolution):
        dense = demand.writes == "hwc"
        wanted |= {
            "pixel_step": apart if dense else 1,
            "channel_step": 1 if dense else output.width,
            "row_step": program.plan.buffers[node.output].pitch,
            "channels_out": output.channels,
            "zero_in": source.zero_point,
            "width_in": source.width,
            "height_in": source.height,
        }
    if isinstance(node.op, Conv):
        window, filters = node.op.window, site.consts[node.op.weights]
        whole = program.lowered.kernels[node.name].call == "map"
        wanted |= {
            "width": output.width,
            "left": window.padding[2],
            "stride": window.stride[1],
            "channels_in": filters[0].size if whole else source.channels,
        }
    for name, value in wanted.items():
        if packed.sizes.get(name, value) != value:
            raise InternalError(
                f"layer {node.name} ({node.source})",
                f"{name} is {packed.sizes[name]} in its C, {value} in the plan",
            )
