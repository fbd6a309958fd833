"""Convolution for Helium: dot products of pixels, or of gathered windows, with filters."""

from dataclasses import replace

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.helium import layouts
from ircompile.kernels.helium.blocks import IN_REACH
from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.helium.narrow import choose_rows, reads_rows
from ircompile.kernels.helium.overlap import choose_overlap, overlaps
from ircompile.kernels.helium.pixel import FOUR, can_hold, group_lines, group_of, pixel_instructions, spare
from ircompile.kernels.helium.requant import VectorRecipe, recipe_of
from ircompile.kernels.helium.resident import can_loop, loop_of, own_words, row_instructions
from ircompile.kernels.helium.tile import UNROLLED, Of, can_unroll, tile_of
from ircompile.kernels.model import Context, Kernel, Packed, Request, window_suffix
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.kernels.weights import WeightCoding, natural_coding
from ircompile.qtype import INT8

RESIDENT_DEPTH = 32  # two vectors a filter, of two channels
WORTH_UNROLLING = 150_000  # multiply-accumulates of a layer that is worth the bytes of a function of its depth
WORTH_SAVING = 3000  # multiply-accumulates of the network, for one instruction of which there is another function
MOST_ROWS = 7  # of a window, to each of which there is a pointer
POINTWISE = ops.Window((1, 1))
NIBBLE = 16  # values that 4 bits have
Key = dict[str, object]


