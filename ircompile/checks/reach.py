"""The codes and sums that inputs can reach at most, once more and by other means: the ground of the other checks.

`analyses/intervals.py` asks each op for a rule; here the ops themselves run, on the lowest and on the highest codes
of their inputs, and what convolutions add up is found for each kind of window. Rules are compared with this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType

import numpy as np

from ircompile.checks.windows import Convolution, Ends, all_sums, kinds_of
from ircompile.ir.graph import Graph, Node
from ircompile.ir.numerics import Requant, quantize_multiplier, requantize
from ircompile.ir.ops import (
    ArgMax,
    AveragePool,
    Binary,
    Concat,
    Copy,
    Extreme,
    Flip,
    L2Normalization,
    MaxPool,
    Mean,
    MeanOfSums,
    Moving,
    Op,
    PixelTable,
    Prelu,
    Rescale,
    Resize,
    RunningSum,
    Sigmoid,
    Softmax,
    Table,
)
from ircompile.ir.tensor import Array, Consts, Rows, Site, Tensor
from ircompile.qtype import INT8, INT32

MONOTONE = (Extreme, Mean, Moving, Resize, Sigmoid)
"""Never decreasing in any code of their inputs, so that running them on both ends bounds their output."""


@dataclass(frozen=True)
class Reach:
    """The ends of every tensor's codes, and of the sums of each convolution, bias included, before they wrap."""

    codes: Mapping[str, Ends]
    sums: Mapping[str, Ends]


def reach(graph: Graph, claimed: Mapping[str, tuple[Array, Array]] = MappingProxyType({})) -> Reach:
    """Runs every node on the lowest and on the highest codes of its inputs; inputs of the graph have any code.

    The output of an operator that is not known here has the `claimed` codes, or else any.
    """
    sums: dict[str, Ends] = {}
    codes = {name: _any_code(graph.tensors[name]) for name in (*graph.input_names, *graph.history)}
    initial = {state.tensor: graph.consts[state.initial] for state in graph.states}
    for node in graph.nodes:
        inputs, site = [codes[name] for name in node.inputs], graph.site(node)
        if isinstance(node.op, Convolution):
            bias = site.consts[node.op.bias].astype(np.int64)
            sums[node.name] = ends = Ends(*(side + bias for side in all_sums(node.op, site, inputs[0])))
            found = _requantized(ends, node.op.requant, site.consts)
        else:
            found = _output(node, site, inputs) or Ends(*claimed.get(node.output, _any_code(site.output)))
        if (
            held := initial.get(node.output)
        ) is not None:  # each row is one that some call computed, or a first one
            found = _hull(site.output, *found, held)
        codes[node.output] = found
    return Reach(codes, sums)


def _any_code(tensor: Tensor) -> Ends:
    return _all(tensor, *tensor.qtype.range)


def _all(tensor: Tensor, low: int, high: int) -> Ends:
    return Ends(np.full(tensor.channels, low, np.int64), np.full(tensor.channels, high, np.int64))


def _hull(tensor: Tensor, *maps: Array) -> Ends:
    """The ends of all pixels of some maps (..., C)."""
    flat = [
        np.broadcast_to(each, (*each.shape[:-1], tensor.channels)).reshape(-1, tensor.channels) for each in maps
    ]
    least, most = (np.stack([end(each, axis=0) for each in flat]) for end in (np.min, np.max))
    return Ends(least.min(axis=0).astype(np.int64), most.max(axis=0).astype(np.int64))


