"""Constants of every node, as its kernel reads them: packed weights, requantization words, tables."""

from collections.abc import Iterable, Mapping, Sequence

from ircompile.analyses.intervals import analyze
from ircompile.ir import ops
from ircompile.kernels.constants import constants_of
from ircompile.kernels.convolution import pack_stream
from ircompile.kernels.dsp.winograd import pack_winograd
from ircompile.kernels.dsp.written_out import with_long_loops
from ircompile.kernels.like_forms import with_like_forms, with_like_kinks
from ircompile.kernels.model import Context, Kernel, Lowered, Packed, Prefer, Program
from ircompile.kernels.portable_functions import with_long_turns, with_seldom_pixels
from ircompile.kernels.remainders import without_remainders
from ircompile.kernels.weights import WeightCoding
from ircompile.plan import Plan
from ircompile.plan.tables import schedule_tables
from ircompile.target import MemoryRegion, Target


def pack(
    lowered: Lowered, plan: Plan, target: Target, flash: Sequence[MemoryRegion] = (), prefer: Prefer = "speed"
) -> Program:
    """Packs the constants of every node of the plan and places them in the memories `flash`, the fastest first.

    Raises CompileError where these have no room.
    """
    graph, kernels, intervals = lowered.graph, lowered.kernels, analyze(lowered.graph)

    def packed_with(shifts: Sequence[int], names: Iterable[str], kinked: bool = False) -> dict[str, Packed]:
        wanted = set(names)
        nodes = [node for node in graph.nodes if node.name in wanted]
        contexts = [Context(plan, target, intervals, kernels, node, prefer, shifts, kinked) for node in nodes]
        return {c.node.name: c.kernel.pack(c.node.op, plan.graph.site(c.node), c) for c in contexts}

    packed = packed_with((), kernels)
    if target.features.mul64:
        packed = with_like_forms(packed, _formed(kernels, target), packed_with, target.features.mve)
        long = [name for name, kernel in kernels.items() if kernel.pack is pack_winograd]
        packed = with_like_kinks(packed, kernels, long, packed_with)
    packed = with_long_loops(without_remainders(packed), graph, target)
    packed = with_seldom_pixels(with_long_turns(packed, graph), graph)
    constants = constants_of(plan, packed, flash)
    return Program(plan, lowered, target, packed, schedule_tables(plan), constants, intervals, tuple(flash), prefer)


def _formed(kernels: Mapping[str, Kernel], target: Target) -> dict[str, Kernel]:
    """Kernels whose layers may take another right shift: on DSP cores convolutions prefer one already."""
    streams = target.features.dsp
    return {name: kernel for name, kernel in kernels.items() if not streams or kernel.pack is not pack_stream}


def coding_of(packed: Packed) -> WeightCoding | None:
    """How the weights of a node are stored; None where it has none."""
    coding = packed.key.get("coding")
    return coding if isinstance(coding, WeightCoding) else None


def weight_bytes(program: Program) -> dict[str, int]:
    """Bytes of the weights of every node that says how they are stored, without what pads them."""
    graph = program.plan.graph
    return {
        node.name: coding.bytes(graph.consts[node.op.weights].size)
        for node in graph.nodes
        if isinstance(node.op, ops.Convolution) and (coding := coding_of(program.packed[node.name]))
    }
