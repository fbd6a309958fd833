"""Kernels that normalize the channels of a pixel."""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import quantize_multiplier
from ircompile.ir.ops.softmax import interpolation_tables
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Choose, Context, Kernel, Packed, Request


def choose_softmax(op: ops.Softmax, site: Site, request: Request) -> Kernel:
    """Row by row, in place."""
    if op.rounding == "interpolated":
        work = 30 * site.output.bytes
        return Kernel("softmax_interpolated", pack_interpolated, "row", ("hwc",), in_place=0, instructions=work)
    return Kernel("softmax", pack_softmax, "row", ("hwc",), in_place=0, instructions=60 * site.output.bytes)


def pack_softmax(op: ops.Softmax, site: Site, context: Context) -> Packed:
    """The exponential of every distance below the greatest code."""
    sizes = {"width": site.output.width, "channels": site.output.channels}
    if op.rounding == "table":
        sizes |= {"factor": op.factor(site), "zero_out": site.output.zero_point}
    return Packed(op.rounding, {"rounding": op.rounding}, {"exps": op.exp_table(site).astype(np.int32)}, sizes)


def pack_interpolated(op: ops.Softmax, site: Site, context: Context) -> Packed:
    """Tables of the exponential function and of the reciprocal."""
    exps, reciprocals = (table.astype(np.int16) for table in interpolation_tables())
    multiplier, shift = quantize_multiplier(op.distance_factor(site))
    sizes = {"width": site.output.width, "channels": site.output.channels, "multiplier": int(multiplier),
             "shift": int(shift)}  # fmt: skip
    return Packed("", {}, {"exps": exps, "reciprocals": reciprocals}, sizes)


def choose_l2(op: ops.L2Normalization, site: Site, request: Request) -> Kernel:
    """Row by row, in place."""
    count = 18 * site.output.bytes + 200 * site.output.height * site.output.width
    return Kernel("l2_normalization", pack_l2, "row", ("hwc",), in_place=0, instructions=count)


def pack_l2(op: ops.L2Normalization, site: Site, context: Context) -> Packed:
    """Sizes only."""
    sizes = {"width": site.output.width, "channels": site.output.channels, "zero_in": site.inputs[0].zero_point}
    return Packed("", {}, {}, sizes)


KERNELS: dict[type[ops.Op], Choose] = {ops.Softmax: choose_softmax, ops.L2Normalization: choose_l2}
