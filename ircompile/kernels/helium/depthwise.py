"""Depthwise convolution for Helium: the rows of one channel as a strip, in which a window is a few runs of bytes.

Rows of columns x:   0 1 2 3 ..     a strip of quads:   0 a A . 1 b B . 2 c C . 3 d D . ..
                     a b c d ..     a 3 x 3 window is 12 bytes of it: one VMLADAV, and with the
                     A B C D ..     filter moved by a quad another one for the next pixel.
"""

from dataclasses import dataclass

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.helium import columns, layouts
from ircompile.kernels.helium.blocks import Block
from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.helium.requant import always_vectors, recipe_of
from ircompile.kernels.helium.taps import adds_in_halves, choose_lanes, is_direct, lanes_instructions
from ircompile.kernels.model import Context, Kernel, Packed, Request, window_suffix
from ircompile.kernels.requantize import word_and_half
from ircompile.qtype import INT8

WORTH_OWN_CODE = 100_000  # multiply-accumulates of a layer, below which strips, which ask for code of more kinds,
NEARLY = 1.15  # must save more than this
COLUMNS_AND_GATHERS = 0.85  # columns must save as much, since gathering takes more cycles than loading
SUPPORT: dict[str, tuple[str, dict[str, object]]] = {"support": ("helium_support", {})}
BLOCK_OF_TWO, BLOCK_OF_ONE = 26, 15  # instructions
Part = tuple[int, int, int, int]


@dataclass(frozen=True)
class Strips:
    """How a window lies in strips.

    quads, strips  strips of four rows (or three, or two), and all strips: a single last row has one of its own.
    parts          vectors of a window: strip, first byte there, first byte of the filter, bytes.
    filter_bytes   bytes of a channel's filter.
    """

    quads: int
    strips: int
    parts: tuple[Part, ...]
    filter_bytes: int


def strips_of(window: ops.Window) -> Strips:
    """The strips of a window of horizontal dilation 1."""
    kh, kw = window.kernel
    quads = kh // 4 + (kh % 4 > 1)
    strips, parts, place = quads + (kh % 4 == 1), [], 0
    for strip in range(strips):
        count = (4 if strip < quads else 1) * kw
        for byte in range(0, count, VECTOR):
            size = min(VECTOR, count - byte)
            parts.append((strip, byte, place + byte, size))
        place += count
    return Strips(quads, strips, tuple(parts), place)


def choose_depthwise_lanes(op: ops.Depthwise, site: Site, request: Request) -> Kernel | None:
    """By the fewer instructions; None for a dilated window or weights wider than 8 bits."""
    if op.window.dilation[1] > 1 or site.consts[op.weights].dtype != INT8.dtype:
        return None
    multiplier = site.output.channels // site.inputs[0].channels
    # only strips can requantize lane by lane
    plain = multiplier == 1 and always_vectors(op.requant, site.consts[op.requant.scale], request.features)
    if plain and columns.fits(op, site):
        alone = columns.instructions(op, site)
        if alone < channels_estimate(op, site) and alone < COLUMNS_AND_GATHERS * strips_estimate(op, site):
            return columns.choose_columns(op, site)
    margin = NEARLY if op.macs(site) < WORTH_OWN_CODE else 1
    if plain and channels_estimate(op, site) < margin * strips_estimate(op, site):
        return choose_lanes(op, site) if is_direct(op, site) else choose_channels(op, site)
    return choose_strips(op, site)


