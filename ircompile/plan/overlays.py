"""Tensors that live in the rows of another: overwritten by it, or a slice of it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

import numpy as np

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Array
from ircompile.plan.model import Demand

BRIEF = 1  # steps that a row in a longer one may be alive after that in which it is written


class Overlay(NamedTuple):
    """An output that may be written over the rows of one of these inputs, best first."""

    output: str
    inputs: tuple[str, ...]


def overlays_of(graph: Graph, demands: Mapping[str, Demand], lines: Set[str]) -> list[Overlay]:
    """What kernels may write over, in the order of the nodes; nodes with lines keep the row they read afterwards.

    Rather over what others read, too: a residual is there longest already, often whole.
    """
    consumers = graph.consumers()
    found = []
    for node in graph.nodes:
        position = demands[node.name].in_place
        if position is None or node.name in lines:
            continue
        names = [
            name
            for name in (node.inputs[position], *node.inputs)
            if _fits(graph, node, name, position, consumers[node.output])
            and name not in graph.output_names
            and node.inputs.count(name) == 1
        ]
        found.append(Overlay(node.output, tuple(sorted(names, key=lambda n: -len(consumers[n])))))
    return found


def _fits(graph: Graph, node: Node, name: str, position: int, readers: list[Node]) -> bool:
    """Whether an input's rows are as the output's.

    Those that the kernel names may be longer and more, but not where a reader of the output writes long rows while
    the longer ones are held.
    """
    tensor, output = graph.tensors[name], graph.tensors[node.output]
    if name == node.inputs[position] and tensor.row_bytes > output.row_bytes:
        short = all(graph.tensors[reader.output].row_bytes <= output.row_bytes for reader in readers)
        return short and tensor.height >= output.height
    if name == node.inputs[position]:
        return tensor.row_bytes == output.row_bytes and tensor.height >= output.height
    return tensor.shape == output.shape


class Slice(NamedTuple):
    """Channels of another tensor, from `channel` on."""

    whole: str
    channel: int


def slices_of(graph: Graph, demands: Mapping[str, Demand]) -> dict[str, Slice]:
    """Inputs of channel concatenations that can be written where the output is."""
    consumers = graph.consumers()
    demand_of = {node.output: demands[node.name] for node in graph.nodes}
    slices: dict[str, Slice] = {}
    for node in graph.nodes:
        if not (isinstance(node.op, ops.Concat) and node.op.axis == 2):
            continue
        own = [len(consumers[name]) == 1 and name not in graph.output_names for name in node.inputs]
        written = [name in demand_of and demand_of[name].strided for name in node.inputs]
        dense = [name in demand_of and demand_of[name].writes == "hwc" for name in node.inputs]
        if all(own) and all(written) and all(dense) and len(set(node.inputs)) == len(node.inputs):
            channels = node.op.offsets(graph.site(node))
            slices |= {name: Slice(node.output, c) for name, c in zip(node.inputs, channels, strict=False)}
    return slices


def homes_of(
    overlays: list[Overlay],
    slices: Mapping[str, Slice],
    rows: Mapping[str, tuple[int, int]],
    first: Mapping[str, Array],
    last: Mapping[str, Array],
) -> dict[str, str]:
    """The tensor in whose rows each tensor lives: its own, or one that it overwrites or is a slice of.

    `first` and `last` are the first and last step of every row, `rows` the bytes of one and how many there are. A
    row may be written over by the step that reads it last, and by none before. Where there are fewer rows, or
    shorter ones, which hold the memory of the longer, it must be in that very step; shorter ones must be read at
    once.
    """
    homes = {name: name for name in first}
    ends = {name: end.copy() for name, end in last.items()}
    for output, inputs in overlays:
        for name in inputs:
            if output not in first or name not in first or name in slices:
                continue
            home = homes[name]
            end = ends[home][: len(first[output])]
            brief = rows[output][0] == rows[home][0] or np.all(last[output] - first[output] <= BRIEF)
            in_step = rows[output] == rows[home] or np.all(end == first[output])
            if brief and in_step and np.all(end <= first[output]):
                homes[output] = home
                np.maximum(end, last[output], out=end)
                break
    for name, piece in slices.items():
        if name in homes:
            homes[name] = homes.get(piece.whole, piece.whole)
    return homes
