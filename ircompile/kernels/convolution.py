"""Kernels of convolution: pointwise, fully connected, and windows of any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.convolution_geometry import flattened, gather_by, in_passes, single_pixels, sizes_of
from ircompile.kernels.convolution_plain import pack_conv, packed_codes
from ircompile.kernels.dsp.left_over import in_fours, in_twos
from ircompile.kernels.dsp.shared_tiles import shared_of
from ircompile.kernels.dsp.tiles import (
    coding_of_nibbles,
    run_order,
    stream_layout,
    stream_of,
    turned_in_pairs,
)
from ircompile.kernels.dsp.written_out import ends_cost, is_held, written_out
from ircompile.kernels.long_sums import choose_long
from ircompile.kernels.model import Call, Choose, Context, Kernel, Packed, Request, window_suffix
from ircompile.kernels.narrow import choose_dense_column, column_key, is_dense_column
from ircompile.kernels.requantize import Recipe, take, with_pairs, with_short_offsets
from ircompile.kernels.requantize.negate import negated
from ircompile.kernels.short_words import has_short_words
from ircompile.kernels.weights import WeightCoding, excess_in, least_coding, natural_coding
from ircompile.kernels.windows import (
    POINT,
    Gather,
    can_overwrite,
    gather_of,
    is_point,
    is_stem,
    is_straight,
    is_wide,
    order_of,
)
from ircompile.qtype import INT4, INT8

SHIFTS = (3, 2, 1)  # right shifts to try first: nearly every layer takes the first, so that all share code


def choose_conv(op: ops.Conv, site: Site, request: Request) -> Kernel:
    """All read pixels of channels, and gather the windows of two output pixels; 1 x 1 reads them where they are.

    Frugal windows are gathered in less scratch; with nibbles weights are stored in 4 bits.
    """
    if request.long:
        return choose_long(op, site)
    if request.whole:
        op, site = flattened(op, site)
    coding = WeightCoding.INT4 if request.nibbles else None
    dsp, codes = request.features.dsp, site.consts[op.weights][0].size
    gather, pack = gather_of(op, site, dsp, request.frugal, request.roomy), pack_stream if dsp else pack_conv
    work = estimate(op, site, dsp, gather, request.nibbles)
    if op.window == POINT and site.output.width == 1:
        call: Call = "map" if request.whole else "row"
        return Kernel(
            "fully_connected", pack, call, ("hwc",), ("hwc", "chw"), instructions=work, strided=True, coding=coding
        )
    if is_dense_column(op, site, dsp) and not request.nibbles:
        return choose_dense_column(op, site, pack, dsp)
    template = "pointwise" if op.window == POINT else "stem" if dsp and is_stem(op, site) else "conv"
    if dsp:
        pixel = 0 if template == "stem" else site.inputs[0].channels
        scratch = gather.scratch(order_of(op, site, gather), site.output.channels, pixel, site.inputs[0].itemsize)
    else:
        packed = packed_codes(op, site, request.nibbles)
        run = codes // (op.window.kernel[0] * gather.taps)
        windows = 0 if op.window == POINT else 2 * (run if packed else codes) * site.inputs[0].itemsize
        scratch = 4 * packed + windows
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
        roomy=request.roomy,
        coding=coding,
    )


def estimate(op: ops.Conv, site: Site, dsp: bool, gather: Gather, nibbles: bool = False) -> int:
    """Executed instructions of the whole layer, fitted to counts within 10 % for all but tiny layers."""
    rows, width, channels = site.output.shape
    runs, codes = gather.runs * gather.passes, site.consts[op.weights][0].size
    single = width % 2 if is_point(op) else 0
    pairs = (width - single + 1) // 2
    if not dsp:
        gathered = 0 if is_point(op) else 35 * runs
        two = (channels + channels % 2) * ((3.4 if nibbles else 4.4) * codes + 32) + 2 * gathered + 6 * codes + 50
        return int(rows * (pairs * two + single * channels * (2.5 * codes + 23)))
    steps, tiles, pair = gather.passes * len(order_of(op, site, gather)), channels // 4, (channels % 4 + 1) // 2
    tile = (
        13.25 * steps + 76
        if nibbles and not is_wide(op, site, True)
        else (11 * steps + 45)
        if is_straight(op, site)
        else (12 - is_wide(op, site) + 0.75) * steps + 66
    )
    again = (gather.passes - 1) * (tiles + pair) * 45
    collect = 5 * steps + 45 + (0 if is_point(op) else 20 * runs) + again
    one = tiles * (7.25 * steps + 50) + pair * (6 * steps + 40) + 4 * steps
    return int(rows * (pairs * (tiles * tile + pair * (9.5 * steps + 45) + collect) + single * one))


def pack_stream(op: ops.Conv, site: Site, context: Context) -> Packed:
    """For the DSP kernels: one stream of sums, weights and requantization words."""
    if context.kernel.call == "map":
        op, site = flattened(op, site)
    recipe, source, kernel = context.recipe(op, site, prefer=SHIFTS), site.inputs[0], context.kernel
    weights: Array = site.consts[op.weights].reshape(site.output.channels, -1)
    column = kernel.template == "dense_column"
    gather = Gather(weights.shape[1], 1, 1, 1) if column else gather_by(op, site, kernel)
    order = order_of(op, site, gather) if not column else run_order([gather.run])
    twos = column or in_twos(context)
    channels = np.arange(len(weights)) if twos else in_fours(len(weights))
    weights, recipe, bias = weights[channels], take(recipe, channels), site.consts[op.bias][channels]
    interval = [ends[channels] for ends in context.intervals.accumulators[context.node.name]]
    wide = is_wide(op, site) and not column
    bytes_in = source.itemsize == 1 and not column
    coding = WeightCoding.INT16 if wide else least_coding(weights) if bytes_in else natural_coding(weights)
    turn = None if coding.wide else turned_in_pairs(weights, recipe, bias, *interval)
    nibbles = coding_of_nibbles(weights, recipe, bias, *interval) if kernel.coding else None
    if nibbles is not None and not is_wide(op, site, True):
        coding = nibbles
    elif turn is not None:
        coding = WeightCoding.PAIRS
    excess = excess_in(site.consts[op.weights], coding)
    totals = excess != 0 or coding.nibbles
    paired = None if totals else _in_pairs(recipe, bias, interval, coding)
    if paired is None and (context.prefer == "size" or has_short_words(op, site, context)):
        recipe = with_short_offsets(recipe)
    recipe = paired or recipe
    if coding.pairs and turn is not None:
        weights, recipe = np.where(turn[:, np.newaxis], -integers(weights), weights), negated(recipe, turn)
    steps = written_out(op, site, context, order, coding)
    held = is_held(context.target, steps, coding) and not recipe.form.calls
    single = (is_point(op) or (kernel.template == "stem" and not held)) and single_pixels(context)
    shared = shared_of(
        kernel.template, coding, totals, steps, twos, held=held,
        passes=in_passes(context), ordered=not ends_cost(context.target), single=single,
        paired=paired is not None, of_bytes=source.itemsize == 1,
        window=(op.window, source.channels) if kernel.template == "stem" else None,
    )  # fmt: skip
    key: dict[str, object] = {"coding": coding, "totals": totals, "twos": twos}
    sizes, suffix = sizes_of(op, site, context), ""
    if column:
        key |= column_key(op)
        suffix = str(op.window.kernel[0])
    elif kernel.template != "fully_connected":
        sizes["words"] = 2 * len(order)
    if kernel.template == "pointwise":
        key["unrolled"] = steps
        suffix = f"unrolled{steps}" if steps else ""
    if kernel.template == "conv":
        key["passes"] = in_passes(context)
    if kernel.template == "stem":
        key |= {"window": op.window, "channels": source.channels, "unrolled": steps}
        key["gathers"] = "held_window" in shared
        suffix = f"{window_suffix(op.window)}_c{source.channels}"
    if totals:
        sizes["excess"] = excess + (INT4.low if coding.nibbles else 0)
    firsts = range(0, gather.passes * gather.runs * gather.run, gather.runs * gather.run)
    passes = [np.where(order >= 0, order + first, -1) for first in firsts]
    stream = stream_of(weights, passes, source.zero_point, recipe, coding, excess)
    before = np.zeros(0, np.int32)
    if kernel.template == "conv":
        each = 4 // source.itemsize
        outside = np.full(-(-gather.run // each) * each, source.zero_point, source.dtype)
        before = outside.view(np.int32)
        stream = np.concatenate([before, stream])
    layout = stream_layout(len(weights), len(passes), order, recipe.form, coding, len(before))
    return Packed(suffix, key, {"stream": stream}, sizes, recipe.form, recipe.exact, shared, {"stream": layout})


def _in_pairs(recipe: Recipe, bias: Array, ends: Sequence[Array], coding: WeightCoding) -> Recipe | None:
    """The recipe as "pairs", for accumulators with bias between the ends, int64 (C,) each."""
    moved = integers(recipe.words[:, 0]) - integers(bias)
    return with_pairs(recipe, ends[0] + moved, ends[1] + moved, 8 * INT8.bytes if coding.pairs else 0)


KERNELS: dict[type[ops.Op], Choose] = {ops.Conv: choose_conv}
