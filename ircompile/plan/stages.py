"""The stages of a schedule: what every node does at each of its steps, and what each step waits for.

A node with lines takes input row v at step v, and writes output row r once the window's last row is there: at step
r * stride + reach - 1 - top. Steps past the input's end stand for the padding below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from ircompile import ops
from ircompile.graph import Graph, Node
from ircompile.ops import Windowed, output_rows, steps_of, window_of
from ircompile.plan.model import Stage, Wait
from ircompile.tensor import Site


def stages_of(graph: Graph, lines: Set[str] = frozenset(), again: Set[str] = frozenset()) -> tuple[Stage, ...]:
    """Every node's steps and waits, those named in `lines` with lines.

    What feeds those named in `again` has no stage of its own.
    """
    above = {node.output: node for node in graph.nodes}
    inner = {node.name: above[node.inputs[0]] for node in graph.nodes if node.name in again}
    absorbed = {node.name for node in inner.values()}
    plain = [
        Stage(node, _steps(graph, node, node.name in lines), (), 0, node.name in lines, inner.get(node.name))
        for node in graph.nodes
        if node.name not in absorbed
    ]
    producer = {stage.node.output: i for i, stage in enumerate(plain)}
    producer |= {name: -1 - i for i, name in enumerate(graph.input_names)}
    joins = _joins(plain, producer)
    steps_for = {name: _steps_for_rows(graph, name, producer[name], plain) for name in producer}
    stages = []
    for i, stage in enumerate(plain):
        site = graph.site(stage.node)
        needs = [needs_of(stage, site, step) for step in range(stage.steps)]
        waits = [
            Wait(producer[name], tuple(steps_for[name][need[position][1]] for need in needs))
            for position, name in enumerate(stage.inputs)
        ]
        waits.sort(key=lambda wait: wait.source)
        stages.append(replace(stage, waits=tuple(waits), join=joins[i]))
    return tuple(stages)


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


def _steps(graph: Graph, node: Node, lines: bool) -> int:
    site = graph.site(node)
    return (site.output.height - 1) * stride_of(node) + lead_of(node) + 1 if lines else steps_of(node.op, site)


def _steps_for_rows(graph: Graph, name: str, source: int, stages: list[Stage]) -> list[int]:
    """For n = 0 .. H: how many steps the source must have done for rows [0, n) to be there."""
    if source < 0:
        return list(range(graph.tensors[name].height + 1))
    stage = stages[source]
    site = graph.site(stage.node)
    needed = [0]
    for step in range(stage.steps):
        _, stop = writes_of(stage, site, step)
        needed += [step + 1] * (stop + 1 - len(needed))
    return needed


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


def stride_of(node: Node) -> int:
    """Input rows from one output row to the next."""
    return window_of(node.op).stride[0]


def reach_of(node: Node) -> int:
    """Rows of its window."""
    return window_of(node.op).reach[0]


def lead_of(node: Node) -> int:
    """The last input row of the first window."""
    window = window_of(node.op)
    return window.reach[0] - 1 - window.padding[0]


def needs_of(stage: Stage, site: Site, step: int) -> tuple[tuple[int, int], ...]:
    """Rows [first, stop) of each input that a step reads."""
    if not stage.lines:
        return stage.node.op.needs(site, step)
    height = site.inputs[0].height
    return ((min(step, height), min(step + 1, height)),)


def writes_of(stage: Stage, site: Site, step: int) -> tuple[int, int]:
    """Output rows [first, stop) that a step completes."""
    if not stage.lines:
        return output_rows(stage.node.op, site, step)
    row, rest = divmod(step - lead_of(stage.node), stride_of(stage.node))
    return (row, row + 1) if row >= 0 and rest == 0 else (0, 0)


def last_use(stage: Stage, site: Site, row: int) -> int:
    """The last step of a stage with lines whose window holds `row`; `row` itself where no later one does."""
    newest = min((row + window_of(stage.node.op).padding[0]) // stride_of(stage.node), site.output.height - 1)
    return max(newest * stride_of(stage.node) + lead_of(stage.node), row)
