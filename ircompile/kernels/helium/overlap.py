"""Dense convolution for Helium of windows whose columns overlap: four pixels by two channels, a column loaded once.

Some pixels' columns are copied to the scratch, 16 channels at a time: all rows of the first 16, all of the next.

A turn takes 16 codes of each column that four pixels see of a row, and of two filters. Its eight sums fill all
even registers, which is why the loop counts in an odd one. Vectors hold four pixels of a channel.
"""

from collections.abc import Iterator

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.helium import layouts
from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.helium.requant import recipe_of
from ircompile.kernels.model import Context, Kernel, Packed, window_suffix

PIXELS, FILTERS = 4, 2
ROOM = 1024  # bytes of scratch for the columns of more than four pixels
MOST_BLOCK = 16  # pixels
MOST_COLUMNS = 32  # of four pixels: offsets reach 127 words


def overlaps(op: ops.Conv, site: Site) -> bool:
    """Whether windows share columns of whole vectors, and there are pixels and channels for a tile."""
    (kh, kw), stride = op.window.kernel, op.window.stride[1]
    return (
        site.inputs[0].channels % VECTOR == 0
        and site.output.channels % FILTERS == 0
        and site.output.width >= PIXELS
        and op.window.dilation[1] == 1
        and kh > 1
        and stride < kw <= MOST_COLUMNS - (PIXELS - 1) * stride
    )


def columns_of(op: ops.Conv, pixels: int) -> int:
    """How many columns the windows of neighbouring pixels see."""
    return (pixels - 1) * op.window.stride[1] + op.window.kernel[1]


def block_of(op: ops.Conv, site: Site) -> int:
    """Pixels whose columns are in the scratch at once: as many fours as the room, and the row, have place for."""

    def size(pixels: int) -> int:
        return op.window.kernel[0] * columns_of(op, pixels) * site.inputs[0].channels

    most = min(site.output.width, MOST_BLOCK)
    return max(pixels for pixels in range(PIXELS, most + 1, PIXELS) if pixels == PIXELS or size(pixels) <= ROOM)


def choose_overlap(op: ops.Conv, site: Site) -> Kernel:
    """The scratch holds the columns of a block."""
    return Kernel(
        "dense_overlap",
        pack_overlap,
        "window",
        ("hwc",),
        ("hwc", "chw"),
        op.window.kernel[0] * columns_of(op, block_of(op, site)) * site.inputs[0].channels,
        instructions=op.macs(site) // 5,
        extras=("scratch",),
    )


def taps_of(kernel: int, stride: int) -> list[int]:
    """The columns of a window in the order of a turn: those that pixels share follow each other."""
    return sorted(range(kernel), key=lambda tap: (tap % stride, tap))


def turn_of(kernel: int, stride: int) -> Iterator[str]:
    """The instructions of a turn: a column stays in its vector for as long as the next tap needs it.

    Columns are in q0 to q3, filters in q4 and q5: there are too many operands for names.
    """
    held: list[int | None] = [None] * PIXELS
    filters = ("q4", "q5")
    for tap in taps_of(kernel, stride):
        needed = [pixel * stride + tap for pixel in range(PIXELS)]
        for f in range(FILTERS):
            yield f"vldrb.8 {filters[f]}, [%[w]], #16"
        for pixel, column in enumerate(needed):
            if column not in held:
                free = next(i for i, old in enumerate(held) if old not in needed)
                held[free] = column
                yield f"vldrw.u32 q{free}, [%[pixel], #{VECTOR * column}]"
            for f in range(FILTERS):
                yield f"vmladava.s8 %[acc_{pixel}_{f}], q{held.index(column)}, {filters[f]}"


def pack_overlap(op: ops.Conv, site: Site, context: Context) -> Packed:
    """Filters in twos, words channel after channel."""
    recipe, source, apart = recipe_of(op, site, context), site.inputs[0], context.apart(site)
    kernel, stride, block = op.window.kernel[1], op.window.stride[1], block_of(op, site)
    weights: Array = site.consts[op.weights]
    key: dict[str, object] = {
        "window": op.window, "lanes": recipe.lanes, "apart": apart,
        "taps": taps_of(kernel, stride), "turn": list(turn_of(kernel, stride)),
    }  # fmt: skip
    correction = -source.zero_point * weights.astype(np.int64).sum(axis=(1, 2, 3))
    arrays = {"weights": by_turns(weights, taps_of(kernel, stride)), "requant": recipe.rows(correction)}
    arrays |= recipe.exact
    sizes = {"count": site.output.width, "channels_out": len(weights), "channels_in": source.channels}
    sizes |= {"zero_in": source.zero_point, "width_in": source.width}
    sizes |= {"block": block, "columns": columns_of(op, block)}
    if apart:
        sizes["apart"] = site.output.width
    if recipe.lanes.adds_zero:
        sizes["zero_out"] = site.output.zero_point
    form = recipe.scalar.form if recipe.scalar else None
    shared: dict[str, tuple[str, dict[str, object]]] = {"support": ("helium_support", {})}
    suffix = f"{window_suffix(op.window)}_{'chw' if apart else 'hwc'}_{recipe.lanes.key}"
    taps = " ".join(map(str, taps_of(kernel, stride)))
    of = f"{source.channels // VECTOR} x 16 codes of {op.window.kernel[0]} rows x columns {taps} x 2 channels"
    told = {
        "weights": f"{len(weights) // 2} x ({of})",
        "requant": layouts.words_of(recipe.lanes.fields, len(weights)),
    }
    return Packed(suffix, key, arrays, sizes, form, recipe.counts, shared, told)


def by_turns(weights: Array, taps: list[int]) -> Array:
    """int8 (C / 2, K / 16, kh, kw, 2, 16) of weights (C, kh, kw, K): of two filters what each turn takes."""
    _, kh, kw, depth = weights.shape
    parts = weights[:, :, taps].reshape(-1, FILTERS, kh, kw, depth // VECTOR, VECTOR)
    return np.ascontiguousarray(parts.transpose(0, 4, 2, 3, 1, 5))