def choose_dense(op: ops.Conv, site: Site, request: Request) -> Kernel | None:
    """Pixels, or whole rows, where they are, or some windows gathered in scratch, and 16 bytes to write over.

    With nibbles weights are stored in 4 bits. None for weights wider than 8 bits.
    """
    if site.consts[op.weights].dtype != INT8.dtype:
        return None
    coding = WeightCoding.INT4 if request.nibbles else WeightCoding.INT8
    count = op.macs(site) // 4
    if request.whole:
        return Kernel("dense", pack_dense, "map", ("hwc",), ("hwc", "chw"), instructions=count, coding=coding)
    if op.window == POINTWISE:
        return Kernel("dense", pack_dense, "row", ("hwc",), ("hwc", "chw"), instructions=count, coding=coding)
    if reads_rows(op, site) and not request.nibbles:
        return choose_rows(op, site)
    if overlaps(op, site) and not request.nibbles:
        return choose_overlap(op, site)
    size = -(-(windows(op, site) * site.consts[op.weights][0].size + VECTOR) // 4) * 4
    return Kernel(
        "dense_windows",
        pack_dense,
        "window",
        ("hwc",),
        ("hwc", "chw"),
        size,
        instructions=count,
        extras=("scratch",),
        coding=coding,
    )


def windows(op: ops.Conv, site: Site) -> int:
    """How many windows are gathered at once: short ones are worth little alone."""
    depth = site.consts[op.weights][0].size
    return min(site.output.width, 16 if depth <= RESIDENT_DEPTH else 6 if depth <= 10 * VECTOR else 3)


def pack_dense(op: ops.Conv, site: Site, context: Context) -> Packed:
    """Filters as they are, or in 4 bits."""
    recipe, apart = recipe_of(op, site, context), context.apart(site)
    coding = context.kernel.coding or natural_coding(site.consts[op.weights])
    weights: Array = site.consts[op.weights]
    flat = weights.reshape(len(weights), -1)
    correction = -site.inputs[0].zero_point * flat.astype(np.int64).sum(axis=1)
    pointwise = context.kernel.call == "map" or op.window == POINTWISE
    depth, width = flat.shape[1], site.output.width
    count = width if pointwise else windows(op, site)
    calls = -(-width // count) * site.output.height
    key = dense_key(
        recipe, depth, count, len(flat), apart, coding, calls, context.plan.graph.macs() // WORTH_SAVING
    )
    if coding.nibbles and key["mode"] != "resident":
        recipe, correction = sixteenfold(recipe, correction)
    words = recipe.blocks(correction) if key["mode"] == "channels" else recipe.rows(correction)
    if key["mode"] == "pixel" or (key["mode"] == "channels" and not key["rest"]):
        group = group_of(depth) if key["mode"] == "pixel" else FOUR
        words = in_groups(recipe.rows(correction), group)
    if key["mode"] == "pixels":
        words = np.pad(words, ((0, -len(words) % int(str(key["tile"]))), (0, 0)))
    arrays = {"weights": interleaved(flat, key), "requant": words}
    arrays |= recipe.exact
    sizes = {"count": width, "channels_out": len(flat)}
    if not key["depth"]:
        sizes["depth"] = depth
    if apart:
        sizes["apart"] = width
    if recipe.lanes.adds_zero:
        sizes["zero_out"] = site.output.zero_point
    form = recipe.scalar.form if recipe.scalar else None
    shared: dict[str, tuple[str, Key]] = {"support": ("helium_support", {})}
    told = layouts_of(recipe.lanes, key, len(flat), depth)
    marks = [f"{key['tile']}"] * (key["tile"] != 0) + [f"{key['depth']}"] * (key["depth"] != 0)
    suffix = "_".join([str(key["mode"]), *marks, recipe.lanes.key]) + "_int4" * coding.nibbles
    if pointwise:
        return Packed(suffix, key, arrays, sizes, form, recipe.counts, shared, told)
    shared["dense"] = ("dense", {**key, "support": "helium_support"})
    key, more = window_key(op, site, key)
    return Packed(
        f"{window_suffix(op.window)}_{suffix}", key, arrays, sizes | more, form, recipe.counts, shared, told
    )


def layouts_of(lanes: Lanes, key: Key, channels: int, depth: int) -> dict[str, str]:
    """How weights and words follow each other, for the comments above them."""
    coding = key["coding"]
    nibbles, mode = isinstance(coding, WeightCoding) and coding.nibbles, key["mode"]
    if mode in ("pixel", "resident"):
        filters = -(-channels // 2) if nibbles else channels
        before = 8 if mode == "resident" and key["depth"] == 8 and not key["lines"] else 0
        weights = layouts.filters_of(filters, depth, before)
    else:
        passes = passes_of(key)
        weights = layouts.passes_of(-(-channels // sum(map(len, passes))), passes, depth, nibbles)
    words = layouts.words_of(lanes.fields, channels)
    if mode in ("pixel", "channels"):
        eight = mode == "pixel" and group_of(depth) != FOUR
        count = 2 * -(-channels // 8) if eight else -(-channels // 4)
        words = layouts.words_of_fours(lanes.fields, count, layouts.OF_EIGHT * eight)
    return {"weights": weights, "requant": words}


def sixteenfold(recipe: VectorRecipe, correction: Array) -> tuple[VectorRecipe, Array]:
    """Both for sums of 16 times the weights, modulo 2^32: what they start with is 16 times as much."""
    words = recipe.words.astype(np.int64)
    words[:, 0] *= NIBBLE
    return replace(recipe, words=words), NIBBLE * correction


def dense_key(
    recipe: VectorRecipe,
    depth: int,
    count: int,
    channels: int,
    apart: bool,
    coding: WeightCoding,
    calls: int,
    worth: int,
) -> Key:
    """The template parameters of dot products of `count` pixels at once, `calls` times: see helium_dense.j2.

    Beside a function of all depths, one of this depth must save as many instructions as its bytes are `worth`.
    """
    often = calls * count * channels * depth >= WORTH_UNROLLING
    key: Key = {"lanes": recipe.lanes, "coding": coding, "depth": 0, "tile": 0, "rest": False, "apart": apart}
    key |= {"tail": depth % VECTOR > 0, "whole": depth >= VECTOR, "pieces": None, "lines": (), "odd": False}
    looped = not coding.nibbles and can_loop(depth, recipe.lanes) and count >= 4 and channels > 1
    shared = not (often and can_unroll("channels", depth))
    ways = {"channels": calls * tile_instructions(channels, count, depth, recipe.lanes) - worth * shared}
    if looped:
        ways["resident"] = calls * row_instructions(channels, count, depth, recipe.lanes)
    if not apart and not coding.nibbles and can_hold(depth, channels, recipe.lanes):
        ways["pixel"] = calls * count * pixel_instructions(channels, depth, recipe.lanes)
    best = min(ways, key=ways.__getitem__)
    own: Key = {"depth": depth, "tail": False, "whole": False}
    if best == "resident" or (apart and count >= 4 and depth <= RESIDENT_DEPTH):
        lines = loop_of(depth, apart, recipe.lanes) if looped else ()
        own |= {"odd": channels % 2 > 0, "own_words": own_words(depth, recipe.lanes)}
        return key | own | {"mode": "resident", "lines": lines}
    if best == "pixel":
        group = group_of(depth)
        lines = tuple(group_lines(depth, recipe.lanes))
        return key | own | {"mode": best, "group": group, "lines": lines, "ahead": spare(depth, recipe.lanes)}
    of: Of = "pixels" if apart and count >= 4 else "channels"
    tile = best_tile(channels if of == "pixels" else count)
    if coding.nibbles:
        tile = min(tile, 2) if of == "pixels" else tile
    else:
        unrolled = often and can_unroll(of, depth)
        key |= {"pieces": tile_of(of, tile, depth, unrolled), "depth": depth if unrolled else 0}
    again = tile > 1 and channels > 4 and not coding.nibbles  # the last four channels, where some are left over
    return key | {"mode": of, "tile": tile, "rest": of == "channels" and channels % 4 > 0 and not again}


def tile_instructions(channels: int, count: int, depth: int, lanes: Lanes) -> int:
    """Instructions of a row in tiles of some pixels by four channels: loops, or turns written out."""
    size = best_tile(count)
    turn, last, around = {1: (10, 14, 28), 2: (18, 26, 37), 3: (24, 32, 46)}[size]
    tile = around + turn * (depth // VECTOR) + last * (depth % VECTOR > 0)
    if depth <= UNROLLED:
        tile = around + 4 * size + turn * -(-depth // VECTOR) - 16 + 6 * (depth < VECTOR)
    form = (lanes.extra > 0) + 2 * lanes.kink + (lanes.shift is None)
    return -(-channels // 4) * (14 + -(-count // size) * (tile + size * form))


def in_groups(words: Array, group: tuple[int, ...]) -> Array:
    """int32 (groups, k, 4) of words (C, k): of four channels, or of eight by turns."""
    ordered = words[groups(len(words), group)].reshape(-1, 4, words.shape[1])
    return np.ascontiguousarray(ordered.transpose(0, 2, 1))


def groups(channels: int, group: tuple[int, ...]) -> Array:
    """The channels of each group, in its order: the last group ends with the last channel."""
    firsts = np.minimum(np.arange(0, channels, len(group)), channels - len(group))
    return np.asarray(firsts[:, np.newaxis] + np.array(group))


def passes_of(key: Key) -> tuple[tuple[int, ...], ...]:
    """The channels of each pass over a tile."""
    if key["mode"] == "pixels":
        return (tuple(range(int(str(key["tile"])))),)
    return (layouts.TOGETHER,) if key["tile"] == 1 else ((0, 2), (1, 3))


def interleaved(flat: Array, key: Key, vector: int = VECTOR) -> Array:
    """Filters (C, K) in the order of the tiles, `vector` codes of each channel of a pass and then of it again.

    Channels that are missing to the last tile are zero, or, without a rest, it has the last four. In 4 bits the
    upper half of a byte is that of the pass's next channel.
    """
    nibbles = isinstance(coding := key["coding"], WeightCoding) and coding.nibbles
    if key["mode"] == "pixel":
        return flat
    if key["mode"] == "resident":
        if nibbles:
            last = flat[-1:] if len(flat) % 2 else flat[:0]  # an odd channel stands beside itself
            flat = two_a_byte(np.concatenate([flat, last])[np.newaxis])[0]
        return np.pad(flat.reshape(-1), (8, 0)) if key["depth"] == 8 and not key["lines"] else flat
    passes = passes_of(key)
    tile = sum(map(len, passes))
    whole = flat.shape[1] // vector * vector
    padded = np.pad(flat, ((0, -len(flat) % tile), (0, 0))).reshape(-1, tile, flat.shape[1])
    if key["mode"] == "channels" and not key["rest"]:
        padded = flat[groups(len(flat), FOUR)]
    parts = []
    for channels in passes:
        some = padded[:, channels]
        if nibbles:
            some = two_a_byte(some)
        steps = some[..., :whole].reshape(len(some), some.shape[1], -1, vector).transpose(0, 2, 1, 3)
        parts += [steps.reshape(len(some), -1), some[..., whole:].reshape(len(some), -1)]
    return np.concatenate(parts, axis=1)


def two_a_byte(filters: Array) -> Array:
    """Filters (..., C, K) of 4 bits, two channels in each byte, int8 (..., C / 2 rounded up, K)."""
    padded = np.pad(filters, ((0, 0), (0, filters.shape[1] % 2), (0, 0))).astype(np.uint8)
    return ((padded[:, 0::2] & (NIBBLE - 1)) | (padded[:, 1::2] * np.uint8(NIBBLE))).view(np.int8)


def window_key(op: ops.Conv, site: Site, key: Key) -> tuple[Key, dict[str, int]]:
    """The template parameters and the sizes of gathering: `taps` runs of a row's codes lie beside each other."""
    kw, dilation = op.window.kernel[1], op.window.dilation[1]
    taps = 1 if dilation == 1 else kw
    run = kw // taps * site.inputs[0].channels
    short = run if run <= VECTOR else 0
    few = op.window.kernel[0] <= MOST_ROWS and op.window.stride[1] * run // kw < IN_REACH
    copies = min(op.window.kernel[0], 4) if short and taps == 1 and few else 0  # rows copied together
    inner = {name: key[name] for name in ("coding", "lanes", "mode", "depth", "apart")}
    key = {"window": op.window, "taps": taps, "short": short, "copies": copies, **inner}
    sizes = {"zero_in": site.inputs[0].zero_point, "width_in": site.inputs[0].width, "together": windows(op, site)}
    return key, sizes if short else sizes | {"channels_in": site.inputs[0].channels}


def best_tile(count: int) -> int:
    """1, 2 or 3: tiles of three need 11 instructions for 6 products, of two 8 for 4; the last tile may overlap."""
    if count < 3:
        return count
    return 3 if -(-count // 3) * 3 * 11 / 6 <= -(-count // 2) * 2 * 8 / 4 else 2
