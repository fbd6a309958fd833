"""Kernels of depthwise convolution: rows of channels, under which the windows slide channel by channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.depthwise_layout import (
    Shared,
    by_channel,
    helpers,
    multiplier_of,
    raw_codes,
    rows_outside,
    sizes_of,
    strip_bytes,
    suffix_of,
)
from ircompile.kernels.depthwise_plain import pack_plain, plain_instructions, plain_reads_nibbles
from ircompile.kernels.dsp.depthwise_fours import fours_of
from ircompile.kernels.dsp.depthwise_pairs import choose_pairs, takes_pairs
from ircompile.kernels.dsp.depthwise_rows import Step, assembly_of, best_outputs, block_cost, row_order, row_steps
from ircompile.kernels.dsp.depthwise_short import is_by_rows, is_short, short_words
from ircompile.kernels.dsp.narrow_taps import choose_taps, takes_taps
from ircompile.kernels.long_sums import choose_long
from ircompile.kernels.model import Choose, Context, Kernel, Packed, Request, requant_words
from ircompile.kernels.narrow import choose_column, is_narrow_column
from ircompile.kernels.nibbles import BITS, bytes_of
from ircompile.kernels.requantize.synthesize import PREFERRED
from ircompile.kernels.weights import WeightCoding, natural_coding
from ircompile.target import Features

# The order of a 3 x 3 filter whose words, sign extended to halves, are the outer columns of the rows and the
# middles of the first two; the middle of the last row stands alone.
SIDES_FIRST = (0, 3, 2, 5, 6, 1, 8, 4, 7)
SIDES_FIRST_WIDE = (0, 2, 3, 5, 6, 8, 1, 4, 7)
# As nibbles the outer ones of two rows are in the upper halves of four bytes, the others in the lower ones, and the
# middle of the last row in the upper half of a fifth: a weight there is 16 times itself.
SIDES_ABOVE = (6, 0, 1, 3, 8, 2, 4, 5, 7)
LARGEST_BIAS = 2**25
MOST_BITS = 5  # by which sums of three weights of 9 bits can be shifted in halves of words
SHIFTS = (0, *PREFERRED)  # of codes: nearly every layer has multipliers for none, so that layers share code


def choose_depthwise(op: ops.Depthwise, site: Site, request: Request) -> Kernel:
    """3 x 3 windows directly on the rows; other windows, and very narrow rows, in a padded strip.

    With nibbles weights are stored in 4 bits, where the kernel can read them so.
    What is done as a whole has all rows of a channel in the strip, and reads and writes pixels of channels.
    """
    features = request.features
    if request.long:
        return choose_long(op, site)
    if features.dsp and takes_pairs(op, site):
        return choose_pairs(op, site)
    if site.inputs[0].itemsize > 1:
        features = replace(features, dsp=False)
    if request.whole:
        return Kernel(
            "depthwise_strip", pack_strip, "buffer", ("hwc",), ("hwc",), strip_bytes(op, site, True), in_place=0,
            instructions=strip_instructions(op, site, True), extras=("scratch",), strided=True, whole=True,
        )  # fmt: skip
    if features.dsp and (is_direct(op, site) or is_narrow(op, site)):
        return choose_direct(op, site, request.nibbles and not is_narrow(op, site))
    nibbles = request.nibbles and plain_reads_nibbles(op, site, features)
    slides = features.dsp and op.window.dilation[1] == 1
    if is_narrow_column(op, site) and not nibbles:
        if features.dsp and takes_taps(op, site):
            return choose_taps(op, site)
        column = choose_column(op, site)
        if not slides or column.instructions <= strip_instructions(op, site):
            return column
    if slides:
        return Kernel(
            "depthwise_strip", pack_strip, "window", ("chw",), ("hwc", "chw"), strip_bytes(op, site),
            instructions=strip_instructions(op, site), extras=("scratch",), strided=True,
        )  # fmt: skip
    return Kernel(
        "depthwise", pack_plain, "window", ("chw",), ("hwc", "chw"), strip_bytes(op, site),
        instructions=plain_instructions(op, site, features), extras=("scratch",), strided=True,
        coding=WeightCoding.INT4 if nibbles else None,
    )  # fmt: skip


def pack_strip(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Weights channel after channel, each row in the order of the registers."""
    weights, recipe = by_channel(op, site), context.recipe(op, site, prefer=SHIFTS)
    source, window, coding = site.inputs[0], op.window, natural_coding(weights)
    sizes, suffix, multiplier = sizes_of(site, context), suffix_of(op, site), multiplier_of(site)
    whole = context.kernel.whole
    outputs = best_outputs(window.kernel, window.stride[1], site.output.width, coding)
    steps = row_steps(window.kernel[1], window.stride[1], outputs)
    assembly, counted = assembly_of(window.kernel[1], window.stride[1], outputs)
    key: dict[str, object] = {
        "kernel": window.kernel, "stride": window.stride[1], "left": window.padding[2], "right": window.padding[3],
        "coding": coding, "multiplier": multiplier, "outputs": outputs, "assembly": bool(assembly),
        "registers": registers_of(assembly), "counted": counted,
        "outside": any(window.padding[:2]), "whole": whole,
    }  # fmt: skip
    if whole:
        key |= {"top": window.padding[0], "down": window.stride[0]}
        sizes |= {"height_in": source.height, "height_out": site.output.height}
        sizes |= {"row_step": context.output.pitch}
        suffix += "_whole"
    order = row_order(window.kernel[1]) if coding.wide else list(range(window.kernel[1]))
    recipe = raw_codes(recipe, weights, source.zero_point, context.has_few_words(op, site))
    arrays = {"weights": padded(weights[:, :, order]), "requant": requant_words(recipe)}
    shared: Shared = {**helpers(coding), "gather": ("gather_pixels" if whole else "gather_rows", {})}
    shared |= {"mix": ("mix", {})} if any(step.kind == "mix" for step in steps) else {}
    named = f"{window.kernel[1]}" + f"_s{window.stride[1]}" * (window.stride[1] > 1) + f"_by{outputs}"
    if any(window.padding[:2]):
        shared["sum_of"] = ("sum_of", {"coding": coding})
    row = {name: key[name] for name in ("kernel", "stride", "coding", "outputs")}
    shared["row"] = ("strip_row", {**row, "steps": steps, "assembly": assembly, "named": named})
    return Packed(f"{suffix}_by{outputs}", key, arrays, sizes, recipe.form, recipe.exact, shared)


