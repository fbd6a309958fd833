"""A network that runs one layer after the other, every tensor whole: what plans are compared with."""

from __future__ import annotations

from ircompile.checks import check
from ircompile.emit import emit
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.kernels.pack import pack
from ircompile.pipeline import Compiled
from ircompile.plan import lay_out
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.target import Target


def layer_by_layer(graph: Graph, target: Target, name: str) -> Compiled:
    """A normalized graph compiled to run one layer after the other, every tensor whole: what plans compare with.

    Kernels, and the driver that fires them, are those of any other plan.
    """
    lowered = lower(graph, target)
    scheduled = ScheduledGraph(lowered.graph, lowered.demands)
    segments = tuple((i, i + 1) for i in range(len(scheduled.stages)))
    plan = lay_out(CandidatePlan(scheduled, segments, rows_input=False, share_rings=False))
    program = pack(lowered, plan, target)
    files = emit(program, name, graph.name)
    return Compiled(graph.name, name, graph, program, check(program), files)
