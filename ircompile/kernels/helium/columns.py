"""Depthwise convolution of short rows for Helium: a channel's codes in a column of the window are a word.

Rows, pixels of channels:  a b c d ..  e f g h ..     columns in the scratch:   aAi. bBj. cCk. dDl. ..
                           A B C D ..  E F G H ..                               eEm. fFn. gGo. hHp. ..
                           i j k l ..  m n o p ..

Four columns' words of a channel (aAi. eEm. ..) are gathered into a vector: one VMLADAV is a 3 x 3 window, and with
the filter moved by a word another one for the next pixel.
"""

from collections.abc import Iterator

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.helium import layouts
from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.helium.requant import recipe_of
from ircompile.kernels.model import Context, Kernel, Packed, window_suffix
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.qtype import INT8

FOUR = 4
COLUMN = VECTOR * FOUR  # bytes of a column of 16 channels
IN_REACH = 4 * (2**7 - 1)  # bytes from addresses in a vector
WORTH_SAVING = 1400  # multiply-accumulates of the network, for one instruction of which there is another function
SUPPORT: dict[str, tuple[str, dict[str, object]]] = {"support": ("helium_support", {})}


def fits(op: ops.Depthwise, site: Site) -> bool:
    """Whether windows have two to four rows and up to four columns, of 16 channels or more with one output each.

    Words of float32 arithmetic can take six bytes a channel where 16 channels are computed at once.
    """
    (kh, kw), channels = op.window.kernel, site.output.channels
    alone = channels >= VECTOR and channels == site.inputs[0].channels
    return 1 < kh <= FOUR and kw <= FOUR and alone and op.requant.rounding == "double"


def is_shared(window: ops.Window) -> bool:
    """Whether four columns are the windows of two neighbouring pixels."""
    return window.stride[1] == 1 and window.kernel[1] < FOUR


def columns_of(op: ops.Depthwise, site: Site) -> int:
    """Columns in the scratch: with padding, and those that the last pair of pixels reads."""
    pixels = site.output.width + site.output.width % 2
    read = (pixels - 1) * op.window.stride[1] + FOUR
    return max(site.inputs[0].width + sum(op.window.padding[2:]), read)


