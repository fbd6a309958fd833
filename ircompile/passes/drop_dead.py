"""Nodes whose results nobody reads."""

from __future__ import annotations

from ircompile.ir.graph import Graph, Node


def drop_dead(graph: Graph) -> Graph:
    """Removes nodes from which no output is reached; inputs stay, read or not.

    a = Conv (x)
    b = Conv (x)      output a    ->    a = Conv (x)      output a
    """
    live = set(graph.output_names)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.output in live:
            kept.append(node)
            live.update(node.inputs)
    return graph if len(kept) == len(graph.nodes) else graph.rebuilt(reversed(kept))
