"""Cuts a graph down to the channels that stay: tensors, weights, biases, scales, and what ops say of channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ircompile.analyses.borders import Convolution
from ircompile.analyses.intervals import Intervals
from ircompile.analyses.live_channels import Reading
from ircompile.ir.graph import Graph, Node
from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.ops import Binary, Conv, Depthwise, Op, Pad, Prelu, Reshape, Slice, TransposeConv, const_names
from ircompile.ir.tensor import Array, Consts, Tensor
from ircompile.qtype import INT32


def shrink_channels(
    graph: Graph, intervals: Intervals, readings: Mapping[str, Reading], live: Mapping[str, Array]
) -> Graph:
    """The graph of the live channels; the very same if that changes nothing."""
    shrink = _Shrink(graph, intervals, readings, live, {name: np.flatnonzero(mask) for name, mask in live.items()})
    small = shrink.graph_of(tuple(shrink.node(node) for node in graph.nodes))
    same = small.tensors == graph.tensors and small.nodes == graph.nodes and not shrink.changed
    return graph if same else small


def smallest_sums(sums: Array, requant: Requant, consts: Consts) -> Array:
    """The sums nearest to 0, by bisection, that give each channel (C,) the code which `sums` give it.

    The importers' biases of constant channels are often as large as int32 allows; kernels like small ones.
    """
    sums = np.clip(sums, *INT32.range)
    codes = requantize(sums, requant, consts)
    sums = np.where(requantize(np.zeros_like(sums), requant, consts) == codes, 0, sums)
    other = np.zeros_like(sums)
    while np.any(np.abs(sums - other) > 1):
        middle = other + (sums - other) // 2
        good = requantize(middle, requant, consts) == codes
        sums, other = np.where(good, middle, sums), np.where(good, other, middle)
    return sums


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
        self.changed = False
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
        """Rows and columns that stay; constant columns move into the bias."""
        rows, columns = self.kept[node.output], self.kept[node.inputs[0]]
        weights, bias = self.graph.consts[op.weights], self.graph.consts[op.bias].astype(np.int64)
        bias = bias + self.readings[node.name].fixed[:, ~self.live[node.inputs[0]]].sum(axis=1)
        return self._with_consts(node, op, weights[rows][..., columns], bias)

    def _depthwise(self, node: Node, op: Depthwise) -> Op:
        weights, bias = self.graph.consts[op.weights], self.graph.consts[op.bias].astype(np.int64)
        return self._with_consts(node, op, weights[..., self.kept[node.output]], bias)

    def _with_consts(self, node: Node, op: Convolution, weights: Array, bias: Array) -> Op:
        """The op with cut weights, `bias` and scale; constant rows read nothing."""
        consts, rows = self.graph.consts, self.kept[node.output]
        constant = self.intervals.constant(node.output)
        if constant[rows].any():
            weights = np.where(_rows(constant[rows], op), 0, weights).astype(weights.dtype)
            sums = smallest_sums(self.intervals.accumulators[node.name][0], op.requant, consts)
            bias = np.where(constant, sums, bias)
        scale = consts[op.requant.scale]
        return replace(
            op,
            weights=self._const(node, op.weights, weights),
            bias=self._const(node, op.bias, bias[rows].astype(consts[op.bias].dtype)),
            requant=replace(
                op.requant,
                scale=self._const(node, op.requant.scale, scale[rows] if len(scale) > 1 else scale),
            ),
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
        self.changed = True
        if self.users[name] > 1:
            name = f"{name}.{node.name}"
        self.consts[name] = np.ascontiguousarray(value)
        return name


def _rows(mask: Array, op: Convolution) -> Array:
    """bool (C_out,) as it broadcasts over weights."""
    return mask if isinstance(op, Depthwise) else mask[:, np.newaxis, np.newaxis, np.newaxis]
