"""3 x 3 convolutions with fewer products: Winograd's F(2, 3) along a row, exact in integers.

Two neighbouring outputs of a row of three taps g share four products where they would take six:

    y0 = m1 + m2 + m0        m0 = (d0 - d2) * 2 g0              m1 = (d1 + d2) * (g0 + g1 + g2)
    y1 = m1 - m2 + m3        m3 = (d1 - d3) * -2 g2             m2 = (d2 - d1) * (g0 - g1 + g2)

y0 and y1 are twice the outputs: doubled weights need no halves. Codes and weights so transformed are int16; sums
wrap modulo 2^32, so that only the doubled outputs must fit int32. Source: Winograd's minimal filtering, as in Lavin
and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
"""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.convolution import SHIFTS
from ircompile.kernels.dsp.tiles import run_order, turns_of
from ircompile.kernels.model import Context, Kernel, Packed
from ircompile.kernels.requantize import Recipe, tail_words, with_short_offsets
from ircompile.kernels.short_words import has_short_words
from ircompile.kernels.weights import WeightCoding
from ircompile.qtype import INT8, INT16
from ircompile.target import Features

KERNEL = (3, 3)
TILES, OUTPUTS = 2, 2  # that are computed together; of a tile
PIXELS = TILES * OUTPUTS
COLUMNS = PIXELS + 1  # of the input under them that one product or another takes at a time
PARTS = ("m1", "m2", "m0", "m3")
AT_ONCE = 3  # of them, of which the patch has codes
TURNS = 12  # of the loop: a part of a window of 8 channels
FOUR, EIGHT = 4, 8
MOST = 2**30 - 2**23  # of a sum: twice as much fits int32, and what requantization moves sums by


def serves(op: ops.Conv, site: Site, features: Features) -> bool:
    """Whether the kernel computes a layer: 3 x 3 windows of 8, 16 ... channels of int8 side by side, DSP cores."""
    source, output, window = site.inputs[0], site.output, op.window
    plain = window.kernel == KERNEL and window.stride == (1, 1) and window.dilation == (1, 1)
    whole = source.channels % EIGHT == 0 and output.channels % FOUR == 0 and output.width >= PIXELS
    bytes_only = source.itemsize == output.itemsize == 1
    return features.dsp and not features.mve and plain and whole and bytes_only and _fits(op, site)


def _fits(op: ops.Conv, site: Site) -> bool:
    """Whether weights fit int16, and doubled sums int32 for all codes, whatever part of a window is padding."""
    weights = site.consts[op.weights]
    if max(np.abs(part).max() for part in transformed(weights)) > INT16.high:
        return False
    sizes = np.abs(integers(weights)).reshape(len(weights), -1).sum(axis=1)
    return bool(np.all(np.abs(integers(site.consts[op.bias])) + INT8.count * sizes < MOST))


def choose_winograd(op: ops.Conv, site: Site) -> Kernel:
    """The kernel of a layer that it serves. Its scratch: sums that wait, and the codes of three products."""
    return Kernel(
        "winograd", pack_winograd, "window", ("hwc",), ("hwc", "chw"),
        patch_at(site) + 2 * AT_ONCE * TILES * KERNEL[0] * site.inputs[0].channels,
        instructions=instructions(site), extras=("scratch",), strided=True, coding=WeightCoding.WINOGRAD,
        pixels=PIXELS,
    )  # fmt: skip


