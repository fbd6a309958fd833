"""Removes channels that are constant for every input, or that nobody reads. No output changes by a bit.

    conv1 = Conv(3x3, 8 -> 16) (x) -> a         conv1 = Conv(3x3, 8 -> 11) (x) -> a
    dw    = Depthwise(3x3)     (a) -> b    =>   dw    = Depthwise(3x3)     (a) -> b
    conv2 = Conv(1x1, 16 -> 4) (b) -> y         conv2 = Conv(1x1, 11 -> 4) (b) -> y, what was constant in its bias

A channel is constant when its interval (`intervals.py`) is one code: at every position, borders included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ircompile.graph import Graph, Node, validate
from ircompile.ops import Binary, Conv, Depthwise, Op, Pad, Reshape, const_names
from ircompile.passes.intervals import Intervals, analyze
from ircompile.passes.live_channels import Reading, live_channels, read_conv
from ircompile.tensor import Array, Consts, Tensor


class Pruning(NamedTuple):
    """The smaller graph and, by tensor of it, the ascending channels of the original that it holds."""

    graph: Graph
    kept: Mapping[str, Array]


def prune_channels(graph: Graph) -> Graph:
    """The graph without dead and constant channels; itself where there are none."""
    return pruning(graph).graph


def pruning(graph: Graph) -> Pruning:
    """The same, with what was kept: the certificate that `check_pruning` checks."""
    graph = _without_unread(graph)
    intervals = analyze(graph)
    readings = {
        node.name: read_conv(
            node.op, graph.site(node), intervals.codes[node.inputs[0]], intervals.magnitude[node.name]
        )
        for node in graph.nodes
        if isinstance(node.op, Conv)
    }
    live = live_channels(graph, intervals, readings)
    kept = {name: np.flatnonzero(mask) for name, mask in live.items()}
    if all(mask.all() for mask in live.values()):
        return Pruning(graph, kept)
    shrink = _Shrink(graph, intervals, readings, live, kept)
    pruned = shrink.graph_of(tuple(shrink.node(node) for node in graph.nodes))
    return Pruning(validate(pruned), kept)


def _without_unread(graph: Graph) -> Graph:
    """The graph without nodes that contribute to no output."""
    wanted, nodes = set(graph.output_names), []
    for node in reversed(graph.nodes):
        if node.output in wanted:
            wanted.update(node.inputs)
            nodes.append(node)
    return graph if len(nodes) == len(graph.nodes) else graph.rebuilt(reversed(nodes))


@dataclass
class _Shrink:
    """Cuts nodes, constants and tensors down to the channels kept; collects the new constants."""

    graph: Graph
    intervals: Intervals
    readings: Mapping[str, Reading]
    live: Mapping[str, Array]
    kept: Mapping[str, Array]

    def __post_init__(self) -> None:
        self.consts: dict[str, Array] = dict(self.graph.consts)
        self.users = Counter(name for node in self.graph.nodes for name in const_names(node.op))

    def graph_of(self, nodes: tuple[Node, ...]) -> Graph:
        tensors = {name: self._tensor(tensor) for name, tensor in self.graph.tensors.items()}
        small = self.graph.rebuilt(nodes, tensors=tensors, consts=self.consts)
        written = [node.output for node in nodes if isinstance(node.op, Conv | Depthwise)]
        total = sum(len(self.live[name]) for name in written)
        gone = total - sum(len(self.kept[name]) for name in written)
        notice = f"pruned {gone} of {total} channels; live MACs {small.macs()} of {self.graph.macs()}"
        return replace(small, notices=(*self.graph.notices, notice))

    def node(self, node: Node) -> Node:
        op = node.op
        match op:
            case Conv():
                return replace(node, op=self._conv(node, op))
            case Depthwise():
                return replace(node, op=self._depthwise(node, op))
            case Binary():
                return replace(node, op=self._binary(node, op))
            case Pad():
                front, channels = op.before[2], self.graph.tensors[node.inputs[0]].channels
                live = self.live[node.output]
                before, after = int(live[:front].sum()), int(live[front + channels :].sum())
                return replace(node, op=replace(op, before=(*op.before[:2], before), after=(*op.after[:2], after)))
            case Reshape():
                return replace(node, op=Reshape((*op.shape[:2], len(self.kept[node.output]))))
            case _:
                return node

    def _tensor(self, tensor: Tensor) -> Tensor:
        height, width, _ = tensor.shape
        return replace(tensor, shape=(height, width, len(self.kept[tensor.name])))

    def _conv(self, node: Node, op: Conv) -> Op:
        """Rows and columns that stay; constant rows read nothing, constant columns move into the bias."""
        consts, rows, columns = self.graph.consts, self.kept[node.output], self.kept[node.inputs[0]]
        gone = ~self.live[node.inputs[0]]
        weights = consts[op.weights][rows][..., columns]
        fixed = self.readings[node.name].fixed[:, gone].sum(axis=1)
        bias = consts[op.bias].astype(np.int64) + fixed
        constant = self.intervals.constant(node.output)
        # A constant row keeps its code with any sum from its interval.
        reached = np.clip(self.intervals.accumulators[node.name][0], -(2**31), 2**31 - 1)
        bias = np.where(constant, reached, bias)[rows].astype(consts[op.bias].dtype)
        weights[constant[rows]] = 0
        return self._with_consts(node, op, weights, bias)

    def _depthwise(self, node: Node, op: Depthwise) -> Op:
        rows = self.kept[node.output]
        weights, bias = self.graph.consts[op.weights], self.graph.consts[op.bias]
        return self._with_consts(node, op, weights[..., rows], bias[rows])

    def _with_consts(self, node: Node, op: Conv | Depthwise, weights: Array, bias: Array) -> Op:
        scale = self.graph.consts[op.requant.scale]
        scale = scale[self.kept[node.output]] if len(scale) > 1 else scale
        return replace(
            op,
            weights=self._const(node, op.weights, weights),
            bias=self._const(node, op.bias, bias),
            requant=replace(op.requant, scale=self._const(node, op.requant.scale, scale)),
        )

    def _binary(self, node: Node, op: Binary) -> Op:
        if op.constant is None or self.graph.consts[op.constant.name].shape[2] == 1:
            return op
        value = self.graph.consts[op.constant.name][..., self.kept[node.output]]
        return replace(op, constant=replace(op.constant, name=self._const(node, op.constant.name, value)))

    def _const(self, node: Node, name: str, value: Array) -> str:
        """Records a constant cut down for `node` and returns its name: the old one where no other node has it."""
        old = self.graph.consts[name]
        if old.shape == value.shape and np.array_equal(old, value):
            return name
        if self.users[name] > 1:
            name = f"{name}.{node.name}"
        self.consts[name] = np.ascontiguousarray(value)
        return name


def weight_bytes(graph: Graph) -> int:
    """Bytes of all weights of convolutions, each constant counted once."""
    names = {node.op.weights for node in graph.nodes if isinstance(node.op, Conv | Depthwise)}
    return sum(_nbytes(graph.consts, name) for name in names)


def _nbytes(consts: Consts, name: str) -> int:
    return int(consts[name].nbytes)
