"""Kernels that normalize the channels of a pixel."""

from dataclasses import replace

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import quantize_multiplier
from ircompile.ir.ops.softmax import interpolation_tables
from ircompile.ir.tensor import Array, Rows, Site
from ircompile.kernels.model import Choose, Context, Kernel, Packed, Request
from ircompile.qtype import INT8


def choose_softmax(op: ops.Softmax, site: Site, request: Request) -> Kernel:
    """Row by row, in place."""
    work = 30 * site.output.bytes
    if op.rounding == "interpolated":
        return Kernel("softmax_interpolated", pack_interpolated, "row", ("hwc",), in_place=0, instructions=work)
    if site.output.channels == 2:
        return Kernel("softmax_of_two", pack_of_two, "row", ("hwc",), in_place=0, instructions=work // 4)
    return Kernel("softmax", pack_softmax, "row", ("hwc",), in_place=0, instructions=60 * site.output.bytes)


def pack_softmax(op: ops.Softmax, site: Site, context: Context) -> Packed:
    """The exponential of every distance below the greatest code, up to the one from which on all are 0."""
    sizes = {"width": site.output.width, "channels": site.output.channels}
    exps = op.exp_table(site).astype(np.int32)
    exps = exps[: np.count_nonzero(exps) + 1]
    if ends := len(exps) < INT8.count:
        sizes["last"] = len(exps) - 1
    if op.rounding == "table":
        sizes |= {"factor": op.factor(site), "zero_out": site.output.zero_point}
    return Packed(op.rounding, {"rounding": op.rounding, "ends": ends}, {"exps": exps}, sizes)


def pack_of_two(op: ops.Softmax, site: Site, context: Context) -> Packed:
    """The shares of the greater code and of the other one, for every distance between them."""
    return Packed("", {}, {"shares": shares_of_two(op, site)}, {"width": site.output.width})


def shares_of_two(op: ops.Softmax, site: Site) -> Array:
    """Codes of the greater of two channels, then those of the other, int8 (2, 256): d codes lie between them."""
    distances = np.arange(INT8.count)
    codes = np.stack([np.full_like(distances, INT8.high), INT8.high - distances], axis=1)[:, np.newaxis]
    source = replace(site.inputs[0], shape=(INT8.count, 1, 2))
    pairs = Site((source,), replace(site.output, shape=source.shape), site.consts)
    return np.ascontiguousarray(op.simulate(pairs, [Rows(codes.astype(INT8.dtype))], 0, INT8.count)[:, 0].T)


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
