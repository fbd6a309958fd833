"""The stages of a schedule: what each step of every node waits for, and whose turn it is next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Windowed, window_of
from ircompile.plan.known import Known
from ircompile.plan.model import Stage, Wait
from ircompile.plan.steps import StageRows, lead_of, step_count


def stages_of(
    graph: Graph, lines: Set[str], again: Set[str], known: Known
) -> tuple[tuple[Stage, ...], list[StageRows]]:
    """Every node's steps and waits, those named in `lines` with lines; and the rows of all its steps.

    What feeds those named in `again` has no stage of its own.
    """
    above = {node.output: node for node in graph.nodes}
    inner = {node.name: above[node.inputs[0]] for node in graph.nodes if node.name in again}
    absorbed = {node.name for node in inner.values()}
    plain = []
    for node in graph.nodes:
        if node.name not in absorbed:
            steps = step_count(node, graph.site(node), node.name in lines)
            plain.append(Stage(node, steps, (), 0, node.name in lines, inner.get(node.name)))
    rows = [known.rows_of(stage, graph.site(stage.node)) for stage in plain]
    producer = {stage.node.output: i for i, stage in enumerate(plain)}
    producer |= {name: -1 - i for i, name in enumerate(graph.input_names)}
    joins = _joins(plain, producer)

    def wait(name: str, stops: tuple[int, ...]) -> Wait:
        source = producer[name]
        return Wait(source, stops if source < 0 else tuple(rows[source].done[stop] for stop in stops))

    stages = []
    for stage, its, join in zip(plain, rows, joins, strict=True):
        waits = [wait(name, stops) for name, stops in zip(stage.inputs, its.stops, strict=True)]
        stages.append(replace(stage, waits=tuple(sorted(waits, key=lambda wait: wait.source)), join=join))
    return tuple(stages), rows


def _joins(stages: Sequence[Stage], producer: Mapping[str, int]) -> list[int]:
    """For every node the one where all branches that begin with its output have come together again.

    The last that reads it where they never do, or where no branch is short, a single node at most: long ones, such
    as parts of channels, had better all take a row as it comes.
    """
    readers: list[list[int]] = [[] for _ in stages]
    for i, stage in enumerate(stages):
        for name in stage.inputs:
            if producer[name] >= 0:
                readers[producer[name]].append(i)
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


def can_have_lines(node: Node) -> bool:
    """Windows that overlap from row to row, and begin inside of the picture or not far above."""
    if not isinstance(node.op, Windowed) or (isinstance(node.op, ops.Conv | ops.Depthwise) and node.op.whole):
        return False
    reach, stride = node.op.window.reach[0], node.op.window.stride[0]
    return reach > stride and lead_of(node) >= 0


def can_compute_again(graph: Graph) -> dict[str, Node]:
    """By name of a node with a window: the pointwise convolution above it, read by it alone."""
    consumers, above = graph.consumers(), {node.output: node for node in graph.nodes}
    found = {}
    for node in graph.nodes:
        feeder = above.get(node.inputs[0]) if isinstance(node.op, Windowed) and can_have_lines(node) else None
        if feeder and isinstance(feeder.op, ops.Conv) and feeder.op.window == ops.Window((1, 1)):
            alone = len(consumers[feeder.output]) == 1 and feeder.output not in graph.output_names
            if alone and window_of(node.op).dilation[0] == 1:
                found[node.name] = feeder
    return found
