"""Graph to Graph, one function a file, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from ircompile.graph import Graph, validate

PASSES: tuple[Callable[[Graph], Graph], ...] = ()


def normalize(graph: Graph) -> Graph:
    """The graph in the normal form that all later stages rely on."""
    for run in PASSES:
        graph = validate(run(graph))
    return graph