def instructions(op: ops.Depthwise, site: Site) -> int:
    """Instructions of a row."""
    width, channels, shared = site.output.width, site.output.channels, is_shared(op.window)
    pairs = -(-width // 2)
    laid = 20 + site.inputs[0].width * (2 * op.window.kernel[0] + 5)
    sums = 2 * (4 if shared else 2) + 2 * pairs * (9 if shared else 11) + 8
    return -(-channels // VECTOR) * laid + -(-channels // FOUR) * (sums + 14 * pairs + 18) + 100


def choose_columns(op: ops.Depthwise, site: Site) -> Kernel:
    """The scratch holds the sums of four channels, 16 channels of the window's columns, and a row of padding."""
    pixels = site.output.width + site.output.width % 2
    size = pixels * VECTOR + columns_of(op, site) * COLUMN + -(-site.output.channels // VECTOR) * VECTOR
    count = instructions(op, site) * site.output.height
    return Kernel(
        "depthwise_columns", pack_columns, "window", ("hwc",), ("hwc",), size, instructions=count,
        extras=("scratch",), strided=True,
    )  # fmt: skip


def first_channels(channels: int) -> Array:
    """The first channels of all fours: 16 channels at a time, before them as many as are left."""
    rest = (channels - 1) % VECTOR + 1
    return np.concatenate([np.arange(0, rest, FOUR), np.arange(rest, channels, FOUR)])


def pack_columns(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Filters of four channels after each other, a word a column and before them zeros; words side by side."""
    recipe, channels, width = recipe_of(op, site, context), site.output.channels, site.output.width
    (kh, kw), weights, shared = op.window.kernel, site.consts[op.weights], is_shared(op.window)
    order = (first_channels(channels)[:, np.newaxis] + np.arange(FOUR)).reshape(-1)
    taps = np.zeros((len(order) * VECTOR + FOUR * shared), INT8.dtype)
    filters = taps[: len(order) * VECTOR].reshape(-1, FOUR, FOUR)
    filters[:, shared : shared + kw, :kh] = weights.transpose(2, 1, 0)[order]
    words = recipe.rows(-site.inputs[0].zero_point * integers(weights).sum(axis=(0, 1)))[order]
    words = np.ascontiguousarray(words.reshape(-1, FOUR, words.shape[1]).transpose(0, 2, 1))
    short = width if written_out(op, site, context.plan.graph.macs() // WORTH_SAVING) else 0
    key: dict[str, object] = {
        "window": op.window, "lanes": recipe.lanes, "shared": shared, "short": short,
        "sums": tuple(sums(op.window, short)), "codes": tuple(codes(recipe.lanes, short)),
    }  # fmt: skip
    sizes = {"zero_in": site.inputs[0].zero_point, "channels": channels, "width_in": site.inputs[0].width}
    sizes |= {"width_out": width, "width_padded": columns_of(op, site)}
    sizes |= {"zero_out": site.output.zero_point} if recipe.lanes.adds_zero else {}
    sizes["pixel_step"] = context.steps(site)["pixel_step"]
    suffix = f"{window_suffix(op.window)}_{f'w{short}_' if short else ''}{recipe.lanes.key}"
    told = {"weights": layouts.columns_of(op.window, len(words), shared)}
    told["requant"] = layouts.words_of_fours(recipe.lanes.fields, len(words))
    return Packed(suffix, key, {"weights": taps, "requant": words}, sizes, None, recipe.counts, SUPPORT, told)


def written_out(op: ops.Depthwise, site: Site, worth: int) -> bool:
    """Whether a row has a function without loops: its columns are in reach, and it saves more instructions."""
    height, width, channels = site.output.shape
    reaches = (width - 1) * COLUMN * op.window.stride[1] + 3 * FOUR <= IN_REACH
    saved = 7 + 2 * -(-width // 2) + width // 2 + 6 * (width % 2)
    return reaches and height * -(-channels // FOUR) * saved > worth


def sums(window: ops.Window, short: int) -> Iterator[str]:
    """The instructions of the sums of four channels, of a row of `short` pixels or in a loop over pairs of them.

    `at` are the addresses of four columns, in the loop those of the pair before, which move to the next channels;
    `filter` moves on.
    """
    step, shared = COLUMN * window.stride[1], is_shared(window)
    for half in range(2):
        for i in range(2):
            if shared:
                yield f"vldrb.8 %q[next_{i}], [%[filter]], #16"
            yield f"vldrb.8 %q[w_{i}], [%[filter]{', #-12]' if shared else '], #16'}"
        for x in range(0, short, 2):
            yield from _products(step, shared, min(2, short - x), x * step + 8 * half)
            for pixel in range(x, min(x + 2, short)):
                yield f"strd %[acc_{pixel - x}_0], %[acc_{pixel - x}_1], [%[sums], #{16 * pixel + 8 * half}]"
        if not short:
            yield from (f"add %[sum], %[sums], #{8 * half}", "dls lr, %[pairs]", f"{half + 1}:")
            yield from _products(step, shared, 2, None)
            yield from ("strd %[acc_1_0], %[acc_1_1], [%[sum], #16]", "strd %[acc_0_0], %[acc_0_1], [%[sum]], #32")
            yield from (f"le lr, {half + 1}b", "vsub.i32 %q[at], %q[at], %[back]")


def _products(step: int, shared: bool, pixels: int, place: int | None) -> Iterator[str]:
    """The sums of two channels of one pixel or two, whose columns are at a place, or behind those before."""
    for i in range(2):
        for x in range(1 if shared else pixels):
            at = f"#{2 * step}]!" if place is None and i == x == 0 else f"#{(place or 0) + 4 * i + x * step}]"
            yield f"vldrw.u32 %q[v], [%q[at], {at}"
            yield f"vmladav.s8 %[acc_{x}_{i}], %q[v], %q[w_{i}]"
        if shared and pixels == 2:
            yield f"vmladav.s8 %[acc_1_{i}], %q[v], %q[next_{i}]"


def codes(lanes: Lanes, short: int) -> Iterator[str]:
    """The instructions that make codes of the sums of two pixels at a time; none for another requantization.

    A vector has codes of both in turn, and is scattered.
    """
    if lanes.kind != "line" or lanes.shift is None or lanes.kink or (lanes.low, lanes.high) != INT8.range:
        return
    yield from (f"vldrw.32 %q[{name}], [%[words]], #16" for name in ("bias", "multiplier", "offset"))
    yield from () if short else ("wls lr, %[pairs], 2f", "1:")
    for x in range(0, short - 1 if short else 1, 2):
        yield from _codes(lanes, 2, 16 * x if short else None)
        yield from ("vstrb.16 %q[sum_0], [%[place], %q[places]]", "add %[place], %[place], %[two]")
    yield from () if short else ("le lr, 1b", "2:", "wls lr, %[odd], 3f")
    if not short or short % 2:
        yield from _codes(lanes, 1, 16 * (short - 1) if short else None)
        yield "vstrb.32 %q[sum_0], [%[place]]"
    yield from () if short else ("3:",)


def _codes(lanes: Lanes, pixels: int, place: int | None) -> Iterator[str]:
    """Sums at a place, or the next ones, as codes in `sum_0`."""
    for x in range(pixels):
        yield f"vldrw.32 %q[sum_{x}], [%[{'sum]], #16' if place is None else f'sums], #{place + 16 * x}]'}"
    for x in range(pixels):
        yield f"vadd.i32 %q[sum_{x}], %q[sum_{x}], %q[bias]"
        yield from [f"vshl.i32 %q[sum_{x}], %q[sum_{x}], #{lanes.extra}"] * (lanes.extra > 0)
        yield f"vq{'r' * lanes.rounded}dmulh.s32 %q[sum_{x}], %q[sum_{x}], %q[multiplier]"
        yield f"vadd.i32 %q[sum_{x}], %q[sum_{x}], %q[offset]"
    for x, end in zip(range(pixels), "bt", strict=False):
        by = f", #{lanes.shift}" if lanes.shift else ""
        yield f"{'vqrshrn' if lanes.shift else 'vqmovn'}{end}.s32 %q[sum_0], %q[sum_{x}]{by}"
    yield "vqmovnb.s16 %q[sum_0], %q[sum_0]"
