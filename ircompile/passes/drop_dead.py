"""Nodes whose results nobody reads."""

from ircompile.ir.graph import Graph, Node


def drop_dead(graph: Graph) -> Graph:
    """Removes nodes from which no output is reached, in this call or a later one; inputs stay, read or not.

    a = Conv (x)
    b = Conv (x)      output a    ->    a = Conv (x)      output a
    """
    live, before = set(graph.output_names), set[str]()
    while live != before:  # a state may be read by nodes that stand before the one that writes it
        before = set(live)
        for node in reversed(graph.nodes):
            if node.output in live:
                live.update(node.inputs)
    kept: list[Node] = [node for node in graph.nodes if node.output in live]
    return graph if len(kept) == len(graph.nodes) else graph.rebuilt(kept)
