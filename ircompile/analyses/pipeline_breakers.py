"""Nodes that need all rows before they give one: what stands before them cannot stream through."""

from collections.abc import Mapping
from dataclasses import dataclass

from ircompile.ir.graph import Graph, Node


@dataclass(frozen=True)
class PipelineBreaker:
    """A node that needs all rows, what is stored whole across it, and the tensors that are computed behind it.

    Behind it is, too, what it does not need and nodes behind it do, up to other such nodes.
    """

    node: Node
    kept: frozenset[str]
    behind: frozenset[str]


def pipeline_breakers(graph: Graph) -> list[PipelineBreaker]:
    """All of a graph."""
    consumers, read = graph.consumers(), {node.output: list(node.inputs) for node in graph.nodes}
    following = {name: [reader.output for reader in readers] for name, readers in consumers.items()}
    nodes = [node for node in graph.nodes if node.op.sum_bytes(graph.site(node))]
    ends = {node.output for node in nodes}
    streamed = {name: [t for t in names if t not in ends] for name, names in read.items()}
    found = []
    for node in nodes:
        before, behind = _reached(node.output, read), _reached(node.output, following)
        behind |= set().union(*(_reached(t, streamed) for t in behind)) - before - ends
        kept = {t for t in before if any(reader.output in behind for reader in consumers[t])}
        found.append(PipelineBreaker(node, frozenset(kept), frozenset(behind)))
    return found


def _reached(start: str, following: Mapping[str, list[str]]) -> set[str]:
    """All that follows, `start` left out."""
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        new = set(following.get(ahead.pop(), ())) - reached
        reached |= new
        ahead += new
    return reached
