"""Kernels of convolution: pointwise, fully connected, and windows of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.long_sums import choose_long
from ircompile.kernels.model import Choose, Context, Kernel, Packed, Request, requant_words, window_suffix
from ircompile.kernels.narrow import choose_dense_column, column_key, is_dense_column
from ircompile.kernels.nibbles import PER_WORD, words_of
from ircompile.kernels.requantize.negate import negated
from ircompile.kernels.tiles import pair_order, run_order, stream_of, turned_in_pairs
from ircompile.kernels.weights import WeightCoding, natural_coding
from ircompile.qtype import UINT8

POINT = ops.Window((1, 1))
STRAIGHT = (4, 8)  # steps that expanding layers have code of their own for, without a loop, with int16 weights
SHORT_RUN = 16  # codes; windows with shorter rows have code of their own
FEW_WEIGHTS = 1024  # of such a window: int16 is worth their bytes
ROOM, LITTLE_ROOM = 1024, 512  # bytes of scratch that a window may take, where there is a way that takes as few
TOGETHER = 24  # products with weights of 4 bits that the halves of a word have room for, in whole words of them
Shared = dict[str, tuple[str, Mapping[str, object]]]


class Gather(NamedTuple):
    """How the DSP kernels gather windows of two pixels: runs of codes, some of them at a time, as a pass over all
    output channels; between passes the sums of all these are kept.

    run       codes that lie side by side,
    taps      runs of each of a window's rows,
    runs      runs of a pass,
    passes    passes of a window.
    """

    run: int
    taps: int
    runs: int
    passes: int

    def scratch(self, order: Array, outputs: int, pixel: int, size: int) -> int:
        """Bytes: halfwords of two pixels, their sums, and runs that lie in part outside of the picture, if any can.

        order     of a pass, as from `run_order`,
        pixel     codes that are never so: those of an input pixel, where it is taken as a whole,
        size      bytes of a code.
        """
        sums = 8 * (outputs + outputs % 2) if self.passes > 1 else 0
        return 8 * len(order) + sums + (2 * self.run * size if self.run > pixel else 0)


def gather_of(op: ops.Conv, site: Site, dsp: bool, frugal: bool = False) -> Gather:
    """The whole window at once where its scratch has room, else a row of it, else a tap; else what takes least."""
    (kh, kw), channels = op.window.kernel, site.inputs[0].channels
    if op.whole:
        return Gather(kh * kw * channels, 1, 1, 1)
    whole = Gather(channels, kw, kh * kw, 1) if op.window.dilation[1] > 1 else Gather(kw * channels, 1, kh, 1)
    if not dsp or is_stem(op, site):
        return whole
    ways = [whole, Gather(channels, kw, kw, kh), Gather(channels, kw, 1, kh * kw)]
    outputs, size = site.output.channels, site.inputs[0].itemsize
    sizes = [way.scratch(order_of(op, site, way), outputs, channels, size) for way in ways]
    room = LITTLE_ROOM if frugal else ROOM
    return next(
        (way for way, needed in zip(ways, sizes, strict=True) if needed <= room), ways[sizes.index(min(sizes))]
    )


def choose_conv(op: ops.Conv, site: Site, request: Request) -> Kernel:
    """All read pixels of channels, and gather the windows of two output pixels; 1 x 1 reads them where they are.

    Frugal windows are gathered in less scratch; with nibbles weights are stored in 4 bits.
    """
    if request.long:
        return choose_long(op, site)
    coding = WeightCoding.INT4 if request.nibbles else None
    dsp, codes = request.features.dsp, site.consts[op.weights][0].size
    gather, pack = gather_of(op, site, dsp, request.frugal), pack_stream if dsp else pack_conv
    work = estimate(op, site, dsp, gather)
    if op.window == POINT and site.output.width == 1:
        return Kernel(
            "fully_connected", pack, "row", ("hwc",), ("hwc", "chw"), instructions=work, strided=True, coding=coding
        )
    if op.whole:
        return Kernel(
            "fully_connected", pack, "map", ("hwc",), ("hwc", "chw"), instructions=work, strided=True, coding=coding
        )
    if is_dense_column(op, site, dsp) and not request.nibbles:
        return choose_dense_column(op, site, pack, dsp)
    template = "pointwise" if op.window == POINT else "stem" if dsp and is_stem(op, site) else "conv"
    if dsp:
        pixel = 0 if template == "stem" else site.inputs[0].channels
        scratch = gather.scratch(order_of(op, site, gather), site.output.channels, pixel, site.inputs[0].itemsize)
    else:
        windows = 0 if op.window == POINT else 2 * codes * site.inputs[0].itemsize
        scratch = 4 * packed_codes(op, site, request.nibbles) + windows
    return Kernel(
        template,
        pack,
        "row" if op.window == POINT else "window",
        ("hwc",),
        ("hwc", "chw"),
        -(-scratch // 4) * 4,
        in_place=0 if dsp and can_overwrite(op, site) else None,
        instructions=work,
        extras=("scratch",) if scratch else (),
        strided=True,
        frugal=request.frugal,
        coding=coding,
    )


def can_overwrite(op: ops.Conv, site: Site) -> bool:
    """Whether pixels, gathered two by two, may be written over the row that they are read from.

    A single one at the end is read while its channels are written, and must not meet them.
    """
    inputs, outputs, width = site.inputs[0].channels, site.output.channels, site.output.width
    return op.window == POINT and outputs <= inputs and (width % 2 == 0 or width * outputs <= (width - 1) * inputs)


def estimate(op: ops.Conv, site: Site, dsp: bool, gather: Gather) -> int:
    """Executed instructions of the whole layer, fitted to counts within 10 % for all but tiny layers."""
    rows, width, channels = site.output.shape
    runs, codes = gather.runs * gather.passes, site.consts[op.weights][0].size
    single = width % 2 if is_point(op) else 0
    pairs = (width - single + 1) // 2
    if not dsp:
        gathered = 0 if is_point(op) else 2 * codes + 70 * runs
        two = (channels + channels % 2) * (4.4 * codes + 32) + 2 * gathered + 6 * codes + 50
        return int(rows * (pairs * two + single * channels * (2.5 * codes + 23)))
    steps, tiles, pair = gather.passes * len(order_of(op, site, gather)), channels // 4, (channels % 4 + 1) // 2
    tile = (11 * steps + 45) if is_straight(op, site) else (12 - is_wide(op, site) + 0.75) * steps + 66
    again = (gather.passes - 1) * (tiles + pair) * 45
    collect = 5 * steps + 45 + (0 if is_point(op) else 20 * runs) + again
    one = tiles * (9 * steps + 47) + pair * (6 * steps + 40)
    return int(rows * (pairs * (tiles * tile + pair * (9.5 * steps + 45) + collect) + single * one))


def is_straight(op: ops.Conv, site: Site) -> bool:
    """Short pixels and many outputs: code without a loop, and int16 weights."""
    expands = op.window == POINT and site.output.channels > site.inputs[0].channels and site.output.width > 1
    return expands and len(order_of(op, site, gather_of(op, site, True))) in STRAIGHT


def is_wide(op: ops.Conv, site: Site) -> bool:
    """Few weights are stored as int16: quicker than unpacking them."""
    return is_straight(op, site) or (is_stem(op, site) and site.consts[op.weights].size <= FEW_WEIGHTS)


def is_point(op: ops.Conv) -> bool:
    """Whether what a window holds lies in one run, so that nothing is gathered."""
    return op.whole or op.window == POINT


def is_stem(op: ops.Conv, site: Site) -> bool:
    """Windows with rows of few codes have code of their own."""
    kw = op.window.kernel[1]
    return (
        site.inputs[0].itemsize == 1
        and not op.whole
        and op.window.kernel != (1, 1)
        and op.window.dilation[1] == 1
        and kw * site.inputs[0].channels < SHORT_RUN
    )


def order_of(op: ops.Conv, site: Site, gather: Gather) -> Array:
    """The order in which the DSP kernels multiply the codes of a pass."""
    if site.inputs[0].itemsize > 1:
        return pair_order([gather.run] * gather.runs)
    return run_order([gather.run] * gather.runs, together=is_stem(op, site))


def packed_codes(op: ops.Conv, site: Site, nibbles: bool = False) -> int:
    """Codes of a pixel, up to whole words of weights, of the portable kernel that multiplies two pixels at once.

    0 where it is not exact: two products with neighbouring weights of a channel must sum to int16 for all codes.
    """
    weights = site.consts[op.weights]
    if nibbles:
        return -(-int(weights[0].size) // PER_WORD) * PER_WORD
    rows = np.abs(integers(weights)).reshape(len(weights), -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    fits = site.inputs[0].itemsize == 1 and weights.dtype == np.int8
    fits = fits and (rows[:, ::2] + rows[:, 1::2]).max() <= UINT8.high
    return rows.shape[1] if fits else 0


def pack_conv(op: ops.Conv, site: Site, context: Context) -> Packed:
    """For the portable kernels: weights as they are, and words of requantization."""
    weights, recipe = site.consts[op.weights], context.recipe(op, site)
    flat = integers(weights).reshape(len(weights), -1)
    words = integers(requant_words(recipe))
    starts = slice(len(recipe.common), None, recipe.words.shape[1])
    words[starts] -= site.inputs[0].zero_point * flat.sum(axis=1)
    most = int((np.abs(words[starts]) - site.inputs[0].qtype.low * np.abs(flat).sum(axis=1)).max())
    kernel = context.kernel
    coding = kernel.coding or natural_coding(weights)
    key: dict[str, object] = {"coding": coding}
    sums, suffix = {**key, "wraps": most >= 2**31}, ""
    shared: Shared = {}
    if kernel.template == "dense_column":
        key, suffix = {**sums, **column_key(op)}, str(op.window.kernel[0])
    elif kernel.template != "fully_connected":
        key["packed"] = packed_codes(op, site, coding.nibbles) > 0
        shared["tile"] = ("tile", sums) if not key["packed"] else ("tile_packed", {})
    if coding.nibbles and "tile" in shared:
        shared["tile"] = ("tile_nibbles", {"together": TOGETHER})
    elif "tile" in shared:
        weights = np.append(weights, np.zeros(3, weights.dtype))  # read over, times zero
    if is_point(op) and single_pixels(context):
        shared["pixel"] = ("pixel_nibbles" if coding.nibbles else "pixel", sums)
    if coding.nibbles:
        weights = words_of(flat)
    arrays = {"weights": weights, "requant": wrap_int32(words).astype(np.int32)}
    return Packed(suffix, key, arrays, sizes_of(op, site, context), recipe.form, recipe.exact, shared)


def pack_stream(op: ops.Conv, site: Site, context: Context) -> Packed:
    """For the DSP kernels: one stream of sums, weights and requantization words."""
    recipe, source, kernel = context.recipe(op, site), site.inputs[0], context.kernel
    weights: Array = site.consts[op.weights].reshape(site.output.channels, -1)
    column = kernel.template == "dense_column"
    gather = Gather(weights.shape[1], 1, 1, 1) if column else gather_of(op, site, True, kernel.frugal)
    order = order_of(op, site, gather) if not column else run_order([gather.run])
    steps = len(order) if is_straight(op, site) else 0
    interval = context.intervals.accumulators[context.node.name]
    wide = is_wide(op, site) and not column
    turn = None if wide else turned_in_pairs(weights, recipe, site.consts[op.bias], *interval)
    coding = WeightCoding.INT16 if wide else natural_coding(weights)
    if turn is not None:
        coding = WeightCoding.PAIRS
        weights, recipe = np.where(turn[:, np.newaxis], -integers(weights), weights), negated(recipe, turn)
    shared: Shared = {"unpack": ("unpack", {})}
    if is_point(op) and single_pixels(context):
        shared["pixel"] = ("pixel", {"coding": coding})
    key: dict[str, object] = {"coding": coding}
    sizes, suffix = sizes_of(op, site, context), ""
    if column:
        key |= column_key(op)
        suffix = str(op.window.kernel[0])
    elif kernel.template != "fully_connected":
        sizes["words"] = 2 * len(order)
    if kernel.template == "pointwise":
        key["steps"] = steps
    if kernel.template == "conv":
        key["passes"] = in_passes(context)
    if kernel.template == "stem":
        key |= {"window": op.window, "channels": source.channels}
        suffix = f"{window_suffix(op.window)}_c{source.channels}"
    firsts = range(0, gather.passes * gather.runs * gather.run, gather.runs * gather.run)
    passes = [np.where(order >= 0, order + first, -1) for first in firsts]
    stream = stream_of(weights, passes, source.zero_point, recipe, coding)
    if kernel.template == "conv":
        each = 4 // source.itemsize
        outside = np.full(-(-gather.run // each) * each, source.zero_point, source.dtype)
        stream = np.concatenate([outside.view(np.int32), stream])
    return Packed(suffix, key, {"stream": stream}, sizes, recipe.form, recipe.exact, shared)


def sizes_of(op: ops.Conv, site: Site, context: Context) -> dict[str, int]:
    """What a kernel asks of a layer's geometry."""
    source, window, template = site.inputs[0], op.window, context.kernel.template
    sizes = {"channels_in": source.channels, "channels_out": site.output.channels}
    if template == "fully_connected":
        return sizes | {"channels_in": site.consts[op.weights][0].size}
    if template == "dense_column":
        outside = {"zero_in": source.zero_point} if any(op.window.padding[:2]) else {}
        return {"channels_out": site.output.channels, "run": source.row_bytes, **outside}
    sizes |= {"width": site.output.width, **context.steps(site)}
    if template == "stem":
        del sizes["channels_in"]
        return sizes | {"zero_in": source.zero_point, "row_bytes": source.row_bytes}
    if template == "pointwise":
        return sizes
    dsp = context.features.dsp
    gather = gather_of(op, site, dsp, context.kernel.frugal)
    if not dsp:
        sizes["zero_in"] = source.zero_point
    elif in_passes(context):
        sizes["runs"] = gather.runs
    height, kw = window.kernel
    return sizes | {
        "width_in": source.width,
        "height": height,
        "taps": gather.taps,
        "tap_width": kw // gather.taps,
        "apart": window.dilation[1],
        "stride": window.stride[1],
        "left": window.padding[2],
    }


def in_passes(context: Context) -> bool:
    """Whether any window is gathered bit by bit: all windows share code that can do so, or none has it."""
    graph = context.plan.graph
    windows = [(node, node.op) for node in graph.nodes if context.kernels[node.name].template == "conv"]
    return any(
        gather_of(op, graph.site(node), True, context.kernels[node.name].frugal).passes > 1
        for node, op in windows
        if isinstance(op, ops.Conv)
    )


def single_pixels(context: Context) -> bool:
    """Whether any pointwise layer has an odd pixel: all share code that can deal with one, or none has it."""
    graph = context.plan.graph
    pointwise = [node for node in graph.nodes if isinstance(node.op, ops.Conv) and is_point(node.op)]
    return any(graph.tensors[node.output].width % 2 for node in pointwise)


KERNELS: dict[type[ops.Op], Choose] = {ops.Conv: choose_conv}
