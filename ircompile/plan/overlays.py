"""Tensors that live in the rows of another: overwritten by it, or a slice of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ircompile import ops
from ircompile.graph import Graph
from ircompile.plan.model import Demand
from ircompile.tensor import Array


class Overlay(NamedTuple):
    """An output that may be written over the rows of one of these inputs, best first."""

    output: str
    inputs: tuple[str, ...]


def overlays_of(graph: Graph, demands: Mapping[str, Demand]) -> list[Overlay]:
    """What kernels may write over, in the order of the nodes.

    Rather over what others read, too: a residual is there longest already, often whole.
    """
    consumers = graph.consumers()
    found = []
    for node in graph.nodes:
        position = demands[node.name].in_place
        if position is None:
            continue
        names = [
            name
            for name in (node.inputs[position], *node.inputs)
            if graph.tensors[name].shape == graph.tensors[node.output].shape
            and name not in graph.output_names
            and node.inputs.count(name) == 1
        ]
        found.append(Overlay(node.output, tuple(sorted(names, key=lambda n: -len(consumers[n])))))
    return found


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
    overlays: list[Overlay], slices: Mapping[str, Slice], first: Mapping[str, Array], last: Mapping[str, Array]
) -> dict[str, str]:
    """The tensor in whose rows each tensor lives: its own, or one that it overwrites or is a slice of.

    `first` and `last` are the first and last step of every row; a row may be written over by the step that reads it
    last, and by none before.
    """
    homes = {name: name for name in first}
    ends = {name: end.copy() for name, end in last.items()}
    for output, inputs in overlays:
        for name in inputs:
            if output not in first or name not in first or name in slices:
                continue
            home = homes[name]
            if np.all(ends[home] <= first[output]):
                homes[output] = home
                np.maximum(ends[home], last[output], out=ends[home])
                break
    for name, piece in slices.items():
        if name in homes:
            homes[name] = homes.get(piece.whole, piece.whole)
    return homes
