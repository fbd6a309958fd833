"""Kernels that only move codes: rows one by one where each comes from one row, else from the whole buffer."""

from itertools import pairwise

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Choose, Context, Extra, Kernel, Packed, Request
from ircompile.plan.model import Layout
from ircompile.qtype import INT16


def choose_pad(op: ops.Pad, site: Site, request: Request) -> Kernel:
    """One row of the input, or none."""
    return Kernel("pad", pack_pad, "row", ("hwc",), rows=((1, -op.before[0], 1),), extras=("step",))


def pack_pad(op: ops.Pad, site: Site, context: Context) -> Packed:
    """Sizes before, inside and after."""
    source = site.inputs[0]
    sizes = {"top": op.before[0], "height": source.height, "left": op.before[1], "width": source.width,
             "right": op.after[1], "front": op.before[2], "channels": source.channels, "back": op.after[2],
             "value": op.value}  # fmt: skip
    return Packed("", {}, {}, sizes)


def choose_copy(op: ops.Copy, site: Site, request: Request) -> Kernel:
    """Pixels of channels become channels of pixels."""
    return Kernel("copy", pack_copy, "row", ("hwc",), ("chw",))


def pack_copy(op: ops.Copy, site: Site, context: Context) -> Packed:
    """Sizes only."""
    return Packed("", {}, {}, {"width": site.output.width, "channels": site.output.channels})


def choose_reshape(op: ops.Reshape, site: Site, request: Request) -> Kernel:
    """A run of bytes of the whole buffer."""
    return Kernel("reshape", pack_reshape, "buffer", ("hwc",), extras=("step",))


def pack_reshape(op: ops.Reshape, site: Site, context: Context) -> Packed:
    """The bytes of a row before and after."""
    return Packed("", {}, {}, {"source_row": site.inputs[0].row_bytes, "row": site.output.row_bytes})


def choose_transpose(op: ops.Transpose, site: Site, request: Request) -> Kernel:
    """From the whole buffer."""
    return Kernel("transpose", pack_transpose, "buffer", ("hwc",), extras=("step",))


def pack_transpose(op: ops.Transpose, site: Site, context: Context) -> Packed:
    """The order and the input's steps are the function's own."""
    strides = (0, site.inputs[0].channels, 1)
    names = ("height", "width", "channels")
    sizes = {names[i]: site.output.shape[i] for i in (1, 2)}
    return Packed("".join(map(str, op.order)), {"order": op.order, "strides": strides}, {}, sizes)


def choose_concat(op: ops.Concat, site: Site, request: Request) -> Kernel:
    """The row of every input; on the height axis, of the input in which the output row lies."""
    extras: tuple[Extra, ...] = ("step",) if op.axis == 0 else ()
    rows = tuple((1, -offset, 1) for offset in op.offsets(site)[:-1]) if op.axis == 0 else ()
    reads: tuple[Layout, ...] = tuple("hwc" for _ in site.inputs)
    return Kernel("concat", pack_concat, "row", reads, rows=rows, extras=extras)


def pack_concat(op: ops.Concat, site: Site, context: Context) -> Packed:
    """On the height axis where each input ends; else the bytes of each run."""
    numbers = range(len(site.inputs))
    if op.axis == 0:
        sizes = {f"end_{n}": op.offsets(site)[n + 1] for n in numbers[:-1]}
        sizes["row"] = site.output.row_bytes
    elif op.axis == 1:
        sizes = {f"bytes_{n}": site.inputs[n].row_bytes for n in numbers}
    else:
        sizes = {"width": site.output.width} | {
            f"bytes_{n}": site.inputs[n].channels * site.inputs[n].itemsize for n in numbers
        }
    suffix = f"{('rows', 'columns', 'channels')[op.axis]}_{len(numbers)}"
    return Packed(suffix, {"axis": op.axis, "count": len(numbers)}, {}, sizes)


def choose_slice(op: ops.Slice, site: Site, request: Request) -> Kernel:
    """One row of the input."""
    return Kernel("slice", pack_slice, "row", ("hwc",), rows=((op.stride[0], op.begin[0], 1),))


