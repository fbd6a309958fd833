"""The order of the nodes: as the model has it, or with short branches first.

If a residual's convolution runs late, all rows of its input stay alive until then. If it runs first, its output
stays alive instead, which is mostly smaller.
"""

from collections.abc import Sequence
from dataclasses import replace

from ircompile.ir.graph import Graph


def orders_of(graph: Graph) -> list[Graph]:
    """The graph with short branches first and, if that differs, the graph as it is.

    A graph with states stays as it is: who reads a state stands before who writes it, where the model has it so.
    """
    if graph.states:
        return [graph]
    other = short_branches_first(graph)
    return [graph] if other.nodes == graph.nodes else [other, graph]


def short_branches_first(graph: Graph) -> Graph:
    """Places each node behind the branches that it joins, the shortest branch first; outputs are ordered alike."""
    depth = dict.fromkeys(graph.input_names, 0)
    for node in graph.nodes:
        depth[node.output] = 1 + max((depth[name] for name in node.inputs), default=0)

    def deepest_first(names: Sequence[str]) -> list[str]:
        return sorted(names, key=lambda name: -depth[name])

    producer = {node.output: node for node in graph.nodes}
    nodes, seen = [], set(graph.input_names)
    todo = [(name, False) for name in deepest_first(graph.output_names)]
    while todo:
        name, ready = todo.pop()
        if ready:
            nodes.append(producer[name])
        elif name not in seen:
            seen.add(name)
            todo += [(name, True), *((other, False) for other in deepest_first(producer[name].inputs))]
    return replace(graph, nodes=tuple(nodes))
