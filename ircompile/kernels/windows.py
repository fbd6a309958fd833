"""How the kernels of convolution take windows: gathered or where they are, at once or in passes."""

from math import prod
from typing import NamedTuple

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.dsp.tiles import pair_order, run_order

POINT = ops.Window((1, 1))
STRAIGHT = (4, 8)  # steps that expanding layers have code of their own for, without a loop, with int16 weights
SHORT_RUN = 16  # codes; windows with shorter rows have code of their own
MANY = 4096  # outputs: of fewer, code of their own saves next to nothing
FEW_WEIGHTS = 1024  # of such a window: int16 is worth their bytes
ROOM, LITTLE_ROOM = 1024, 512  # bytes of scratch that a window may take, where there is a way that takes as few


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
        sums = 8 * (outputs + -outputs % 4) if self.passes > 1 else 0
        return 8 * len(order) + sums + (2 * self.run * size if self.run > pixel else 0)


def gather_of(op: ops.Conv, site: Site, dsp: bool, frugal: bool = False, roomy: bool = False) -> Gather:
    """The whole window at once where its scratch has room, else a row of it, else a tap; else what takes least.

    If `roomy`, there is room for any, gathered tap by tap, so that none needs a copy.
    """
    (kh, kw), channels = op.window.kernel, site.inputs[0].channels
    whole = Gather(channels, kw, kh * kw, 1) if op.window.dilation[1] > 1 else Gather(kw * channels, 1, kh, 1)
    if not dsp or is_stem(op, site):
        return whole
    if roomy:
        return Gather(channels, kw, kh * kw, 1)
    ways = [whole, Gather(channels, kw, kw, kh), Gather(channels, kw, 1, kh * kw)]
    outputs, size = site.output.channels, site.inputs[0].itemsize
    sizes = [way.scratch(order_of(op, site, way), outputs, channels, size) for way in ways]
    room = LITTLE_ROOM if frugal else ROOM
    return next(
        (way for way, needed in zip(ways, sizes, strict=True) if needed <= room), ways[sizes.index(min(sizes))]
    )


def can_overwrite(op: ops.Conv, site: Site) -> bool:
    """Whether pixels, gathered two by two, may be written over the row that they are read from.

    A single one at the end is read while its channels are written, and must not meet them.
    """
    inputs, outputs, width = site.inputs[0].channels, site.output.channels, site.output.width
    return op.window == POINT and outputs <= inputs and (width % 2 == 0 or width * outputs <= (width - 1) * inputs)


def is_straight(op: ops.Conv, site: Site) -> bool:
    """Short pixels and many outputs: code without a loop, and int16 weights."""
    expands = op.window == POINT and site.output.channels > site.inputs[0].channels and is_large(site)
    return expands and len(order_of(op, site, gather_of(op, site, True))) in STRAIGHT


def is_large(site: Site) -> bool:
    """Whether a layer has so many outputs, in pairs of pixels, that code of its own may be worth its bytes."""
    return site.output.width > 1 and prod(site.output.shape) >= MANY


def is_wide(op: ops.Conv, site: Site, nibbles: bool = False) -> bool:
    """Few weights are stored as int16: quicker than unpacking them."""
    few = site.consts[op.weights].size <= FEW_WEIGHTS
    return (is_straight(op, site) and (few or not nibbles)) or (is_stem(op, site) and few)


def is_point(op: ops.Conv) -> bool:
    """Whether what a window holds lies in one run, so that nothing is gathered."""
    return op.window == POINT


def is_stem(op: ops.Conv, site: Site) -> bool:
    """Windows with rows of few codes have code of their own."""
    kw = op.window.kernel[1]
    return (
        site.inputs[0].itemsize == 1
        and op.window.kernel != (1, 1)
        and op.window.dilation[1] == 1
        and kw * site.inputs[0].channels < SHORT_RUN
    )


def order_of(op: ops.Conv, site: Site, gather: Gather) -> Array:
    """The order in which the DSP kernels multiply the codes of a pass."""
    if site.inputs[0].itemsize > 1:
        return pair_order([gather.run] * gather.runs)
    return run_order([gather.run] * gather.runs, together=is_stem(op, site))
