"""Inputs as calls of a network with memory: one after the other, and a new begin in the middle."""

from collections.abc import Mapping, Sequence

from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_calls
from ircompile.ir.tensor import Array

CALLS = 40
"""Calls that are compared of a network with memory where nobody says how many: its rings go round a few times."""


def restart_after(graph: Graph, count: int) -> int:
    """After how many of `count` calls a network with memory begins again: half of them. 0 for any other network."""
    return -(-count // 2) if graph.states and count > 1 else 0


def run_vectors(graph: Graph, vectors: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
    """The outputs for all vectors (codes (H, W, C) by input name), which are calls where the network has memory."""
    return list(run_calls(graph, vectors, restart_after(graph, len(vectors))))