def padded(weights: Array) -> Array:
    """The weights, and what a word over the last of them reads."""
    return np.append(weights.reshape(-1), np.zeros(3, weights.dtype))


def registers_of(steps: tuple[Step, ...]) -> list[str]:
    """The registers that the assembly writes beside the sums; three at least, for what follows them."""
    return sorted({name for step in steps for name in step.names} | {"t0", "t1", "t2"})


def strip_instructions(op: ops.Depthwise, site: Site, whole: bool = False) -> int:
    """Gathering, and then block after block."""
    window, width = op.window, site.output.width
    coding = natural_coding(site.consts[op.weights])
    outputs = best_outputs(window.kernel, window.stride[1], width, coding)
    blocks = -(-width // outputs)
    filters = blocks * block_cost(window.kernel, window.stride[1], outputs, coding) + 16
    rows, width_in, channels = site.inputs[0].shape
    gather = (
        rows * (5 * width_in // 2 + 12) if whole else site.output.height * window.kernel[0] * (width_in // 2 + 12)
    )
    return site.output.height * site.output.channels * filters + channels * gather


def last_pair(op: ops.Depthwise, site: Site) -> int:
    """The first column of the windows of the last two outputs."""
    return (site.output.width - 2) * op.window.stride[1] - op.window.padding[2]


def over_edge(op: ops.Depthwise, site: Site) -> int:
    """Columns of padding that the last window reaches into; negative where it ends before the row does."""
    return last_pair(op, site) + op.window.stride[1] + 3 - site.inputs[0].width


def is_direct(op: ops.Depthwise, site: Site) -> bool:
    """3 x 3, stride 1 or 2, at most a column of padding on either side, rows of more than one word."""
    window, left = op.window, op.window.padding[2]
    return (
        window.kernel == (3, 3)
        and window.dilation[1] == 1
        and window.stride[1] in (1, 2)
        and left <= 1
        and over_edge(op, site) <= 1
        and site.inputs[0].width >= 4
        and site.output.width >= 2 + left
    )


def is_narrow(op: ops.Depthwise, site: Site) -> bool:
    """3 x 3 over rows of three codes between columns of padding."""
    window, width = op.window, site.inputs[0].width
    known = window.kernel == (3, 3) and window.dilation[1] == window.stride[1] == 1
    return known and width == 3 and window.padding[2:] == (1, 1)


def reads_nibbles(op: ops.Depthwise, site: Site, features: Features) -> bool:
    """Whether the kernel of a layer can read weights of 4 bits: the portable one, or that of 3 x 3 windows.

    The latter has sums times 16, for which biases must leave room.
    """
    if features.dsp and not features.mve and is_direct(op, site) and not is_narrow(op, site):
        return bool(np.abs(integers(site.consts[op.bias])).max() < LARGEST_BIAS)
    return plain_reads_nibbles(op, site, features)


def choose_direct(op: ops.Depthwise, site: Site, nibbles: bool) -> Kernel:
    """The scratch is a row of padding, where windows reach over the top or the bottom."""
    outside = rows_outside(op.window, site.inputs[0].height, site.output.height)
    width = site.output.width
    template, filters = "depthwise_3x3", -(-width // 2) * (36 if op.window.stride[1] == 1 else 42)
    if is_narrow(op, site):
        template, filters = "depthwise_narrow", 45
    elif is_short(op, site):
        template, filters = "depthwise_short", 20 * width - 8
    return Kernel(
        template,
        pack_direct,
        "window",
        ("chw",),
        ("hwc", "chw"),
        -(-site.inputs[0].width // 4) * 4 if outside else 0,
        instructions=site.output.height * (site.output.channels * (filters + (36 if nibbles else 32)) + 60),
        extras=("scratch",) if outside else (),
        strided=True,
        coding=WeightCoding.INT4 if nibbles else None,
    )


def pack_direct(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """The first pair of outputs, pairs in a loop, the last pair."""
    window, source, weights = op.window, site.inputs[0], by_channel(op, site)
    stride, left, coding = window.stride[1], window.padding[2], context.kernel.coding or natural_coding(weights)
    recipe = raw_codes(
        context.recipe(op, site, BITS if coding.nibbles else 0),
        weights,
        source.zero_point,
        context.has_few_words(op, site),
    )
    multiplier, last = multiplier_of(site), last_pair(op, site)
    span = last - (2 * stride - left if left else 0)
    edge, outside = over_edge(op, site) > 0, rows_outside(window, source.height, site.output.height)
    overlap = span // stride % 2
    key = {
        "stride": stride, "left": left, "edge": edge, "outside": outside, "coding": coding,
        "multiplier": multiplier, "overlap": overlap, "advance": source.width - last - overlap * stride,
    }  # fmt: skip
    order = list(SIDES_ABOVE if coding.nibbles else SIDES_FIRST_WIDE if coding.wide else SIDES_FIRST)
    stored = weights.reshape(-1, 9)[:, order]
    if coding.nibbles:
        stored = bytes_of(np.insert(stored, 8, 0, axis=1))
    arrays = {"weights": stored, "requant": requant_words(recipe)}
    sizes = {"zero_in": source.zero_point} if left or edge or outside else {}
    sizes |= {"width_in": source.width} if outside or multiplier > 1 else {}
    if is_narrow(op, site):
        sizes = {"zero_in": source.zero_point, "channels": source.channels, **context.steps(site)}
        narrow = {name: key[name] for name in ("outside", "coding", "multiplier")}
        return Packed("3x3", narrow, arrays, sizes, recipe.form, recipe.exact, helpers(coding))
    if is_short(op, site):
        sizes.pop("width_in", None)
        sizes |= {"channels": source.channels, **context.steps(site)}
        short = {name: key[name] for name in ("stride", "left", "outside", "coding", "multiplier")}
        by_rows = recipe.form.is_quick() and is_by_rows(site, coding, multiplier) and len(outside) < 3
        short |= {
            "width": source.width, "outputs": site.output.width, "words": short_words(op, site), "by_rows": by_rows,
        }  # fmt: skip
        suffix = f"{suffix_of(op, site)}_w{source.width}"
        if by_rows:
            arrays["weights"] = padded(weights)
        return Packed(suffix, short, arrays, sizes, recipe.form, recipe.exact, helpers(coding))
    sizes |= {"channels": source.channels, "span": span, **context.steps(site)}
    suffix = ("s2" if stride == 2 else "") + (f"_x{multiplier}" if multiplier > 1 else "")
    key["fours"] = fours = None
    quick = recipe.form.pre <= MOST_BITS and recipe.form.is_quick(recipe.form.pre)
    if quick and not coding.nibbles and len(outside) < 3:
        key["fours"] = fours = fours_of(
            source.width, site.output.width, stride, left, edge, multiplier == 1 and not recipe.form.pre
        )
    shared = helpers(coding) | parts_of_rows(stride, left > 0, edge, stride if overlap else 0, fours is None)
    if fours is None and stride == 2 and recipe.form.is_quick(BITS if coding.nibbles else 0):
        shared["four_rows"] = ("four_taps", {"named": "four_s2"})
    return Packed(suffix.strip("_"), key, arrays, sizes, recipe.form, recipe.exact, shared)


def parts_of_rows(stride: int, left: bool, edge: bool, back: int, assembly: bool) -> Shared:
    """What a row of a 3 x 3 window does under the first two outputs, any two, and the last two.

    `left` and `edge`: whether a column of padding is before and behind; `back`: how many codes the last two begin
    before the others end; `assembly`: whether it is done in assembly, too.
    """

    def rows(part: str, edge: bool = False, back: int = 0) -> tuple[str, Mapping[str, object]]:
        strided = part + f"_s{stride}" * (stride > 1)
        named = strided + ("" if assembly else "_c")
        return "two_taps", {
            "named": named, "part": part, "stride": stride, "edge": edge, "back": back, "assembly": assembly,
        }  # fmt: skip

    parts: Shared = {"left_rows": rows("left")} if left else {}
    return parts | {"middle_rows": rows("middle"), "last_rows": rows("last", edge, back)}


KERNELS: dict[type[ops.Op], Choose] = {ops.Depthwise: choose_depthwise}
