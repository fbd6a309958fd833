"""Planning: which nodes stream together, and where every row lives in one arena."""

from __future__ import annotations

from collections.abc import Mapping

from ircompile.errors import CompileError
from ircompile.graph import Graph
from ircompile.plan.firing import whole_run
from ircompile.plan.lifetimes import Item, Problem, items_of, peak_live
from ircompile.plan.model import ARENA_ALIGN, COUNTER_BYTES, Block, Buffer, Demand, InputMode, Layout, Plan
from ircompile.plan.packing import pack
from ircompile.plan.segments import Segment, least_peak, segment_peak


def make_plan(graph: Graph, demands: Mapping[str, Demand], input_mode: InputMode = "resident") -> Plan:
    """The plan of a lowered graph: cuts by dynamic programming, then rows packed in one arena.

    Raises CompileError where the input mode does not fit the graph.
    """
    if input_mode == "rows" and len(graph.inputs) != 1:
        raise CompileError(
            graph.name, f"{len(graph.inputs)} inputs with --input rows", "one input", "use --input resident"
        )
    problem = Problem(graph, demands)
    rows = input_mode == "rows"
    known: dict[Segment, int] = {}

    def peak(segment: Segment) -> int:
        if segment not in known:
            known[segment] = segment_peak(problem, segment, rows)
        return known[segment]

    segments, _ = least_peak(len(problem.stages), peak)
    return lay_out(problem, segments, input_mode)


def lay_out(problem: Problem, segments: list[Segment], input_mode: InputMode) -> Plan:
    """Fires the segments, packs what must live, and writes down where."""
    graph, rows = problem.graph, input_mode == "rows"
    pushed = graph.tensors[graph.input_names[0]].height if rows else 0
    events = whole_run(problem.stages, segments, pushed)
    items = items_of(problem, events, set(graph.input_names[rows:]), set(graph.output_names))
    counters = COUNTER_BYTES * (max(stop - first for first, stop in segments) + rows * 2)
    bases, top = pack(items, [] if rows else list(graph.input_names))
    counters_at = -(-top // ARENA_ALIGN) * ARENA_ALIGN
    by_name = {item.name: item for item in items}
    layouts = layouts_of(graph, problem.demands)
    return Plan(
        graph=graph,
        input_mode=input_mode,
        stages=problem.stages,
        demands=problem.demands,
        segments=tuple(segments),
        buffers={name: _buffer(problem, by_name, bases, layouts, name) for name in graph.tensors},
        scratch=_blocks(problem, bases, "scratch", by_name),
        states=_blocks(problem, bases, "sums", by_name),
        counters=Block(counters_at, counters),
        arena_bytes=-(-(counters_at + counters) // ARENA_ALIGN) * ARENA_ALIGN,
        peak_live=peak_live(items) + counters,
    )


def layouts_of(graph: Graph, demands: Mapping[str, Demand]) -> dict[str, Layout]:
    """Layout of every tensor: what its producer writes; inputs are "hwc"."""
    layouts: dict[str, Layout] = dict.fromkeys(graph.input_names, "hwc")
    layouts |= {node.output: demands[node.name].writes for node in graph.nodes}
    return layouts


def _buffer(
    problem: Problem, items: Mapping[str, Item], bases: Mapping[str, int], layouts: Mapping[str, Layout], name: str
) -> Buffer:
    root = problem.roots.get(name, name)
    item = items[root]
    return Buffer(bases[root], item.pitch, item.slots, layouts[name])


def _blocks(problem: Problem, bases: Mapping[str, int], kind: str, items: Mapping[str, Item]) -> dict[str, Block]:
    names = {stage.node.name: f"{stage.node.name}:{kind}" for stage in problem.stages}
    return {name: Block(bases[key], items[key].bytes) for name, key in names.items() if key in bases}


__all__ = ["Block", "Buffer", "Demand", "InputMode", "Layout", "Plan", "lay_out", "make_plan"]