def _output(node: Node, site: Site, inputs: list[Ends]) -> Ends | None:
    """The ends of what a node gives; None where nothing is known of its op."""
    op = node.op
    match op:
        case MaxPool() | AveragePool():
            return _pooled(op, site, inputs[0])
        case Table():
            return _looked_up(site.consts[op.table], inputs[0])
        case PixelTable():
            return _hull(site.output, site.consts[op.tables].T)
        case ArgMax():
            return _all(site.output, 0, site.inputs[0].channels - 1)
        case Rescale() if site.inputs[0].qtype.span * max(op.positive, abs(op.negative)) >= 2.0**30:
            return _all(site.output, op.low, op.high)
        case Prelu() if _prelu_may_wrap(op, site):
            return _any_code(site.output)
        case Rescale() | Prelu():
            return _around_zero(op, site, inputs[0])
        case Binary():
            return _binary(op, site, inputs)
        case Flip() | Copy() | Concat(axis=2):
            return _on_a_pixel(op, site, [[ends[side] for ends in inputs] for side in (0, 1)])
        case Mean() if _mean_may_wrap(op, site):
            return _any_code(site.output)
        case Mean(lookup=lookup) if lookup is not None:
            at, mean = site._replace(inputs=(op.source(site),)), replace(op, lookup=None)
            return _whole(mean, at, [_looked_up(site.consts[lookup.name], inputs[0])])
        case RunningSum(of=count):
            return Ends(*(side * count for side in inputs[1]))
        case Resize():
            return _by_values(op, site, inputs[0])
        case Softmax() | L2Normalization():
            return _any_code(site.output)
        case _ if isinstance(op, MONOTONE):
            return _whole(op, site, inputs)
        case _:
            return None


def _map(tensor: Tensor, codes: Array) -> Rows:
    """A map of the same pixel everywhere."""
    return Rows(np.broadcast_to(codes.astype(tensor.dtype), tensor.shape))


def _whole(op: Op, site: Site, inputs: Sequence[Ends]) -> Ends:
    """What an op makes of maps of lowest codes, and of maps of highest ones."""
    sides = ([_map(t, ends[side]) for t, ends in zip(site.inputs, inputs, strict=True)] for side in (0, 1))
    return _hull(site.output, *(op.simulate(site, side, 0, site.output.height) for side in sides))


def _by_values(op: Op, site: Site, codes: Ends) -> Ends:
    """The same for an op that does alike with all channels: each code is looked at once."""
    values, place = np.unique(np.concatenate(codes), return_inverse=True)
    source, output = (replace(t, shape=(*t.shape[:2], len(values))) for t in (site.inputs[0], site.output))
    found = _whole(op, Site((source,), output, site.consts), [Ends(values, values)])
    low, high = place.reshape(2, -1)
    return Ends(found.low[low], found.high[high])


def _on_a_pixel(op: Op, site: Site, corners: Sequence[Sequence[Array]]) -> Ends:
    """What an op that takes each pixel by itself makes of pixels of such codes."""
    at = Site(
        tuple(replace(t, shape=(1, 1, t.channels)) for t in site.inputs),
        replace(site.output, shape=(1, 1, site.output.channels)),
        site.consts,
    )
    maps = ([_map(t, codes) for t, codes in zip(at.inputs, corner, strict=True)] for corner in corners)
    return _hull(site.output, *(op.simulate(at, rows, 0, 1) for rows in maps))


def _by_pixel(op: Op, site: Site, corners: Sequence[Sequence[Array]], constant: str) -> Ends:
    """The same, on whole maps where a constant of the op is not the same for all pixels."""
    if max(site.consts[constant].shape[:2], default=1) == 1:
        return _on_a_pixel(op, site, corners)
    maps = ([_map(t, codes) for t, codes in zip(site.inputs, corner, strict=True)] for corner in corners)
    return _hull(site.output, *(op.simulate(site, rows, 0, site.output.height) for rows in maps))


def _requantized(sums: Ends, requant: Requant, consts: Consts) -> Ends:
    """Codes of accumulators: of any in int32 where one leaves that, and any code where one is shifted out of it."""
    low, high = sums
    if requant.rounding != "wide":
        wraps = (low < INT32.low) | (high > INT32.high)
        low, high = np.where(wraps, INT32.low, low), np.where(wraps, INT32.high, high)
    with np.errstate(over="ignore"):
        a, b = (requantize(end, requant, consts) for end in (low, high))
    wild = _wild(low, high, requant, consts)
    return Ends(np.where(wild, requant.low, np.minimum(a, b)), np.where(wild, requant.high, np.maximum(a, b)))


