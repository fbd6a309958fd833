"""Removes channels that are constant for every input, or that nobody reads. No output changes by a bit.

    conv1 = Conv(3x3, 8 -> 16) (x) -> a         conv1 = Conv(3x3, 8 -> 11) (x) -> a
    dw    = Depthwise(3x3)     (a) -> b    =>   dw    = Depthwise(3x3)     (a) -> b
    conv2 = Conv(1x1, 16 -> 4) (b) -> y         conv2 = Conv(1x1, 11 -> 4) (b) -> y, what was constant in its bias

A channel is constant when its interval (`intervals.py`) is one code: at every position, borders included.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ircompile.analyses.intervals import Intervals, analyze
from ircompile.analyses.live_channels import Reading, live_channels, read_conv
from ircompile.ir.graph import Graph, Node, Pruned
from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.ops import Convolution, DenseConvolution, Op, const_names
from ircompile.ir.tensor import Array, Consts, Tensor
from ircompile.ir.validate import validate
from ircompile.passes.drop_dead import drop_dead
from ircompile.qtype import INT32


class Pruning(NamedTuple):
    """The smaller graph and, by tensor of it, the ascending channels of the original that it holds."""

    graph: Graph
    kept: Mapping[str, Array]


def prune_channels(graph: Graph) -> Graph:
    """The graph without dead and constant channels; itself where there are none.

    A constant channel that must stay, as one of an output or a residual must, reads nothing any more.
    """
    small = pruning(graph)
    if small.graph is graph:
        return graph
    return replace(small.graph, pruned=(*graph.pruned, Pruned(graph, small.graph, small.kept)))


def pruning(graph: Graph) -> Pruning:
    """The same, with what was kept: the certificate that `check_pruning` checks."""
    pruned = drop_dead(graph)
    kept = {name: np.arange(tensor.channels) for name, tensor in pruned.tensors.items()}
    while True:
        again, cut = _pruned_once(pruned)
        kept = {name: kept[name][channels] for name, channels in cut.items()}
        if again is pruned:
            break
        pruned = again
    total, left = (
        sum(g.tensors[node.output].channels for node in g.nodes if isinstance(node.op, Convolution))
        for g in (graph, pruned)
    )
    if left < total:
        notice = f"pruned {total - left:,} of {total:,} channels; live MACs {pruned.macs():,} of {graph.macs():,}"
        full = {node.name: node.op.macs(graph.site(node)) for node in graph.nodes}
        pruned = replace(pruned, notices=(*pruned.notices, notice), full_macs=full)
    return Pruning(pruned, kept)


def _pruned_once(graph: Graph) -> Pruning:
    """One round; the least set of channels is found at once but for what multipliers are filled up with."""
    intervals = analyze(graph)
    readings = {
        node.name: read_conv(
            node.op, graph.site(node), intervals.codes[node.inputs[0]], intervals.magnitude[node.name]
        )
        for node in graph.nodes
        if isinstance(node.op, DenseConvolution)
    }
    live = live_channels(graph, intervals, readings)
    small = shrink_channels(graph, intervals, readings, live)
    return Pruning(small if small is graph else validate(small), {n: np.flatnonzero(m) for n, m in live.items()})


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
    sums = sums if requant.rounding == "wide" else np.clip(sums, *INT32.range)
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
        if isinstance(node.op, Convolution):
            return replace(node, op=self._convolution(node, node.op))
        inputs, output = [self.live[name] for name in node.inputs], self.live[node.output]

        def cut(name: str) -> str:
            return self._last_axis(node, name)

        return replace(node, op=node.op.on_channels(self.graph.site(node), inputs, output, cut))

    def _tensor(self, tensor: Tensor) -> Tensor:
        height, width, _ = tensor.shape
        return replace(tensor, shape=(height, width, len(self.kept[tensor.name])))

    def _convolution(self, node: Node, op: Convolution) -> Op:
        """Rows and columns that stay; constant columns move into the bias; constant rows read nothing."""
        consts, rows = self.graph.consts, self.kept[node.output]
        weights, bias = consts[op.weights].take(rows, op.channel_axis), consts[op.bias].astype(np.int64)
        if isinstance(op, DenseConvolution):
            weights = weights[..., self.kept[node.inputs[0]]]
            bias = bias + self.readings[node.name].fixed[:, ~self.live[node.inputs[0]]].sum(axis=1)
        constant = self.intervals.constant(node.output)
        if constant[rows].any():
            weights = np.where(op.along(constant[rows]), 0, weights).astype(weights.dtype)
            sums = smallest_sums(self.intervals.accumulators[node.name][0], op.requant, consts)
            bias = np.where(constant, sums, bias)
        scale = consts[op.requant.scale]
        return op.with_parts(
            self._const(node, op.weights, weights),
            self._const(node, op.bias, bias[rows].astype(consts[op.bias].dtype)),
            replace(
                op.requant, scale=self._const(node, op.requant.scale, scale[rows] if len(scale) > 1 else scale)
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
