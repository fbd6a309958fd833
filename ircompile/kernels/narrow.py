"""Kernels for narrow tensors: rows of few pixels, as networks over time have them, a row a moment.

With one to four pixels a row there is nothing to slide along. So channels are the long axis: four of them are taken
at a time, and the taps of a window are pointers to pixels of channels, wherever the rows lie.
"""

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.model import Context, Kernel, Packed, Packer, requant_words, window_suffix
from ircompile.kernels.requantize import in_halves, with_starts
from ircompile.kernels.weights import natural_coding
from ircompile.qtype import INT8

WIDEST = 4
MOST_TAPS = 2**7  # pointers on the stack


def of_bytes(site: Site) -> bool:
    """Whether input and output are codes of a byte each."""
    return site.inputs[0].itemsize == site.output.itemsize == 1


def is_narrow_column(op: ops.Depthwise, site: Site) -> bool:
    """Rows of up to four pixels, of which each output channel takes one input channel."""
    (kh, kw), source = op.window.kernel, site.inputs[0]
    if not of_bytes(site):
        return False
    return source.width <= WIDEST and site.output.channels == source.channels and kh * kw <= MOST_TAPS


def choose_column(op: ops.Depthwise, site: Site) -> Kernel:
    """Four channels at a time. The scratch is a pixel of padding, where windows may reach over an edge."""
    gathers = gathers_taps(op, site)
    return Kernel(
        "depthwise_column", pack_column, "window", ("hwc",), ("hwc",),
        -(-site.inputs[0].channels // 4) * 4 if gathers else 0,
        instructions=column_instructions(op, site),
        extras=("scratch",) if gathers else (), strided=True,
    )  # fmt: skip


def gathers_taps(op: ops.Depthwise, site: Site) -> bool:
    """Whether pointers to rows are not already those to taps."""
    return site.inputs[0].width > 1 or op.window.kernel[1] > 1 or any(op.window.padding)


def column_instructions(op: ops.Depthwise, site: Site) -> int:
    """Taps and requantization of four channels, and pointers of a window, for each pixel."""
    kh, kw = op.window.kernel
    taps, four = kh * kw, -(-site.output.channels // 4)
    gather = 9 * taps + site.output.channels // 4 if gathers_taps(op, site) else 0
    return site.output.height * (site.output.width * (four * (17 * taps + 40) + gather) + 40)


def pack_column(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Weights four channels at a time, tap by tap; those of the channels left over, channel by channel."""
    weights, recipe, zero = site.consts[op.weights], context.recipe(op, site), site.inputs[0].zero_point
    channels, taps = weights.shape[2], integers(weights).reshape(-1, weights.shape[2])
    starts = integers(recipe.words[:, 0]) - zero * taps.sum(axis=0)
    largest = np.abs(starts) - INT8.low * np.abs(taps).sum(axis=0)
    recipe = in_halves(with_starts(recipe, starts))
    whole = channels // 4 * 4
    fours = taps[:, :whole].reshape(len(taps), -1, 4).transpose(1, 0, 2)
    gathers, coding, rest = gathers_taps(op, site), natural_coding(weights), taps[:, whole:].T
    stored = np.concatenate([fours.reshape(-1), rest.reshape(-1)]).astype(weights.dtype)
    wraps = bool(np.any(largest >= 2**31))
    key: dict[str, object] = {"window": op.window, "coding": coding, "gathers": gathers, "wraps": wraps}
    shared: dict[str, tuple[str, dict[str, object]]] = {}
    sizes = {"channels": channels}
    if gathers:
        shared["taps_of"] = ("taps_of", {"window": op.window})
        sizes |= {"zero_in": zero, "width_in": site.inputs[0].width, "width_out": site.output.width}
        sizes["pixel_step"] = context.steps(site)["pixel_step"]
    arrays: dict[str, Array] = {"weights": stored, "requant": requant_words(recipe)}
    return Packed(window_suffix(op.window), key, arrays, sizes, recipe.form, recipe.exact, shared)


def is_dense_column(op: ops.Conv, site: Site, dsp: bool) -> bool:
    """Whether windows are whole rows, one pixel of output each: a network over time, a row a moment.

    The DSP kernel takes four codes of a row at a time.
    """
    source, window = site.inputs[0], op.window
    if not of_bytes(site):
        return False
    rows = site.output.width == 1 and window.kernel[1] == source.width and window.padding[2:] == (0, 0)
    return rows and window.kernel[0] > 1 and not (dsp and source.row_bytes % 4)


def choose_dense_column(op: ops.Conv, site: Site, pack: Packer, dsp: bool) -> Kernel:
    """Rows are read where they are. The scratch is a row of padding, where windows reach over an edge."""
    height, run = op.window.kernel[0], site.inputs[0].row_bytes
    tiles, rows = -(-site.output.channels // 4), site.output.height
    tile = height * (4.6 * run + 10) + 60 if dsp else 2 * height * (7.5 * run + 12) + 50
    outside = any(op.window.padding[:2])
    return Kernel(
        "dense_column", pack, "window", ("hwc",), ("hwc",), -(-run // 4) * 4 if outside else 0,
        instructions=int(rows * tiles * tile), strided=True, extras=("scratch",) if outside else (),
    )  # fmt: skip


def column_key(op: ops.Conv) -> dict[str, object]:
    """What the code for columns is made for."""
    return {"height": op.window.kernel[0], "outside": any(op.window.padding[:2])}
