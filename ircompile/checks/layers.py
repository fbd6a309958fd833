"""Each layer's constants as its kernel reads them, compared with the graph: weights, sums, rounding, geometry."""

from __future__ import annotations

from collections import Counter
from typing import cast

import numpy as np

from ircompile.checks.forms import Words, pair_codes, words_of
from ircompile.checks.map_intervals import map_intervals
from ircompile.checks.packed import Layer, Misplaced, filters_of, read_layer, readable
from ircompile.checks.requantization import Sums, compared, fault_of
from ircompile.errors import InternalError
from ircompile.ir.graph import Node
from ircompile.ir.ops import (
    AveragePool,
    Binary,
    Conv,
    Depthwise,
    Mean,
    PixelTable,
    Prelu,
    Softmax,
    Table,
    TransposeConv,
)
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed, Program
from ircompile.kernels.requantize.form import Form, PairForm
from ircompile.qtype import INT8, INT16, INT32, UINT8

Convolution = Conv | Depthwise | TransposeConv
STEEPEST = -INT8.low  # the greatest magnitude of a code


def check_layers(program: Program) -> Counter[str]:
    """Counts "channels", "weights", "thresholds" and "pairs" compared, and channels "unread".

    Raises InternalError naming the layer. Layers of 16-bit activations, and those that `readable` leaves out, are
    not read back: for these the tests of their kernels must do.
    """
    graph, counts = program.plan.graph, Counter[str]()
    maps = map_intervals(graph)
    for node in graph.nodes:
        site, packed = graph.site(node), program.packed[node.name]
        _check_sizes(program, node, site, packed)
        if {site.output.dtype, *(t.dtype for t in site.inputs)} != {INT8.name}:
            continue
        try:
            match node.op:
                case Conv() | Depthwise() | TransposeConv():
                    counts += _check_convolution(program, node, node.op, site, packed, maps.sums[node.name])
                case Binary():
                    counts += _check_binary(node.op, site, packed)
                case Mean() | AveragePool() if packed.form is not None:
                    counts += _check_average(node.op, site, packed)
                case _:
                    pass
            _check_tables(node, site, packed)
        except Misplaced as problem:
            raise InternalError(f"layer {node.name} ({node.source})", str(problem)) from None
    return counts


def _check_convolution(
    program: Program, node: Node, op: Convolution, site: Site, packed: Packed, sums: tuple[Array, Array]
) -> Counter[str]:
    kernel = program.lowered.kernels[node.name]
    if not readable(kernel.template, op, site, packed):
        return Counter(unread=site.output.channels)
    layer, wanted = read_layer(kernel.template, op, site, packed), filters_of(op, site)
    sign = np.where((layer.weights == wanted).all(axis=1), 1, -1)
    wrong = np.argwhere(layer.weights != sign[:, np.newaxis] * wanted)
    if len(wrong):
        channel, tap = wrong[0]
        raise Misplaced(
            f"channel {channel}, tap {tap}: weight {layer.weights[channel, tap]}, not {wanted[channel, tap]}"
        )
    low, high = sums
    wraps = (low < INT32.low) | (high > INT32.high)
    low, high = np.where(wraps, INT32.low, low), np.where(wraps, INT32.high, high)
    zero = site.inputs[0].zero_point if layer.raw else 0
    moved = layer.start + zero * layer.weights.sum(axis=1) - sign * site.consts[op.bias].astype(np.int64)
    half = np.int64(1) << (layer.bits - 1)
    moved = ((moved + half) & (2 * half - 1)) - half
    narrow = layer.bits < INT32.bytes * 8
    ends = np.sort(np.stack([sign * low + moved, sign * high + moved]), axis=0)
    if np.any(narrow & ((ends[0] < -half) | (ends[1] >= half))):
        raise Misplaced("a sum that shares a word with another leaves its 24 bits")
    _check_overflow(kernel.template, layer, packed)
    scale = np.broadcast_to(site.consts[op.requant.scale], low.shape)
    if op.requant.low == op.requant.high:
        scale = np.zeros_like(scale)
    fault, count = fault_of(layer.words, op.requant, scale, Sums(low, high, sign, moved))
    if fault:
        raise Misplaced(f"requantization {layer.words.form.key}: {fault}")
    return Counter(channels=len(low), weights=wanted.size, thresholds=count)


