"""Tensors that live in the rows of another one: they are written over it, or they are channels of it."""

from collections.abc import Mapping, Set
from typing import NamedTuple

import numpy as np

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Array
from ircompile.plan.model import Demand, RowShape

BRIEF = 1
"""Steps after the one that writes it, during which a row that lies over a longer one may be alive."""


class InPlaceAlias(NamedTuple):
    """An output that may be written over the rows of one of these inputs; the best comes first."""

    output: str
    inputs: tuple[str, ...]


def aliases_of(graph: Graph, demands: Mapping[str, Demand], line_buffers: Set[str]) -> list[InPlaceAlias]:
    """What each kernel may write over, in the order of the nodes.

    A node with a line buffer cannot, because it copies the row that it has read after it has written. Inputs with
    most readers come first: a residual lives longest anyway, often as a whole.
    """
    consumers = graph.consumers()
    found = []
    for node in graph.nodes:
        position = demands[node.name].in_place
        if position is None or node.name in line_buffers or node.output in graph.history:
            continue
        names = [
            name
            for name in (node.inputs[position], *node.inputs)
            if _fits(graph, node, name, position, consumers[node.output])
            and name not in graph.lasting
            and node.inputs.count(name) == 1
        ]
        found.append(InPlaceAlias(node.output, tuple(sorted(names, key=lambda n: -len(consumers[n])))))
    return found


def _fits(graph: Graph, node: Node, name: str, position: int, readers: list[Node]) -> bool:
    """Whether the output can stand in the rows of this input.

    Of the input that the kernel names, rows may be longer and more numerous than the output's. Longer rows are not
    taken if a reader of the output writes longer rows than the output's, as these would come on top.
    """
    tensor, output = graph.tensors[name], graph.tensors[node.output]
    if name == node.inputs[position] and tensor.row_bytes > output.row_bytes:
        short = all(graph.tensors[reader.output].row_bytes <= output.row_bytes for reader in readers)
        return short and tensor.height >= output.height
    if name == node.inputs[position]:
        return tensor.row_bytes == output.row_bytes and tensor.height >= output.height
    return tensor.shape == output.shape


class ChannelSlice(NamedTuple):
    """A tensor that is a part of another one: its channels from `channel` on."""

    whole: str
    channel: int


def slices_of(graph: Graph, demands: Mapping[str, Demand]) -> dict[str, ChannelSlice]:
    """The inputs of channel concatenations that can be written where the output is, by name."""
    consumers = graph.consumers()
    demand_of = {node.output: demands[node.name] for node in graph.nodes}
    slices: dict[str, ChannelSlice] = {}
    for node in graph.nodes:
        if not (isinstance(node.op, ops.Concat) and node.op.axis == 2) or node.output in graph.history:
            continue
        own = [len(consumers[name]) == 1 and name not in graph.lasting for name in node.inputs]
        written = [name in demand_of and demand_of[name].strided for name in node.inputs]
        dense = [name in demand_of and demand_of[name].writes == "hwc" for name in node.inputs]
        if all(own) and all(written) and all(dense) and len(set(node.inputs)) == len(node.inputs):
            channels = node.op.offsets(graph.site(node))
            slices |= {name: ChannelSlice(node.output, c) for name, c in zip(node.inputs, channels, strict=False)}
    return slices


def alias_roots_of(
    aliases: list[InPlaceAlias],
    slices: Mapping[str, ChannelSlice],
    rows: Mapping[str, RowShape],
    first: Mapping[str, Array],
    last: Mapping[str, Array],
) -> dict[str, str]:
    """By name of a tensor the one in whose rows it lives: itself, one that it overwrites, or one it is a part of.

    `rows` are the bytes of a row and the number of rows, `first` and `last` the live ranges. A row may be written
    over in the step that reads it last, and in no earlier step. Where the output's rows are fewer or shorter than
    those below, the row below must die in the very step that writes over it. Shorter rows hold the memory of the
    longer ones, so they must be read at once.
    """
    roots = {name: name for name in first}
    ends = {name: end.copy() for name, end in last.items()}
    for output, inputs in aliases:
        for name in inputs:
            if output not in first or name not in first or name in slices:
                continue
            root = roots[name]
            end = ends[root][: len(first[output])]
            brief = rows[output].bytes == rows[root].bytes or np.all(last[output] - first[output] <= BRIEF)
            in_step = rows[output] == rows[root] or np.all(end == first[output])
            if brief and in_step and np.all(end <= first[output]):
                roots[output] = root
                np.maximum(end, last[output], out=end)
                break
    for name, piece in slices.items():
        if name in roots:
            roots[name] = roots.get(piece.whole, piece.whole)
    return roots
