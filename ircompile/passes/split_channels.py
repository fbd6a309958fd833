"""Computes an expanding convolution and the depthwise after it some channels at a time. No output changes by a bit.

    a = Conv(1x1, 8 -> 48) (x)             a_0 = Conv(1x1, 8 -> 24) (x);  b_0 = Depthwise(3x3) (a_0)
    b = Depthwise(3x3) (a)           =>    a_1 = Conv(1x1, 8 -> 24) (x);  b_1 = Depthwise(3x3) (a_1)
                                           b   = Concat(channels) (b_0, b_1)

Only one part of the wide row is alive at a time; the concatenation is free where the parts are written in place.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from ircompile.ir.graph import Graph, Node
from ircompile.ir.numerics import Requant
from ircompile.ir.ops import Concat, Conv, Depthwise, Table
from ircompile.ir.rewrite import unique, writers
from ircompile.ir.tensor import Array, Tensor
from ircompile.ir.validate import validate

STEP = 4  # channels of a part are a multiple of this, as kernels like it


def splittable(graph: Graph) -> dict[str, list[Node]]:
    """By name of a depthwise convolution: the nodes from the convolution above it down to it, nothing beside."""
    consumers, writer = graph.consumers(), writers(graph)
    chains: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if (
            not isinstance(node.op, Depthwise)
            or {node.inputs[0], node.output} & graph.history.keys()
            or _channels(graph, node.output) != _channels(graph, node.inputs[0])
        ):
            continue
        chain = [node]
        while (above := writer.get(chain[0].inputs[0])) and len(consumers[above.output]) == 1:
            if above.output in graph.lasting or not isinstance(above.op, Conv | Table):
                break
            chain.insert(0, above)
            if isinstance(above.op, Conv):
                chains[node.name] = chain
                break
    return chains


def split_channels(graph: Graph, parts: Mapping[str, int]) -> Graph:
    """The graph with the named depthwise convolutions, and what feeds them, in that many parts."""
    chains = {name: chain for name, chain in splittable(graph).items() if parts.get(name, 1) > 1}
    inside = {node.name: name for name, chain in chains.items() for node in chain}
    tensors, consts = dict(graph.tensors), dict(graph.consts)
    grown = replace(graph, tensors=tensors, consts=consts)
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name not in inside:
            nodes.append(node)
        elif inside[node.name] == node.name:
            nodes += _parts(grown, chains[node.name], ranges(_channels(graph, node.output), parts[node.name]))
    return validate(grown.rebuilt(nodes))


def split_outputs(graph: Graph, parts: Mapping[str, int]) -> Graph:
    """The graph with the named convolutions in that many parts of their own channels, concatenated.

    a = Conv(1x1, 64 -> 128) (x)    =>    a_0, a_1 = Conv(1x1, 64 -> 64) (x);  a = Concat(channels) (a_0, a_1)
    """
    tensors, consts = dict(graph.tensors), dict(graph.consts)
    grown = replace(graph, tensors=tensors, consts=consts)
    nodes: list[Node] = []
    for node in graph.nodes:
        pieces = ranges(_channels(graph, node.output), parts.get(node.name, 1))
        nodes += _parts(grown, [node], pieces) if len(pieces) > 1 else [node]
    return validate(grown.rebuilt(nodes))


def base_name(name: str) -> str:
    """The name of what a part is a part of; the name itself of anything else."""
    return re.sub(r"_part\d+$", "", name)


def part_count(graph: Graph, name: str, parts: int) -> int:
    """Into how many parts the depthwise convolution called `name` is split if `parts` are asked for."""
    node = next(node for node in graph.nodes if node.name == name)
    return len(ranges(_channels(graph, node.output), parts))


def ranges(channels: int, parts: int) -> list[tuple[int, int]]:
    """Channels in about equal parts, all but the last a multiple of STEP."""
    size = max(STEP, -(-channels // (parts * STEP)) * STEP)
    return [(first, min(first + size, channels)) for first in range(0, channels, size)]


def _parts(graph: Graph, chain: list[Node], pieces: list[tuple[int, int]]) -> list[Node]:
    """The nodes of all parts, each part's one after the other, and their concatenation."""
    nodes, last = [], chain[-1]
    for number, (first, stop) in enumerate(pieces):
        name = chain[0].inputs[0]
        for node in chain:
            output = f"{node.output}_part{number}"
            assert isinstance(graph.tensors, dict)
            graph.tensors[output] = _part_of_tensor(graph.tensors[node.output], output, stop - first)
            op = (
                _part_of_op(graph, node.op, number, first, stop)
                if isinstance(node.op, Conv | Depthwise)
                else node.op
            )
            nodes.append(Node(f"{node.name}_part{number}", op, (name,), output, node.source))
            name = output
    parts = tuple(f"{last.output}_part{number}" for number in range(len(pieces)))
    return [*nodes, Node(last.name, Concat(2), parts, last.output, last.source)]


def _part_of_tensor(tensor: Tensor, name: str, channels: int) -> Tensor:
    return replace(tensor, name=name, shape=(tensor.height, tensor.width, channels))


def _part_of_op(graph: Graph, op: Conv | Depthwise, number: int, first: int, stop: int) -> Conv | Depthwise:
    """The op for channels [first, stop) of its output; its constants go into the graph."""

    def keep(name: str, values: Array) -> str:
        assert isinstance(graph.consts, dict)
        own = unique(f"{name}_{number}", graph.consts)
        graph.consts[own] = values
        return own

    consts, requant = graph.consts, op.requant
    weights, bias = consts[op.weights], consts[op.bias]
    scale = consts[requant.scale]
    part = keep(op.weights, weights[first:stop] if isinstance(op, Conv) else weights[..., first:stop])
    own = Requant(
        requant.rounding, keep(requant.scale, scale[first:stop]), requant.zero_point, requant.low, requant.high
    )
    return replace(op, weights=part, bias=keep(op.bias, bias[first:stop]), requant=own)


def _channels(graph: Graph, name: str) -> int:
    return graph.tensors[name].channels
