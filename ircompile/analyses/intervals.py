"""What every code and every accumulator can be, for any input whatever.

    x (8, 8, 2) in [-128, 127]
    conv1: acc[0] = 300 + 2 * (x[0] + 128), requantized by 1/4 and clamped to 127
        accumulators conv1: low [300], high [810];  codes y: low [75], high [127]

Interval arithmetic channel by channel. Where the inputs of a node may take any code of their intervals at every
pixel, independently, both ends of each interval are reached; they are sound whatever the inputs are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.ops import Convolution
from ircompile.ir.ops.ranges import Range, full_range, requantized
from ircompile.ir.tensor import Array


@dataclass(frozen=True)
class Intervals:
    """Inclusive bounds per channel, int64 arrays (C,).

    `codes` by tensor name. `sums` by the name of a convolution of any kind: the sum with its bias, over all border
    classes. `accumulators`: the same as it enters the requantization, which is all of int32 where the sum can leave
    that and wrap; accumulators of 64 bits do not. `magnitude` bounds |any partial sum|, in whatever order the
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
    known = [*graph.input_names, *graph.history]
    codes: dict[str, Range] = {name: full_range(graph.tensors[name]) for name in known}
    initial = {state.tensor: graph.consts[state.initial].astype(np.int64) for state in graph.states}
    accumulators: dict[str, Range] = {}
    sums: dict[str, Range] = {}
    magnitude: dict[str, Array] = {}
    for node in graph.nodes:
        site = graph.site(node)
        inputs = [codes[name] for name in node.inputs]
        if isinstance(node.op, Convolution):
            sums[node.name], magnitude[node.name] = node.op.sum_bounds(site, inputs[0])
            acc = accumulators[node.name] = node.op.accumulated(sums[node.name])
            codes[node.output] = requantized(acc, node.op.requant, graph.consts)
        else:
            codes[node.output] = node.op.bounds(site, inputs)
        if (held := initial.get(node.output)) is not None:
            low, high = codes[node.output]
            codes[node.output] = np.minimum(low, held.min((0, 1))), np.maximum(high, held.max((0, 1)))
    return Intervals(codes, accumulators, sums, magnitude)
