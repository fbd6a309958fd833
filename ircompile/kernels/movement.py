"""Kernels that only move codes."""

from __future__ import annotations

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Kernel, Packed


def choose_move(op: ops.Pad | ops.Copy | ops.Reshape | ops.Transpose) -> Kernel:
    """Rows one by one where each comes from one row, else from the whole buffer."""
    match op:
        case ops.Pad():
            return Kernel("pad", "row", ("hwc",), rows=((1, -op.before[0], 1),), extras=("step",))
        case ops.Copy():
            return Kernel("copy", "row", ("hwc",), ("chw",))
        case ops.Reshape():
            return Kernel("reshape", "buffer", ("hwc",), extras=("step",))
        case ops.Transpose():
            return Kernel("transpose", "buffer", ("hwc",), extras=("step",))


def pack_move(op: ops.Pad | ops.Copy | ops.Reshape | ops.Transpose, site: Site) -> Packed:
    """Sizes only."""
    match op:
        case ops.Pad():
            return pack_pad(op, site)
        case ops.Copy():
            return Packed("", {}, {}, {"width": site.output.width, "channels": site.output.channels})
        case ops.Reshape():
            sizes = {"source_row": site.inputs[0].row_bytes, "row": site.output.row_bytes}
            return Packed("", {}, {}, sizes)
        case ops.Transpose():
            return pack_transpose(op, site)


def pack_pad(op: ops.Pad, site: Site) -> Packed:
    """Sizes before, inside and after."""
    source = site.inputs[0]
    sizes = {"top": op.before[0], "height": source.height, "left": op.before[1], "width": source.width,
             "right": op.after[1], "front": op.before[2], "channels": source.channels, "back": op.after[2],
             "value": op.value}  # fmt: skip
    return Packed("", {}, {}, sizes)


def pack_transpose(op: ops.Transpose, site: Site) -> Packed:
    """The order and the input's steps are the function's own."""
    strides = (0, site.inputs[0].channels, 1)
    names = ("height", "width", "channels")
    sizes = {names[i]: site.output.shape[i] for i in (1, 2)}
    return Packed("".join(map(str, op.order)), {"order": op.order, "strides": strides}, {}, sizes)