def strips_estimate(op: ops.Depthwise, site: Site) -> int:
    """Instructions of a row."""
    strips, width = strips_of(op.window), site.output.width
    multiplier = site.output.channels // site.inputs[0].channels
    gather = 22 + 8 * ((site.inputs[0].width - 1) // VECTOR)
    vectors = best_vectors(width)
    runs = len(strips.parts) * 2 - 0.5 * (len(strips.parts) == 1 and op.window.stride[1] == 1)
    block = 4 * vectors * (runs + 0.5) + (10 if vectors == 2 else 7)
    again = 8 * (width % (4 * vectors) > 0)
    channel = 20 + 3 * len(strips.parts) + -(-width // (4 * vectors)) * block + again
    return int(site.inputs[0].channels * (gather * strips.strips + multiplier * channel))


def channels_estimate(op: ops.Depthwise, site: Site) -> int:
    """Instructions of a row."""
    kh, kw = op.window.kernel
    if is_direct(op, site):
        return lanes_instructions(op, site)
    copied = kh * (site.inputs[0].width + sum(op.window.padding[2:])) * 5
    return int(-(-site.output.channels // VECTOR) * (site.output.width * (9.6 * kh * kw + 38) + copied + 30))


def choose_channels(op: ops.Depthwise, site: Site) -> Kernel:
    """The scratch holds 16 channels of the window's rows with their padding."""
    size = op.window.kernel[0] * (site.inputs[0].width + sum(op.window.padding[2:])) * VECTOR
    count = channels_estimate(op, site) * site.output.height
    return Kernel(
        "depthwise_channels",
        pack_channels,
        "window",
        ("hwc",),
        ("hwc",),
        size,
        instructions=count,
        extras=("scratch",),
    )


def pack_channels(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Filters 16 channels at a time, tap by tap; words in the order in which products are widened."""
    recipe, weights, channels = recipe_of(op, site, context), site.consts[op.weights], site.output.channels
    taps = integers(weights).reshape(-1, channels)
    sums = taps.sum(axis=0)
    missing = -channels % VECTOR
    ordered = np.pad(weights.reshape(-1, channels), ((0, 0), (0, missing)))
    ordered = ordered.reshape(len(taps), -1, VECTOR).transpose(1, 0, 2)
    rows = recipe.rows(-site.inputs[0].zero_point * sums)
    small = recipe.lanes.kind == "float" and context.has_few_words(op, site)
    few = word_and_half(rows) if small else None
    if few is not None:
        words = words_and_halves(*(np.pad(part, (0, missing)) for part in few))
    else:
        words = by_lanes(np.pad(rows, ((0, missing), (0, 0))))
    key: dict[str, object] = {"window": op.window, "lanes": recipe.lanes, "pairs": adds_in_halves(taps)}
    key["halves"] = few is not None
    sizes = {"zero_in": site.inputs[0].zero_point, "channels": channels}
    sizes |= {"width_in": site.inputs[0].width, "width_out": site.output.width}
    if recipe.lanes.adds_zero:
        sizes["zero_out"] = site.output.zero_point
    suffix = f"{window_suffix(op.window)}_{recipe.lanes.key}" + "_halves" * (few is not None)
    arrays = {"weights": np.ascontiguousarray(ordered), "requant": words}
    told = {"weights": layouts.taps_of(len(ordered), len(taps), VECTOR)}
    told["requant"] = layouts.words_of_fours(recipe.lanes.fields, 4 * len(ordered), layouts.OF_SIXTEEN)
    if few is not None:
        told["requant"] = layouts.halves_of(len(ordered))
    return Packed(suffix, key, arrays, sizes, None, recipe.counts, SUPPORT, told)


def by_lanes(words: Array) -> Array:
    """Words (C, k) in the order in which products are widened, (C / 16, 2, 2, k, 4)."""
    return np.ascontiguousarray(words.reshape(-1, 4, 2, 2, words.shape[1]).transpose(0, 3, 2, 4, 1))


def words_and_halves(words: Array, halves: Array) -> Array:
    """Int32 (C / 16, 24): 16 words in that order, then their halves, two in each of 8 words."""
    first, second = (by_lanes(part[:, np.newaxis]).reshape(-1, 16) for part in (words, halves))
    return np.concatenate([first, np.ascontiguousarray(second).view(np.int32)], axis=1)


def choose_strips(op: ops.Depthwise, site: Site) -> Kernel:
    """The scratch holds the strips of one channel, and a row of padding."""
    size = strips_of(op.window).strips * strip_bytes(op.window, site) + -(-site.inputs[0].width // VECTOR) * VECTOR
    count = strips_estimate(op, site) * site.output.height
    return Kernel(
        "depthwise_strips",
        pack_strips,
        "window",
        ("chw",),
        ("hwc", "chw"),
        size,
        instructions=count,
        extras=("scratch",),
        strided=True,
    )


def strip_bytes(window: ops.Window, site: Site) -> int:
    """Bytes of a strip: whole vectors of columns are stored, and up to 16 bytes are read over its end."""
    left, right = window.padding[2:]
    pitch = 4 if window.kernel[0] > 1 else 1
    wide = max(left + -(-site.inputs[0].width // VECTOR) * VECTOR, left + site.inputs[0].width + right)
    # the last block of a row narrower than a block reads windows that are not there
    last = (max(site.output.width, 4) - 1) * window.stride[1]
    parts = max(byte + VECTOR for _, byte, _, _ in strips_of(window).parts)
    return -(-max(wide * pitch, last * pitch + parts) // 4) * 4


def pack_strips(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Filters in the order of the strips; a narrow row is one block whose store is cut."""
    recipe, apart = recipe_of(op, site, context), context.apart(site)
    strips, width = strips_of(op.window), site.output.width
    weights: Array = site.consts[op.weights]
    sums = weights.astype(np.int64).sum(axis=(0, 1))
    multiplier = site.output.channels // site.inputs[0].channels
    vectors, pitches = best_vectors(width), (4,) * strips.quads + (1,) * (strips.strips - strips.quads)
    shared = strips.parts == ((0, 0, 0, 12),) and op.window.stride[1] == 1
    block = Block(strips.parts, pitches, op.window.stride[1], vectors, shared)
    key: dict[str, object] = {
        "window": op.window,
        "lanes": recipe.lanes,
        "quads": strips.quads,
        "strips": strips.strips,
        "parts": strips.parts,
        "filter_bytes": strips.filter_bytes,
        "multiplier": multiplier,
        "vectors": vectors,
        "narrow": width < 4,
        "apart": apart,
        "shared": shared,
        "block": block.lines,
        "turn": block.turn(recipe.lanes, apart) if width >= 4 else (),
        "chunked": site.inputs[0].width > VECTOR,
    }
    # a filter of 12 bytes is read with four bytes before and behind it
    packed = np.pad(filters(weights, strips).reshape(-1), 4 if shared else 0)
    arrays = {"weights": packed, "requant": recipe.rows(-site.inputs[0].zero_point * sums)}
    arrays |= recipe.exact
    sizes = {"zero_in": site.inputs[0].zero_point, "channels": site.inputs[0].channels}
    sizes |= {"width_in": site.inputs[0].width, "width_out": width}
    if recipe.lanes.adds_zero:
        sizes["zero_out"] = site.output.zero_point
    sizes["strip_bytes"] = strip_bytes(op.window, site)
    if not apart:
        sizes["pixel_step"] = context.steps(site)["pixel_step"]
    form = recipe.scalar.form if recipe.scalar else None
    marks = window_suffix(op.window) + f"_{'chw' if apart else 'hwc'}{4 * vectors if width >= 4 else 'n'}"
    marks += (f"_x{multiplier}" if multiplier > 1 else "") + f"_{recipe.lanes.key}"
    told = {"weights": layouts.strips_of(op.window, len(weights[0, 0]), strips.quads, 4 * shared)}
    told["requant"] = layouts.words_of(recipe.lanes.fields, len(weights[0, 0]))
    return Packed(marks, key, arrays, sizes, form, recipe.counts, SUPPORT, told)


def best_vectors(width: int) -> int:
    """Vectors of four pixels a block, by the instructions of blocks; the last one may overlap the one before."""
    if width < 8:
        return 1
    return 2 if -(-width // 8) * BLOCK_OF_TWO <= -(-width // 4) * BLOCK_OF_ONE else 1


def filters(weights: Array, strips: Strips) -> Array:
    """int8 (C, filter_bytes) of weights (kh, kw, C)."""
    kh, kw, channels = weights.shape
    quads = np.zeros((4 * strips.quads, kw, channels), np.int8)
    rows = min(kh, 4 * strips.quads)
    quads[:rows] = weights[:rows]
    ordered = quads.reshape(strips.quads, 4, kw, channels).transpose(3, 0, 2, 1).reshape(channels, -1)
    last = weights[rows:].transpose(2, 0, 1).reshape(channels, -1)
    return np.ascontiguousarray(np.concatenate([ordered, last], axis=1).astype(np.int8))