def _check_overflow(template: str, layer: Layer, packed: Packed) -> None:
    """What a kernel adds in few bits fits them, unless it says that its sums may wrap."""
    key = {**packed.key, **(packed.shared["tile"][1] if "tile" in packed.shared else {})}
    sizes = np.abs(layer.weights)
    if key.get("wraps") is False and (np.abs(layer.start) + STEEPEST * sizes.sum(axis=1)).max() > INT32.high:
        raise Misplaced("its sums may leave int32, in arithmetic that must not")
    if key.get("packed"):
        even = np.pad(sizes, ((0, 0), (0, sizes.shape[1] % 2)))
        if (even[:, ::2] + even[:, 1::2]).max() > UINT8.high:
            raise Misplaced("two products that share a word leave their 16 bits")
    if key.get("pairs") and template == "depthwise_channels":
        even = sizes[:, : sizes.shape[1] // 2 * 2]
        if (even[:, ::2] + even[:, 1::2]).max(initial=0) * STEEPEST > INT16.high:
            raise Misplaced("the products of two taps leave their 16 bits")


def _check_binary(op: Binary, site: Site, packed: Packed) -> Counter[str]:
    """All pairs of codes, where the C has a formula of its own."""
    if packed.form is None:
        return Counter()
    operands = [INT8.codes(), INT8.codes()]
    if op.constant is not None:
        operands[0 if op.constant.first else 1] = np.unique(site.consts[op.constant.name]).astype(np.int64)
    a, b = operands
    if isinstance(packed.form, PairForm):
        found, fits = pair_codes(packed.form, packed.sizes, a, b)
    else:
        (_, za), (_, zb) = op.operands(site)
        if (packed.sizes["zero_a"], packed.sizes["zero_b"]) != (za, zb):
            raise Misplaced("its zero points are not those of its operands")
        start, words = _one_requant(packed)
        product = start[0] + (a - za)[:, np.newaxis] * (b - zb)
        found, inside = words.take(np.zeros(1, int)).codes(product[..., np.newaxis])
        found, fits = found[..., 0], bool(np.all(inside))
    wrong = np.argwhere(found != op.combine(site, a[:, np.newaxis], b))
    if len(wrong) or not fits:
        pair = "" if not len(wrong) else f" of codes {a[wrong[0][0]]} and {b[wrong[0][1]]}"
        raise Misplaced(f"{op.kind}{pair}: its sum {'is not the reference' if pair else 'wraps'}")
    return Counter(pairs=found.size)


def _one_requant(packed: Packed) -> tuple[Array, Words]:
    form, words = cast(Form, packed.form), packed.arrays["requant"].reshape(-1).astype(np.int64)
    common = len(form.common)
    own = words[common:].reshape(-1, form.fields_count)
    return own[:, 0], words_of(form, words[:common], own[:, 1:])


def _check_average(op: Mean | AveragePool, site: Site, packed: Packed) -> Counter[str]:
    """Every sum of codes: of a mean's pixels, or of each number of pixels that a window may hold."""
    start, words = _one_requant(packed)
    if isinstance(op, Mean):
        counts, slope = np.array([op.count(site.inputs[0])]), np.ones(1)
        start, words = start[:1], words.take(np.zeros(1, int))
    else:
        counts = np.arange(1, len(start) + 1)
        slope = np.ones(len(counts))
        if len(start) < op.window.kernel[0] * op.window.kernel[1]:
            raise Misplaced("has no words for as many pixels as its window holds")

    def reference(acc: Array, channels: Array) -> Array:
        if isinstance(op, Mean):
            return op.finish(site, acc).astype(np.int64)
        codes = op.divide(acc, np.broadcast_to(counts[channels], acc.shape), site.inputs[0], site.output)
        return np.clip(codes, op.low, op.high)

    sums = Sums(counts * INT8.low, counts * INT8.high, np.ones_like(counts), start)
    fault, count = compared(words, reference, sums, (op.low, op.high), slope, None)
    if fault:
        raise Misplaced(f"the mean's rounding, {words.form.key}: {fault}")
    return Counter(thresholds=count)


def _check_tables(node: Node, site: Site, packed: Packed) -> None:
    """Tables and constant operands are the graph's."""
    wanted: dict[str, Array] = {}
    match node.op:
        case Table(table=name):
            wanted["table"] = site.consts[name]
        case PixelTable(tables=name):
            wanted["tables"] = site.consts[name]
        case Mean(lookup=lookup) if lookup is not None:
            wanted["table"] = site.consts[lookup.name]
        case Binary(constant=constant) if constant is not None:
            wanted["constant"] = site.consts[constant.name]
        case Prelu(alpha=name):
            wanted["alpha"] = site.consts[name]
        case Softmax():
            wanted["exps"] = node.op.exp_table(site)
        case _:
            pass
    for name, value in wanted.items():
        if not np.array_equal(packed.arrays[name].reshape(-1), value.reshape(-1)):
            raise Misplaced(f"its {name} is not the graph's")


def _check_sizes(program: Program, node: Node, site: Site, packed: Packed) -> None:
    """What a layer's struct says of its tensors is so."""
    source, output, demand = site.inputs[0], site.output, program.plan.demands[node.name]
    apart = program.plan.buffers[node.output].pixel_stride or output.channels
    wanted = {"zero_out": output.zero_point, "width_out": output.width, "height_out": output.height}
    if isinstance(node.op, Conv | Depthwise | TransposeConv):
        dense = demand.writes == "hwc"
        wanted |= {
            "pixel_step": apart if dense else 1,
            "channel_step": 1 if dense else output.width,
            "row_step": program.plan.buffers[node.output].pitch,
            "channels_out": output.channels,
            "zero_in": source.zero_point,
            "width_in": source.width,
            "height_in": source.height,
        }
    for name, value in wanted.items():
        if packed.sizes.get(name, value) != value:
            raise InternalError(
                f"layer {node.name} ({node.source})",
                f"{name} is {packed.sizes[name]} in its C, {value} in the plan",
            )
