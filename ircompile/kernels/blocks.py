"""Kernels of depth to space and of space to depth: a block's pixels of one row are one run of bytes."""

from __future__ import annotations

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Kernel, Packed


def choose_blocks(op: ops.DepthToSpace | ops.SpaceToDepth) -> Kernel:
    """One row that several steps read, or a block's rows at once."""
    if isinstance(op, ops.DepthToSpace):
        return Kernel("depth_to_space", "row", ("hwc",), rows=((1, 0, op.block),), extras=("step",))
    return Kernel("space_to_depth", "buffer", ("hwc",), extras=("step",))


def pack_blocks(op: ops.DepthToSpace | ops.SpaceToDepth, site: Site) -> Packed:
    """The block, and bytes of a run."""
    small = site.inputs[0] if isinstance(op, ops.DepthToSpace) else site.output
    return Packed("", {}, {}, {"block": op.block, "width": small.width, "bytes": small.channels // op.block})
