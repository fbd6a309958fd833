"""Moves, one after the other, that only choose channels: a shuffle of channels is a chain of five."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Gather, Selecting, Slice
from ircompile.ir.rewrite import writers
from ircompile.ir.tensor import Array, Rows


def fold_moves(graph: Graph) -> Graph:
    """Replaces a move by a choice of channels, where it and those before it come to that.

    a = Transpose(2, 0, 1) (x)              x: 28 x 28 x 48
    b = Reshape(24, 2, 784) (a)
    c = Transpose(1, 2, 0) (b)
    d = Slice(0, 784, 0 ..) (c)
    y = Reshape(28, 28, 24) (d)      ->     y = Gather(channels 0, 2, 4 ..) (x)

    The moves before it stay for their other readers.
    """
    written = writers(graph)
    chosen = {node.name: new for node in graph.nodes if (new := _chosen(graph, node, written))}
    return graph.rebuilt(chosen.get(node.name, node) for node in graph.nodes) if chosen else graph


def _chosen(graph: Graph, node: Node, written: Mapping[str, Node]) -> Node | None:
    """The node as a choice of channels of the tensor that lies the farthest before it; None where of none."""
    for chain in sorted(_chains(node, written), key=len, reverse=True):
        source, target = graph.tensors[chain[0].inputs[0]], graph.tensors[node.output]
        places = _places(graph, chain)
        first = places[0, 0]
        pixels = np.arange(source.height * source.width) * source.channels
        same = source.shape[:2] == target.shape[:2] and first.max() < source.channels
        if same and np.array_equal(places.reshape(-1, target.channels), pixels[:, np.newaxis] + first):
            return Node(node.name, _choice(first, target.shape), (source.name,), node.output, node.source)
    return None


def _choice(channels: Array, shape: tuple[int, int, int]) -> Selecting:
    """A slice of the channels where they follow each other."""
    follow = np.array_equal(channels, channels[0] + np.arange(len(channels)))
    return Slice((0, 0, int(channels[0])), shape) if follow else Gather(2, tuple(channels.tolist()))


def _chains(node: Node, written: Mapping[str, Node]) -> Iterator[tuple[Node, ...]]:
    """Moves that end in the node, two and more of them."""
    chain: tuple[Node, ...] = (node,) if isinstance(node.op, Selecting) else ()
    while chain and (before := written.get(chain[0].inputs[0])) and isinstance(before.op, Selecting):
        chain = (before, *chain)
        yield chain


def _places(graph: Graph, chain: Sequence[Node]) -> Array:
    """Where each code of the chain's output stands in its input, as a number in the order of its codes."""
    source = graph.tensors[chain[0].inputs[0]]
    places = np.arange(source.height * source.width * source.channels, dtype=np.int32).reshape(source.shape)
    for node in chain:
        site = graph.site(node)
        places = node.op.simulate(site, [Rows(places)], 0, site.output.height)
    return places
