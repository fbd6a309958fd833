"""Depthwise convolution for Helium: the rows of one channel as a strip, in which a window is a few runs of bytes.

Rows of columns x:   0 1 2 3 ..     a strip of quads:   0 a A . 1 b B . 2 c C . 3 d D . ..
                     a b c d ..     a 3 x 3 window is 12 bytes of it: one VMLADAV, and with the
                     A B C D ..     filter moved by a quad another one for the next pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ircompile import ops
from ircompile.kernels.helium_requant import VectorRecipe
from ircompile.kernels.model import Kernel, Packed, window_suffix
from ircompile.tensor import Array, Site

VECTOR = 16
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


def choose_strips(op: ops.Depthwise, site: Site) -> Kernel | None:
    """None for a dilated window."""
    if op.window.dilation[1] > 1:
        return None
    strips = strips_of(op.window)
    size = strips.strips * strip_bytes(op.window, site)
    macs = site.output.width * site.output.height * site.output.channels * len(strips.parts) * 4
    return Kernel(
        "depthwise_strips", "window", ("chw",), ("hwc", "chw"), size, instructions=macs, extras=("scratch",)
    )


def strip_bytes(window: ops.Window, site: Site) -> int:
    """Bytes of a strip: whole vectors of columns are stored, and up to 16 bytes are read over its end."""
    left, right = window.padding[2:]
    pitch = 4 if window.kernel[0] > 1 else 1
    columns = max(left + -(-site.inputs[0].width // VECTOR) * VECTOR, left + site.inputs[0].width + right)
    # the last block of a row narrower than a block reads windows that are not there
    last = (max(site.output.width, 4) - 1) * window.stride[1]
    parts = max(byte + VECTOR for _, byte, _, _ in strips_of(window).parts)
    return -(-max(columns * pitch, last * pitch + parts) // 4) * 4


def pack_strips(op: ops.Depthwise, site: Site, recipe: VectorRecipe, apart: bool) -> Packed:
    """Filters in the order of the strips; a narrow row is one block whose store is cut."""
    strips, width = strips_of(op.window), site.output.width
    weights: Array = site.consts[op.weights]
    sums = weights.astype(np.int64).sum(axis=(0, 1))
    multiplier = site.output.channels // site.inputs[0].channels
    vectors = best_vectors(width)
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
        "shared": op.window.kernel[1] <= 3 and len(strips.parts) == strips.quads == op.window.stride[1] == 1,
    }
    arrays = {"weights": filters(weights, strips), "requant": recipe.rows(-site.inputs[0].zero_point * sums)}
    arrays |= recipe.exact
    sizes = {"zero_in": site.inputs[0].zero_point, "channels": site.inputs[0].channels}
    sizes |= {"width_in": site.inputs[0].width, "width_out": width}
    if recipe.lanes.adds_zero:
        sizes["zero_out"] = site.output.zero_point
    if strips.strips > 1:
        sizes["strip_bytes"] = strip_bytes(op.window, site)
    if not apart:
        sizes["pixel_step"] = site.output.channels
    form = recipe.scalar.form if recipe.scalar else None
    marks = window_suffix(op.window) + f"_{'chw' if apart else 'hwc'}{4 * vectors if width >= 4 else 'n'}"
    marks += (f"_x{multiplier}" if multiplier > 1 else "") + f"_{recipe.lanes.key}"
    support: dict[str, tuple[str, dict[str, object]]] = {"support": ("helium_support", {})}
    return Packed(marks, key, arrays, sizes, form, recipe.counts, support)


def best_vectors(width: int) -> int:
    """Vectors of four pixels a block: two need 25 instructions, one needs 14; the last block may overlap."""
    if width < 8:
        return 1
    return 2 if -(-width // 8) * 25 <= -(-width // 4) * 14 else 1


def filters(weights: Array, strips: Strips) -> Array:
    """int8 (C, filter_bytes) of weights (kh, kw, C)."""
    kh, kw, channels = weights.shape
    quads = np.zeros((4 * strips.quads, kw, channels), np.int8)
    rows = min(kh, 4 * strips.quads)
    quads[:rows] = weights[:rows]
    ordered = quads.reshape(strips.quads, 4, kw, channels).transpose(3, 0, 2, 1).reshape(channels, -1)
    last = weights[rows:].transpose(2, 0, 1).reshape(channels, -1)
    return np.ascontiguousarray(np.concatenate([ordered, last], axis=1).astype(np.int8))
