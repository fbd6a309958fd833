"""Which channels of every tensor must stay: the least set that the outputs need, and that shapes allow.

A convolution needs the input channels that its live rows multiply by something, unless they are constant and can
move into the bias. Most other ops tie each output channel to one channel of each input (a *lane*): tied channels
stay or go together.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ircompile.analyses.intervals import Intervals
from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import DenseConvolution, Depthwise
from ircompile.ir.ops.borders import class_sums
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Site
from ircompile.qtype import INT32


class Reading(NamedTuple):
    """What a dense convolution wants of its input.

    `needs` bool (C_out, C_in) says on which channels each row depends,
    and `fixed` int64 (C_out, C_in), what each other channel adds to the row's accumulator, at every position.
    """

    needs: Array
    fixed: Array


def read_conv(op: DenseConvolution, site: Site, codes: Range, magnitude: Array) -> Reading:
    """Reading of a dense convolution whose input codes are bounded by `codes`.

    A channel of one code c adds w * (c - zero_point) for each tap inside the map; it needs no reading where that is
    the same in all border classes, as it is without padding, and wherever c is the zero point.
    """
    low, high = codes
    weights = site.consts[op.weights]
    classes = op.tap_classes(site)
    inside = np.asarray(classes[0].any(axis=0))[:, np.newaxis] & np.asarray(classes[1].any(axis=0))
    needs = (weights[:, inside] != 0).any(axis=1)
    fixed = np.zeros(needs.shape, np.int64)
    constant = np.flatnonzero(low == high)
    taps = weights[..., constant].transpose(1, 2, 0, 3).astype(np.int64) * (
        low[constant] - site.inputs[0].zero_point
    )
    sums = class_sums(taps, classes)
    same = (sums == sums[0]).all(axis=0)
    same &= (sums[0] == 0) | (magnitude <= INT32.high)[:, np.newaxis]  # the new bias must fit int32
    fixed[:, constant] = np.where(same, sums[0], 0)
    needs[:, constant] &= ~same
    return Reading(needs, fixed)


def live_channels(graph: Graph, intervals: Intervals, readings: Mapping[str, Reading]) -> dict[str, Array]:
    """bool (C,) by tensor: what stays. Inputs, outputs and states stay whole; every tensor keeps a channel."""
    kept = {name: np.zeros(tensor.channels, bool) for name, tensor in graph.tensors.items()}
    for name in (*graph.input_names, *graph.lasting):
        kept[name][:] = True
    while True:
        _spread_until_stable(graph, intervals, readings, kept)
        before = _count(kept)
        for name, mask in kept.items():
            if not mask.any():
                mask[np.argmax(intervals.constant(name))] = True  # a constant one, if any: it reads nothing
        for node in graph.nodes:
            if isinstance(node.op, Depthwise):
                _even_groups(kept[node.inputs[0]], kept[node.output])
        if _count(kept) == before:
            return kept


def _count(kept: Mapping[str, Array]) -> int:
    return sum(int(mask.sum()) for mask in kept.values())


def _even_groups(inputs: Array, outputs: Array) -> None:
    """Marks output channels of a depthwise until each input channel kept has as many as any other."""
    groups = outputs.reshape(len(inputs), -1)
    size = max(int(groups.sum(axis=1).max()), 1)
    missing = np.where(inputs, size - groups.sum(axis=1), 0)
    # the first unmarked ones of each group
    groups |= ~groups & (np.cumsum(~groups, axis=1) <= missing[:, np.newaxis])


def _spread_until_stable(
    graph: Graph, intervals: Intervals, readings: Mapping[str, Reading], kept: dict[str, Array]
) -> None:
    """Marks in `kept` all that the marked channels need, against and along the order of execution."""
    before = -1
    while before != _count(kept):
        before = _count(kept)
        for node in (*reversed(graph.nodes), *graph.nodes):
            if isinstance(node.op, DenseConvolution):
                rows = kept[node.output] & ~intervals.constant(node.output)
                kept[node.inputs[0]] |= readings[node.name].needs[rows].any(axis=0)
            else:
                _tie(node, node.op.lanes(graph.site(node)), kept)


def _tie(node: Node, tied: tuple[Array, ...] | None, kept: dict[str, Array]) -> None:
    """Marks the channels that share a lane with a marked one; a multiplier's outputs only by `_even_groups`."""
    output = kept[node.output]
    if tied is None:
        for name in (*node.inputs, node.output):
            kept[name][:] = True
        return
    for name, lane in zip(node.inputs, tied, strict=True):
        if not isinstance(node.op, Depthwise):
            output |= kept[name][lane] & (lane >= 0)
    for name, lane in zip(node.inputs, tied, strict=True):
        kept[name][lane[output & (lane >= 0)]] = True
