"""Planning: which nodes stream together, and where every row lives in one arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph
from ircompile.ir.ops import Concat
from ircompile.plan.bound import lower_bound
from ircompile.plan.draft import Draft
from ircompile.plan.items import Item, Placing
from ircompile.plan.lifetimes import Problem, lines_name
from ircompile.plan.model import Block, Buffer, Demand, InputMode, Layout, Plan
from ircompile.plan.regions import Places, one_arena
from ircompile.plan.search import find_default, find_least


def make_plan(
    graph: Graph, demands: Mapping[str, Demand], input_mode: InputMode = "resident", least: bool = False
) -> Plan:
    """The plan of a lowered graph: cuts by dynamic programming, then rows packed in one arena.

    It needs the fewest bytes found if `least`, else it may need a little more and does less work.
    Raises CompileError where the input mode does not fit the graph.
    """
    check_input_mode(graph, input_mode)
    search = find_least if least else find_default
    return lay_out(search(graph, demands, input_mode))


def check_input_mode(graph: Graph, input_mode: InputMode) -> None:
    """Raises CompileError where the input mode does not fit the graph."""
    if input_mode == "rows" and len(graph.inputs) != 1:
        raise CompileError(
            graph.name, f"{len(graph.inputs)} inputs with --input rows", "one input", "use --input resident"
        )


def lay_out(draft: Draft, places: Places | None = None) -> Plan:
    """A draft written down as a plan, in one arena or in the regions where `places` says."""
    problem, places = draft.problem, places or one_arena(draft)
    bases = places.bases
    buffers, lines = buffers_of(problem, draft.placing, bases)
    return Plan(
        graph=problem.graph,
        input_mode="rows" if draft.rows else "resident",
        stages=problem.stages,
        demands=problem.demands,
        segments=draft.segments,
        buffers=buffers,
        lines=lines,
        scratch=_blocks(draft.items, bases, "scratch"),
        states=_blocks(draft.items, bases, "sums"),
        placed=frozenset(
            node.name
            for node in problem.graph.nodes
            if node.inputs and node.inputs[0] in problem.slices and isinstance(node.op, Concat)
        ),
        counters=Block(places.counters, draft.counters),
        arena_bytes=sum(region.bytes for region in places.regions),
        regions=places.regions,
        peak_live=draft.peak + draft.counters,
        lower_bound=lower_bound(Problem(problem.graph, problem.demands, known=problem.known), draft.rows),
    )


def buffers_of(
    problem: Problem, placing: Placing, bases: Mapping[str, int]
) -> tuple[dict[str, Buffer], dict[str, Buffer]]:
    """The buffer of every tensor, and of every node's lines.

    A tensor's layout is what its producer writes; inputs are "hwc".
    """
    graph = problem.graph
    layouts: dict[str, Layout] = dict.fromkeys(graph.input_names, "hwc")
    layouts |= {node.output: problem.demands[node.name].writes for node in graph.nodes}
    rings = {ring.name: (ring, bases[item.name]) for item in placing.items for ring in item.rings}

    def buffer(name: str, layout: Layout) -> Buffer:
        ring, base = rings[placing.homes.get(name, name)]
        return Buffer(base, ring.pitch, ring.slots, layout, ring.phase)

    nodes = [problem.stages[i].node for i in problem.kept]
    lines = {node.name: buffer(lines_name(node.name), layouts[node.inputs[0]]) for node in nodes}
    buffers = {name: buffer(name, layouts[name]) for name in graph.tensors}
    for name, piece in problem.slices.items():
        whole = graph.tensors[piece.whole]
        at = buffers[name].offset + piece.channel * whole.itemsize
        buffers[name] = replace(buffers[name], offset=at, spread=whole.channels * whole.itemsize)
    return buffers, lines


def _blocks(items: Sequence[Item], bases: Mapping[str, int], kind: str) -> dict[str, Block]:
    ending = f":{kind}"
    return {
        item.name.removesuffix(ending): Block(bases[item.name], item.bytes)
        for item in items
        if item.name.endswith(ending)
    }


__all__ = ["Block", "Buffer", "Demand", "InputMode", "Layout", "Plan", "check_input_mode", "lay_out", "make_plan"]
