"""From the nodes of a graph to the stages of a schedule: what each step waits for, and what comes after it."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Windowed, window_of
from ircompile.plan.model import Demand, Dependency, Stage
from ircompile.plan.steps import StepRows, lead_of, step_count, step_rows


def stages_of(
    graph: Graph,
    demands: Mapping[str, Demand],
    line_buffers: Set[str],
    recomputing: Set[str],
) -> tuple[tuple[Stage, ...], list[StepRows]]:
    """One stage for each node, and the rows of all its steps.

    Nodes named in `line_buffers` get a line buffer. The producer of the first input of each node named in
    `recomputing` becomes part of that node's stage and has none of its own.
    """
    producer_node = {node.output: node for node in graph.nodes}
    recomputed = {node.name: producer_node[node.inputs[0]] for node in graph.nodes if node.name in recomputing}
    without_stage = {node.name for node in recomputed.values()}
    bare, rows = [], []
    for node in graph.nodes:
        if node.name not in without_stage:
            site, buffered, whole = graph.site(node), node.name in line_buffers, demands[node.name].whole
            steps = step_count(node, site, buffered, whole)
            stage = Stage(node, steps, (), 0, buffered, recomputed.get(node.name), whole)
            bare.append(stage)
            rows.append(step_rows(stage, site))
    source = {stage.node.output: i for i, stage in enumerate(bare)}
    source |= {name: -1 - i for i, name in enumerate(graph.input_names)}
    stages = [
        replace(stage, dependencies=_dependencies(graph, stage, own, rows, source), resume_at=resume_at)
        for stage, own, resume_at in zip(bare, rows, _resume_stages(bare, source), strict=True)
    ]
    return tuple(stages), rows


def _dependencies(
    graph: Graph, stage: Stage, own: StepRows, rows: Sequence[StepRows], source: Mapping[str, int]
) -> tuple[Dependency, ...]:
    """What a stage waits for, in the order of its sources; required rows become required steps of the source.

    Rows of earlier calls are there; a stage that reads no others of a tensor does not wait for it.
    """
    found = []
    for name, required in zip(stage.inputs, own.required, strict=True):
        number = source[name]
        if name in graph.history:
            required = tuple(max(count - graph.history[name], 0) for count in required)
            if not any(required):
                continue
        steps = required if number < 0 else tuple(rows[number].done[count] for count in required)
        found.append(Dependency(number, steps))
    return tuple(sorted(found, key=lambda dependency: dependency.source))


def _resume_stages(stages: Sequence[Stage], source: Mapping[str, int]) -> list[int]:
    """For every stage the one at which the schedule goes on after a step.

    That is the stage where all branches that begin with its output have joined again (the immediate
    postdominator), if one of the branches is short: no stage, or a single one. Otherwise it is the last stage that
    reads the output. Long branches, such as the parts of a layer that is split by channels, should all take a row
    as it comes.
    """
    readers: list[list[int]] = [[] for _ in stages]
    for i, stage in enumerate(stages):
        for name in stage.inputs:
            if 0 <= source[name] < i:  # else it reads rows of earlier calls only
                readers[source[name]].append(i)
    end = len(stages)
    joins = [end] * (end + 1)
    for i in reversed(range(end)):
        ahead = set(readers[i]) or {end}
        while len(ahead) > 1:
            first = min(ahead)
            ahead = (ahead - {first}) | {joins[first]}
        joins[i] = ahead.pop()
    short = [any(join in (reader, joins[reader]) for reader in readers[i]) for i, join in enumerate(joins[:end])]
    return [joins[i] if short[i] and joins[i] < end else max(readers[i], default=i) for i in range(end)]


def can_have_line_buffer(graph: Graph, node: Node, demand: Demand) -> bool:
    """Whether the node's windows overlap from row to row, and the first one does not end above the picture.

    Rows of earlier calls stay where they are, and so do those that a kernel finds itself.
    """
    if any(name in graph.history for name in node.inputs):
        return False
    if not isinstance(node.op, Windowed) or not demand.row_pointers:
        return False
    reach, stride = node.op.window.reach[0], node.op.window.stride[0]
    return reach > stride and lead_of(node) >= 0


def line_buffers_everywhere(graph: Graph, demands: Mapping[str, Demand]) -> frozenset[str]:
    """All nodes that can have a line buffer, unless another such node reads the same input; a ring serves both."""
    possible = [node for node in graph.nodes if can_have_line_buffer(graph, node, demands[node.name])]
    readers = Counter(node.inputs[0] for node in possible)
    return frozenset(node.name for node in possible if readers[node.inputs[0]] == 1)


def recomputable_producers(graph: Graph, demands: Mapping[str, Demand]) -> dict[str, Node]:
    """By name of each node with a window: the pointwise convolution before it, if only this node reads it."""
    consumers, producer = graph.consumers(), {node.output: node for node in graph.nodes}
    found = {}
    for node in graph.nodes:
        windowed = can_have_line_buffer(graph, node, demands[node.name])
        feeder = producer.get(node.inputs[0]) if windowed else None
        if feeder and isinstance(feeder.op, ops.Conv) and feeder.op.window == ops.Window((1, 1)):
            alone = len(consumers[feeder.output]) == 1 and feeder.output not in graph.output_names
            if alone and window_of(node.op).dilation[0] == 1:
                found[node.name] = feeder
    return found