def _wild(low: Array, high: Array, requant: Requant, consts: Consts) -> Array:
    if requant.rounding == "wide":
        return np.maximum(np.abs(low), np.abs(high)) * np.abs(consts[requant.scale]) >= 2.0**30
    outside = (low < INT32.low) | (high > INT32.high)
    if requant.rounding not in ("double", "single"):
        return outside
    left = np.maximum(quantize_multiplier(consts[requant.scale])[1], 0)
    if requant.rounding == "single":
        return outside | (left > 30)
    return outside | _shifts_out(np.maximum(high, -1 - low), left)


def _shifts_out(largest: Array | int, left: Array | int) -> Array:
    """Whether a number shifted to the left may leave int32."""
    return np.asarray(np.asarray(largest, np.float64) * 2.0 ** np.maximum(left, 0) >= 2.0**31)


def _pooled(op: MaxPool | AveragePool, site: Site, codes: Ends) -> Ends:
    """One output row of each kind, all of its pixels."""
    (_, first), _ = kinds_of(op, site)
    sides = (_map(site.inputs[0], side) for side in codes)
    return _hull(site.output, *(op.simulate(site, [side], row, row + 1) for side in sides for row in first))


def _looked_up(table: Array, codes: Ends) -> Ends:
    """The least and the greatest entry between two codes."""
    spans, place = np.unique(np.stack(codes) - INT8.low, axis=1, return_inverse=True)
    found = np.array([[table[a : b + 1].min(), table[a : b + 1].max()] for a, b in spans.T], np.int64)
    return Ends(*found[place.reshape(-1)].T)


def _binary(op: Binary, site: Site, inputs: list[Ends]) -> Ends:
    """Monotone in each operand, or bilinear in both: the ends are among those of the four corners."""
    if op.kind == "squared_difference" or (op.rounding == "double" and _binary_may_wrap(op, site)):
        return _all(site.output, op.low, op.high)
    corners = list(product(*inputs))
    if op.constant is None:
        return _on_a_pixel(op, site, corners)
    return _by_pixel(op, site, corners, op.constant.name)


def _binary_may_wrap(op: Binary, site: Site) -> bool:
    """Whether the product, or the sum of TFLite's shifted operands, may be shifted out of int32."""
    (sa, _), (sb, _) = op.operands(site)
    span = site.output.qtype.span
    if op.kind == "mul":
        scale, largest = np.float64(sa) * np.float64(sb) / np.float64(site.output.scale), span**2
    else:
        shift, (_, _, back) = op.scaling(site)
        scale, largest = np.float64(back), span << shift
    return bool(_shifts_out(largest, quantize_multiplier(scale)[1]))


def _around_zero(op: Rescale | Prelu, site: Site, codes: Ends) -> Ends:
    """Monotone on each side of the zero point: its extremes lie at the ends, or around the zero point."""
    zero = site.inputs[0].zero_point
    corners = [[end] for end in (*codes, *(np.clip(turn, *codes) for turn in (zero - 1, zero)))]
    return _by_pixel(op, site, corners, op.alpha) if isinstance(op, Prelu) else _on_a_pixel(op, site, corners)


def _prelu_may_wrap(op: Prelu, site: Site) -> bool:
    source = site.inputs[0]
    ratios = np.array([source.scale, source.scale * op.scale]) / np.float64(site.output.scale)
    return bool(np.any(_shifts_out(np.array([INT8.span, INT8.span**2]), quantize_multiplier(ratios)[1])))


def _mean_may_wrap(op: Mean, site: Site) -> bool:
    source = op.source(site)
    code = site.output.qtype if isinstance(op, MeanOfSums) else source.qtype
    largest = max(code.high - source.zero_point, source.zero_point - code.low) * op.count(source)
    return op.rounding == "integer" and bool(_shifts_out(largest, op.multiplier(site)[1]))
