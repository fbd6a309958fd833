"""Removes channels that are constant for every input, or that nobody reads. No output changes by a bit.

    conv1 = Conv(3x3, 8 -> 16) (x) -> a         conv1 = Conv(3x3, 8 -> 11) (x) -> a
    dw    = Depthwise(3x3)     (a) -> b    =>   dw    = Depthwise(3x3)     (a) -> b
    conv2 = Conv(1x1, 16 -> 4) (b) -> y         conv2 = Conv(1x1, 11 -> 4) (b) -> y, what was constant in its bias

A channel is constant when its interval (`intervals.py`) is one code: at every position, borders included.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ircompile.analyses.intervals import analyze
from ircompile.analyses.live_channels import live_channels, read_conv
from ircompile.ir.graph import Graph, Node, Pruned
from ircompile.ir.ops import Convolution, DenseConvolution
from ircompile.ir.tensor import Array
from ircompile.ir.validate import validate
from ircompile.passes.drop_dead import drop_dead
from ircompile.passes.shrink_channels import shrink_channels


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
    total, left = (sum(g.tensors[node.output].channels for node in _convolutions(g)) for g in (graph, pruned))
    if left < total:
        notice = f"pruned {total - left:,} of {total:,} channels; live MACs {pruned.macs():,} of {graph.macs():,}"
        full = {node.name: node.op.macs(graph.site(node)) for node in graph.nodes}
        pruned = replace(pruned, notices=(*pruned.notices, notice), full_macs=full)
    return Pruning(pruned, kept)


def _convolutions(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if isinstance(node.op, Convolution)]


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


def weight_bytes(graph: Graph) -> int:
    """Bytes of all weights of convolutions, each constant counted once."""
    names = {node.op.weights for node in graph.nodes if isinstance(node.op, Convolution)}
    return sum(int(graph.consts[name].nbytes) for name in names)