def patch_at(site: Site) -> int:
    """Bytes before the patch: eight sums for each four channels but the last, or five pixels at a border.

    The last four channels' sums lie over the patch's first codes, which have then been read.
    """
    return max(32 * (site.output.channels // FOUR - 1), COLUMNS * site.inputs[0].channels)


def instructions(site: Site) -> int:
    """Executed instructions of the whole layer, fitted to counts."""
    rows, width, channels = site.output.shape
    depth = site.inputs[0].channels
    turns = len(PARTS) * KERNEL[0] * depth / 2
    gather = KERNEL[0] * (depth / 4 * 54 + 20) + 60
    return int(rows * -(-width // PIXELS) * (gather + channels / FOUR * (turns * (11 + 3 / TURNS) + 210)))


def transformed(weights: Array) -> tuple[Array, ...]:
    """Weights of the products, in the order of `PARTS`, int64 (C, 3, D) each, of weights (C, 3, 3, D)."""
    g0, g1, g2 = (integers(weights)[:, :, tap] for tap in range(3))
    return g0 + g1 + g2, g0 - g1 + g2, 2 * g0, -2 * g2


def added_bytes(weights: Array) -> int:
    """How many bytes of flash the transformed weights of a layer take more than its weights do."""
    return WeightCoding.WINOGRAD.bytes(weights.size) - WeightCoding.INT8.bytes(weights.size)


def pack_winograd(op: ops.Conv, site: Site, context: Context) -> Packed:
    """One stream of doubled sums, requantization words and transformed weights, four channels at a time."""
    source, coding = site.inputs[0], WeightCoding.INT16
    weights = site.consts[op.weights]
    recipe = context.recipe(op, site, shifted=1, prefer=SHIFTS)
    if has_short_words(op, site, context):
        recipe = with_short_offsets(recipe)
    order = run_order([source.channels] * KERNEL[0])
    stream = stream_of(weights, order, source.zero_point, recipe)
    sizes = {
        "channels_in": source.channels, "channels_out": site.output.channels, "width": site.output.width,
        **context.steps(site), "width_in": source.width, "left": op.window.padding[2], "zero_in": source.zero_point,
        "patch_at": patch_at(site) // FOUR,
    }  # fmt: skip
    shared: dict[str, tuple[str, dict[str, object]]] = {
        "unpack": ("unpack", {}),
        "turn": ("turn", {"coding": coding}),
        "two_turn": ("asm_turn", {"coding": coding, "pixels": 2, "first": False, "named": "two"}),
        "store_two": ("store", {"named": "two", "pixels": 2}),
        "transform": ("winograd_codes", {}),
        "tile": ("winograd_tile", {"turns": TURNS}),
    }
    key = {"coding": WeightCoding.WINOGRAD, "twos": False}
    layout = {"stream": _layout(recipe, site.output.channels, order)}
    return Packed("", key, {"stream": stream}, sizes, recipe.form, recipe.exact, shared, layout)


def stream_of(weights: Array, order: Array, zero_point: int, recipe: Recipe) -> Array:
    """The stream, int32: weights (C, 3, 3, D) integers; `order` says which codes of a part each turn takes."""
    flat = integers(weights).reshape(len(weights), -1)
    starts = 2 * (integers(recipe.words[:, 0]) - zero_point * flat.sum(axis=1))
    parts = [part.reshape(len(weights), -1)[:, order] & 0xFFFF for part in transformed(weights)]
    words = [integers(recipe.common).reshape(-1), tail_words(recipe.form, integers(recipe.words[:, 1:]))]
    fours = [slice(first, first + FOUR) for first in range(0, len(weights), FOUR)]
    *early, late = [[(part[four, :, 0] | part[four, :, 1] << 16).T.reshape(-1) for four in fours] for part in parts]
    for four, *three in zip(fours, *early, strict=True):
        words += [starts[four], *three]
    words += late
    return wrap_int32(np.concatenate(words)).astype(np.int32)


def _layout(recipe: Recipe, channels: int, order: Array) -> str:
    """What the words of the stream are."""
    form, turns = recipe.form, len(order)
    fours, place, parts = channels // FOUR, 0, list[str]()

    def add(words: int, what: str) -> None:
        nonlocal place
        parts.append(f"[{place}, {place + words}) {what}")
        place += words

    if form.common:
        add(len(form.common), f"{', '.join(form.common)} of all channels")
    if form.tail(FOUR):
        halves = "two multipliers, their offsets as halves, of each two channels"
        each = f"{', '.join(form.fields)} of each channel"
        add(fours * form.tail(FOUR), halves if form.storage == "short" else each)
    *early, late = (f"{FOUR * turns} words of {name}" for name in PARTS)
    told = f"4 channels at a time: 4 starts of doubled sums + {' + '.join(early)}"
    add(fours * FOUR * (1 + AT_ONCE * turns), told)
    add(fours * FOUR * turns, f"4 channels at a time: {late}")
    return (
        f"words {'; '.join(parts)}. A word of weights: one channel, halves two codes of a pixel. "
        f"Codes of the turns: {turns_of(order)}."
    )