def pack_slice(op: ops.Slice, site: Site, context: Context) -> Packed:
    """The longest runs that are whole: the row, pixels or single codes."""
    source, target = site.inputs[0], site.output
    (_, left, front), (_, sx, sc) = op.begin, op.stride
    first = left * source.channels + front
    if sx == 1 and target.channels == source.channels:
        return Packed("row", {"run": "row"}, {}, {"first": first, "bytes": target.row_bytes})
    sizes = {"first": first, "width": target.width, "pixel_step": sx * source.channels, "channels": target.channels}
    if sc == 1:
        return Packed("pixels", {"run": "pixel"}, {}, sizes)
    return Packed("codes", {"run": "code"}, {}, {**sizes, "channel_step": sc})


def choose_gather(op: ops.Gather, site: Site, request: Request) -> Kernel:
    """Evenly spaced channels as a slice, all else by a table of places."""
    count = 5 * site.output.bytes
    if spacing(op):
        return Kernel("slice", pack_spaced, "row", ("hwc",), instructions=count)
    return Kernel("gather_codes", pack_gather, "row", ("hwc",), instructions=count)


def spacing(op: ops.Gather) -> int:
    """How far the channels lie apart that follow each other; 0 where they are columns, or not evenly spaced."""
    steps = {after - before for before, after in pairwise(op.indices)} or {1}
    return min(steps) if op.axis == 2 and len(steps) == 1 and min(steps) > 0 else 0


def pack_spaced(op: ops.Gather, site: Site, context: Context) -> Packed:
    """As for a slice of all rows and columns."""
    begin, stride = (0, 0, op.indices[0]), (1, 1, spacing(op))
    return pack_slice(ops.Slice(begin, site.output.shape, stride), site, context)


def pack_gather(op: ops.Gather, site: Site, context: Context) -> Packed:
    """The places, int16 where they fit."""
    short = max(op.indices) <= INT16.high
    places = np.array(op.indices, np.int16 if short else np.int32)
    sizes = {"width": site.output.width, "channels": site.output.channels}
    if op.axis == 2:
        sizes["channels_in"] = site.inputs[0].channels
    suffix = ("columns", "channels")[op.axis - 1] + ("" if short else "_far")
    return Packed(suffix, {"axis": op.axis, "short": short}, {"places": places}, sizes)


def choose_depth_to_space(op: ops.DepthToSpace, site: Site, request: Request) -> Kernel:
    """One row that several steps read: a block's pixels of one row are one run of its bytes."""
    return Kernel(
        "depth_to_space", pack_depth_to_space, "row", ("hwc",), rows=((1, 0, op.block),), extras=("step",)
    )


def pack_depth_to_space(op: ops.DepthToSpace, site: Site, context: Context) -> Packed:
    """The block, and bytes of a run."""
    return _blocks(op.block, site.inputs[0].width, site.inputs[0].channels)


def choose_space_to_depth(op: ops.SpaceToDepth, site: Site, request: Request) -> Kernel:
    """A block's rows at once."""
    return Kernel("space_to_depth", pack_space_to_depth, "buffer", ("hwc",), extras=("step",))


def pack_space_to_depth(op: ops.SpaceToDepth, site: Site, context: Context) -> Packed:
    """The block, and bytes of a run."""
    return _blocks(op.block, site.output.width, site.output.channels)


def _blocks(block: int, width: int, channels: int) -> Packed:
    """Of the side with fewer pixels: those of a row, and their channels."""
    return Packed("", {}, {}, {"block": block, "width": width, "bytes": channels // block})


KERNELS: dict[type[ops.Op], Choose] = {
    ops.Pad: choose_pad,
    ops.Copy: choose_copy,
    ops.Reshape: choose_reshape,
    ops.Transpose: choose_transpose,
    ops.Concat: choose_concat,
    ops.Slice: choose_slice,
    ops.Gather: choose_gather,
    ops.DepthToSpace: choose_depth_to_space,
    ops.SpaceToDepth: choose_space_to_depth,
}
