"""How much work a plan does, for reports: instructions at each push of a row, and bytes read from flash."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.plan.model import Plan, Stage
from ircompile.plan.schedule import rows_pushed, whole_run
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import COPY_INSTRUCTIONS, STEP_INSTRUCTIONS
from ircompile.target import Features


@dataclass(frozen=True)
class PushWork:
    """Estimated instructions of one push_row: the most, the median, and at which row the most."""

    largest: int
    typical: int
    at_row: int


def push_work(plan: Plan) -> PushWork | None:
    """Work between one row pushed and the next; None where the input is resident."""
    if plan.input_mode != "rows":
        return None
    each = [stage_instructions(plan, stage) / stage.steps for stage in plan.stages]
    pushes: list[float] = []
    for index, _ in whole_run(plan.stages, plan.segments, rows_pushed(plan.stages)):
        if index < 0:
            pushes.append(0.0)
        else:
            pushes[-1] += each[index]
    return PushWork(round(max(pushes)), round(median(pushes)), pushes.index(max(pushes)))


def stage_instructions(plan: Plan | ScheduledGraph, stage: Stage) -> float:
    """Estimated instructions of all steps of a stage."""
    work = float(plan.demands[stage.node.name].instructions + STEP_INSTRUCTIONS * stage.steps)
    if stage.line_buffer:
        source = plan.graph.tensors[stage.inputs[0]]
        work += COPY_INSTRUCTIONS * source.row_bytes * min(stage.steps, source.height)
    if stage.recomputed_producer:
        work += plan.demands[stage.recomputed_producer.name].instructions * times_recomputed(plan.graph, stage.node)
    return work


def times_recomputed(graph: Graph, node: Node) -> float:
    """How often a node's input rows are computed if its producer is recomputed for every window, on average."""
    site = graph.site(node)
    rows = [stop - first for step in range(node.op.steps(site)) for first, stop in node.op.needs(site, step)]
    return sum(rows) / site.inputs[0].height


def instructions(plan: Plan | ScheduledGraph) -> int:
    """Estimated instructions of one inference."""
    return round(sum(stage_instructions(plan, stage) for stage in plan.stages))


def macs(plan: Plan | ScheduledGraph) -> int:
    """Multiply-accumulates of one inference; those of recomputed rows count each time."""
    more = 0.0
    for stage in plan.stages:
        if stage.recomputed_producer:
            more += stage.recomputed_producer.op.macs(plan.graph.site(stage.recomputed_producer)) * (
                times_recomputed(plan.graph, stage.node) - 1
            )
    return plan.graph.macs() + round(more)


def pixels_at_once(features: Features) -> int:
    """How many pixels a convolution's kernel takes in one pass over its weights."""
    return 4 if features.mve else 2


def weight_bytes_read(plan: Plan, stored: Mapping[str, int] | None = None, pixels: int = 2) -> int:
    """Bytes of weights that one inference loads, where a convolution's kernel takes `pixels` at a time.

    `stored` are the bytes that a node's weights take as its kernel stores them, by the node's name; without, those
    of the graph's constants. Those of recomputed rows count each time.
    """
    return round(sum(weight_loads(plan, stored, pixels).values()))


def weight_loads(
    plan: Plan | ScheduledGraph, stored: Mapping[str, int] | None = None, pixels: int = 2
) -> dict[str, float]:
    """The same for every node that has weights, by its name."""
    stored = stored or {}
    times = {
        stage.recomputed_producer.name: times_recomputed(plan.graph, stage.node)
        for stage in plan.stages
        if stage.recomputed_producer
    }
    return {
        node.name: times.get(node.name, 1)
        * weight_passes(plan, node, pixels)
        * stored.get(node.name, int(plan.graph.consts[node.op.weights].nbytes))
        for node in plan.graph.nodes
        if isinstance(node.op, ops.Convolution)
    }


def weight_passes(plan: Plan | ScheduledGraph, node: Node, pixels: int = 2) -> int:
    """How often one inference loads a node's constants, where a convolution's kernel takes `pixels` at a time."""
    return node.op.passes(plan.graph.site(node).output, plan.demands[node.name].pixels or pixels)
