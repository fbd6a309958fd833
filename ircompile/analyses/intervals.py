"""What every code and every accumulator can be, for any input whatever.

    x (8, 8, 2) in [-128, 127]
    conv1: acc[0] = 300 + 2 * (x[0] + 128), requantized by 1/4 and clamped to 127
        accumulators conv1: low [300], high [810];  codes y: low [75], high [127]

Interval arithmetic channel by channel. Where the inputs of a node may take any code of their intervals at every
pixel, independently, both ends of each interval are reached; they are sound whatever the inputs are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ircompile.analyses.borders import Convolution, class_sums, tap_classes
from ircompile.analyses.interval_rules import Range, codes_of, full_range
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import Requant, quantize_multiplier, requantize
from ircompile.ir.ops import Conv, Depthwise, TransposeConv
from ircompile.ir.tensor import Array, Consts, Site

INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Intervals:
    """Inclusive bounds per channel, int64 arrays (C,).

    `codes` by tensor name. `sums` by the name of a convolution of any kind: the sum with its bias, over all border
    classes. `accumulators`: the same as it enters the requantization, which is all of int32 where the sum can leave
    that and wrap. `magnitude` bounds |any partial sum|, in whatever order the
    taps and the bias are added.
    """

    codes: Mapping[str, Range]
    accumulators: Mapping[str, Range]
    sums: Mapping[str, Range]
    magnitude: Mapping[str, Array]

    def constant(self, tensor: str) -> Array:
        """bool (C,): the channels that hold one code at every pixel, for every input."""
        low, high = self.codes[tensor]
        return np.asarray(low == high)


def analyze(graph: Graph) -> Intervals:
    """Walks the nodes once, in execution order."""
    codes: dict[str, Range] = {name: full_range(graph.tensors[name]) for name in graph.input_names}
    accumulators: dict[str, Range] = {}
    sums: dict[str, Range] = {}
    magnitude: dict[str, Array] = {}
    for node in graph.nodes:
        site = graph.site(node)
        inputs = [codes[name] for name in node.inputs]
        if isinstance(node.op, Conv | Depthwise | TransposeConv):
            sums[node.name], magnitude[node.name] = _accumulate(node.op, site, inputs[0])
            acc = accumulators[node.name] = wrapped(sums[node.name])
            codes[node.output] = requantized_range(acc, node.op.requant, graph.consts)
        else:
            codes[node.output] = codes_of(node.op, site, inputs)
    return Intervals(codes, accumulators, sums, magnitude)


def wrapped(sums: Range) -> Range:
    """The interval of int32 accumulators that hold sums of an interval."""
    low, high = sums
    leaves = (high > INT32_MAX) | (low < -INT32_MAX - 1)
    return np.where(leaves, -INT32_MAX - 1, low), np.where(leaves, INT32_MAX, high)


def notice_overflow(graph: Graph) -> Graph:
    """The graph with the notices of `check_overflow`; itself where there are none."""
    notices = check_overflow(graph, analyze(graph))
    return replace(graph, notices=(*graph.notices, *notices)) if notices else graph


def check_overflow(graph: Graph, intervals: Intervals) -> tuple[str, ...]:
    """A notice for each node whose sum can leave int32, where it wraps in framework, simulation and C."""
    notices = []
    for node in graph.nodes:
        if node.name not in intervals.sums:
            continue
        low, high = intervals.sums[node.name]
        outside = np.flatnonzero((high > INT32_MAX) | (low < -INT32_MAX - 1))
        moving = intervals.magnitude[node.name] > np.abs(low) * (low == high)
        passing = np.flatnonzero((intervals.magnitude[node.name] > INT32_MAX) & moving)
        where = f"{node.source or node.name}:"
        if outside.size:
            c = outside[0]
            notices.append(
                f"{where} the accumulators of {outside.size} channels can overflow int32 "
                f"(channel {c} lies in [{low[c]:,}, {high[c]:,}]): they wrap, which no framework defines"
            )
        elif passing.size:
            notices.append(f"{where} partial sums of {passing.size} channels can leave int32 and return")
    return tuple(notices)


def _accumulate(op: Convolution, site: Site, codes: Range) -> tuple[Range, Array]:
    """Interval of the accumulator over all border classes, and the bound of partial sums."""
    source, bias = site.inputs[0], site.consts[op.bias].astype(np.int64)
    low, high = (bound - source.zero_point for bound in codes)
    weights = site.consts[op.weights].astype(np.float64)
    # An input in [low, high] is (low + high) / 2 +- (high - low) / 2; doubled, all sums are integers, exact in
    # float64: below 2^9 * 2^16 * the taps.
    spread = np.stack([low + high, high - low, np.maximum(np.abs(low), np.abs(high))]).astype(np.float64)
    if not isinstance(op, Depthwise):
        middle = weights @ spread[0]
        radius, bound = np.moveaxis(np.abs(weights) @ spread[1:].T, -1, 0)
        middle, radius, bound = (a.transpose(1, 2, 0) for a in (middle, radius, bound))
    else:
        spread = np.repeat(spread, len(bias) // source.channels, axis=1)
        middle, (radius, bound) = weights * spread[0], np.abs(weights) * spread[1:, np.newaxis, np.newaxis]
    ends = np.stack([middle - radius, middle + radius], axis=-1).astype(np.int64) // 2
    sums = class_sums(ends, tap_classes(op, site))
    magnitude = bound.sum(axis=(0, 1)).astype(np.int64) + np.abs(bias)
    return (sums[..., 0].min(axis=0) + bias, sums[..., 1].max(axis=0) + bias), magnitude


def requantized_range(acc: Range, requant: Requant, consts: Consts) -> Range:
    """Interval of the codes of accumulators in an interval.

    Every rounding is monotone, up or down, in the accumulator, so that its ends give the ends; but not where its
    left shift can wrap, for which any code is assumed.
    """
    with np.errstate(over="ignore"):
        ends = np.stack([requantize(end, requant, consts) for end in acc]).astype(np.int64)
    wraps = np.zeros(acc[0].shape, bool)
    if requant.rounding in ("double", "single"):
        shift = quantize_multiplier(consts[requant.scale])[1]
        wraps |= shift > 30
        if requant.rounding == "double":
            factor = 2.0 ** np.maximum(shift, 0)
            wraps |= (acc[1] * factor > INT32_MAX) | (acc[0] * factor < -INT32_MAX - 1)
    low = np.where(wraps, requant.low, ends.min(axis=0))
    return low, np.where(wraps, requant.high, ends.max(axis=0))
