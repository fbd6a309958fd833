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
from ircompile.ops import Binary, Conv, Depthwise, Op, Pad, Prelu, Reshape, Slice, TransposeConv, const_names
from ircompile.passes.borders import Convolution
from ircompile.passes.intervals import Intervals, analyze
from ircompile.passes.live_channels import Reading, live_channels, read_conv
from ircompile.tensor import Array, Tensor


class Pruning(NamedTuple):
    """The smaller graph and, by tensor of it, the ascending channels of the original that it holds."""

    graph: Graph
    kept: Mapping[str, Array]


def prune_channels(graph: Graph) -> Graph:
    """The graph without dead and constant channels; itself where there are none."""
    return pruning(graph).graph


def pruning(graph: Graph) -> Pruning:
    """The same, with what was kept: the certificate that `check_pruning` checks."""
    pruned = _without_unread(graph)
    kept = {name: np.arange(tensor.channels) for name, tensor in pruned.tensors.items()}
    while True:
        again, cut = _pruned_once(pruned)
        kept = {name: kept[name][channels] for name, channels in cut.items()}
        if again is pruned:
            break
        pruned = again
    if pruned is not graph:
        notice = f"pruned {_lost(graph, pruned)}; live MACs {pruned.macs()} of {graph.macs()}"
        pruned = replace(pruned, notices=(*graph.notices, notice))
    return Pruning(pruned, kept)


def _lost(graph: Graph, pruned: Graph) -> str:
    """How many of all channels that convolutions write are gone."""
    total, left = (sum(g.tensors[node.output].channels for node in _convolutions(g)) for g in (graph, pruned))
    return f"{total - left} of {total} channels"


def _convolutions(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if isinstance(node.op, Conv | Depthwise | TransposeConv)]


def _pruned_once(graph: Graph) -> Pruning:
    """One round; the least set of channels is found at once but for what multipliers are filled up with."""
    intervals = analyze(graph)
    readings = {
        node.name: read_conv(
            node.op, graph.site(node), intervals.codes[node.inputs[0]], intervals.magnitude[node.name]
        )
        for node in graph.nodes
        if isinstance(node.op, Conv | TransposeConv)
    }
    live = live_channels(graph, intervals, readings)
    kept = {name: np.flatnonzero(mask) for name, mask in live.items()}
    if all(mask.all() for mask in live.values()):
        return Pruning(graph, kept)
    shrink = _Shrink(graph, intervals, readings, live, kept)
    return Pruning(validate(shrink.graph_of(tuple(shrink.node(node) for node in graph.nodes))), kept)


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
        return self.graph.rebuilt(nodes, tensors=tensors, consts=self.consts)

    def node(self, node: Node) -> Node:
        op = node.op
        match op:
            case Conv() | TransposeConv():
                return replace(node, op=self._conv(node, op))
            case Depthwise():
                return replace(node, op=self._depthwise(node, op))
            case Binary():
                constant = op.constant and replace(op.constant, name=self._last_axis(node, op.constant.name))
                return replace(node, op=replace(op, constant=constant))
            case Pad():
                front, channels = op.before[2], self.graph.tensors[node.inputs[0]].channels
                live = self.live[node.output]
                before, after = int(live[:front].sum()), int(live[front + channels :].sum())
                return replace(node, op=replace(op, before=(*op.before[:2], before), after=(*op.after[:2], after)))
            case Prelu():
                return replace(node, op=replace(op, alpha=self._last_axis(node, op.alpha)))
            case Slice():
                before = int(self.live[node.inputs[0]][: op.begin[2]].sum())
                shape = (*op.shape[:2], len(self.kept[node.output]))
                return replace(node, op=replace(op, begin=(*op.begin[:2], before), shape=shape))
            case Reshape():
                return replace(node, op=Reshape((*op.shape[:2], len(self.kept[node.output]))))
            case _:
                return node

    def _tensor(self, tensor: Tensor) -> Tensor:
        height, width, _ = tensor.shape
        return replace(tensor, shape=(height, width, len(self.kept[tensor.name])))

    def _conv(self, node: Node, op: Conv | TransposeConv) -> Op:
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

    def _with_consts(self, node: Node, op: Convolution, weights: Array, bias: Array) -> Op:
        scale = self.graph.consts[op.requant.scale]
        scale = scale[self.kept[node.output]] if len(scale) > 1 else scale
        return replace(
            op,
            weights=self._const(node, op.weights, weights),
            bias=self._const(node, op.bias, bias),
            requant=replace(op.requant, scale=self._const(node, op.requant.scale, scale)),
        )

    def _last_axis(self, node: Node, name: str) -> str:
        """A constant (H or 1, W or 1, C or 1) of the channels that `node` still writes."""
        value = self.graph.consts[name]
        return name if value.shape[2] == 1 else self._const(node, name, value[..., self.kept[node.output]])

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
    names = {node.op.weights for node in graph.nodes if isinstance(node.op, Conv | Depthwise | TransposeConv)}
    return sum(int(graph.consts[name].nbytes) for name in names)
