"""What the passes share: renaming tensors, and who writes them."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from ircompile.ir.graph import Graph, Node


def writers(graph: Graph) -> dict[str, Node]:
    """The node that writes each tensor whole; graph inputs have none, nor have tensors with a state."""
    return {node.output: node for node in graph.nodes if node.output not in graph.history}


def redirected(graph: Graph, nodes: Iterable[Node], renames: Mapping[str, str]) -> Graph:
    """The graph of `nodes` in which everything reads `renames[t]` instead of `t`."""

    def final(name: str) -> str:
        while name in renames:
            name = renames[name]
        return name

    moved = [replace(node, inputs=tuple(final(name) for name in node.inputs)) for node in nodes]
    outputs = tuple(replace(external, tensor=final(external.tensor)) for external in graph.outputs)
    return graph.rebuilt(moved, outputs=outputs)


def unique(name: str, taken: Container[str]) -> str:
    """The name, or where it is taken one with a number behind it."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found
