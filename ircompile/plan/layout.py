"""A candidate written down as a plan: where every row lives, by name of its tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.ops import Concat
from ircompile.plan.allocations import Allocation
from ircompile.plan.candidate import CandidatePlan, aligned
from ircompile.plan.memories import MemoryMap, one_arena
from ircompile.plan.model import MOST_STEPS, POSITION_BYTES, Block, Buffer, Layout, Plan
from ircompile.plan.peak_bound import bound_beside
from ircompile.plan.scheduled_graph import line_buffer_name


def check_input_mode(graph: Graph, input_mode: InputMode) -> None:
    """Raises CompileError if the input mode does not suit the graph."""
    if input_mode == "rows" and len(graph.inputs) != 1:
        raise CompileError(
            graph.name, f"{len(graph.inputs)} inputs with --input rows", "one input", "use --input resident"
        )
    if input_mode == "rows" and (height := graph.tensors[graph.input_names[0]].height) > MOST_STEPS:
        raise CompileError(
            graph.name, f"{height:,} rows with --input rows", f"up to {MOST_STEPS:,}", "use --input resident"
        )


def lay_out(candidate: CandidatePlan, memory_map: MemoryMap | None = None) -> Plan:
    """Writes a candidate down as a plan, in one arena or in the memories of `memory_map`."""
    scheduled, memory_map = candidate.scheduled, memory_map or one_arena(candidate)
    bases = memory_map.bases
    buffers, line_buffers = buffers_of(candidate, bases)
    return Plan(
        graph=scheduled.graph,
        input_mode="rows" if candidate.rows_input else "resident",
        stages=scheduled.stages,
        demands=scheduled.demands,
        segments=candidate.segments,
        buffers=buffers,
        line_buffers=line_buffers,
        scratch=_blocks(candidate.allocations, bases, "scratch"),
        sums=_blocks(candidate.allocations, bases, "sums"),
        placed=frozenset(
            node.name
            for node in scheduled.graph.nodes
            if node.inputs and node.inputs[0] in scheduled.slices and isinstance(node.op, Concat)
        ),
        counters=Block(memory_map.counters, candidate.counter_bytes),
        arena_bytes=sum(region.bytes for region in memory_map.regions),
        regions=memory_map.regions,
        peak_live=candidate.peak_bytes + candidate.lasting_bytes,
        lower_bound=bound_beside(candidate),
        state_bytes=candidate.state_bytes,
    )


def buffers_of(candidate: CandidatePlan, bases: Mapping[str, int]) -> tuple[dict[str, Buffer], dict[str, Buffer]]:
    """The buffer of every tensor by its name, and every line buffer by the name of its node.

    A tensor has the layout that its producer writes; inputs are "hwc".
    """
    scheduled = candidate.scheduled
    graph = scheduled.graph
    layouts: dict[str, Layout] = dict.fromkeys(graph.input_names, "hwc")
    layouts |= {node.output: scheduled.demands[node.name].writes for node in graph.nodes}
    rings = {ring.name: (ring, bases[found.name]) for found in candidate.allocations for ring in found.rings}
    states = _state_buffers(candidate, layouts)

    def buffer(name: str, layout: Layout) -> Buffer:
        if name in states:
            return states[name]
        ring, base = rings[candidate.root_of(name)]
        return Buffer(base, ring.pitch, ring.slots, layout, ring.slot_offset)

    nodes = [stage.node for stage in scheduled.stages if stage.line_buffer]
    line_buffers = {node.name: buffer(line_buffer_name(node.name), layouts[node.inputs[0]]) for node in nodes}
    buffers = {name: buffer(name, layouts[name]) for name in graph.tensors}
    for name, piece in scheduled.slices.items():
        whole = graph.tensors[piece.whole]
        at = buffers[name].offset + piece.channel * whole.itemsize
        buffers[name] = replace(buffers[name], offset=at, pixel_stride=whole.channels * whole.itemsize)
    return buffers, line_buffers


def _state_buffers(candidate: CandidatePlan, layouts: Mapping[str, Layout]) -> dict[str, Buffer]:
    """The ring buffers of states, one behind the other at the begin of the arena, behind their positions."""
    found: dict[str, Buffer] = {}
    at, position = candidate.position_bytes, 0
    for ring in candidate.state_rings:
        found[ring.name] = Buffer(
            at, ring.pitch, ring.slots, layouts[ring.name], ring.slot_offset,
            advance=ring.advance, position=position if ring.moves else -1,
        )  # fmt: skip
        at += aligned(ring.bytes)
        position += POSITION_BYTES * ring.moves
    return found


def _blocks(allocations: Sequence[Allocation], bases: Mapping[str, int], kind: str) -> dict[str, Block]:
    ending = f":{kind}"
    return {
        found.name.removesuffix(ending): Block(bases[found.name], found.bytes)
        for found in allocations
        if found.name.endswith(ending)
    }
