"""Kernels of functions of one code where a table of all codes would be too large."""

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import quantize_multiplier
from ircompile.ir.ops.sigmoid import sigmoid_table
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Choose, Context, Kernel, Packed, Request


def choose_rescale(op: ops.Rescale, site: Site, request: Request) -> Kernel:
    """Row by row, in place where output codes are no larger than the input's."""
    in_place = 0 if site.output.itemsize <= site.inputs[0].itemsize else None
    count = site.output.bytes // site.output.itemsize
    return Kernel("rescale", pack_rescale, "row", ("hwc",), in_place=in_place, instructions=16 * count, alike=True)


def choose_sigmoid(op: ops.Sigmoid, site: Site, request: Request) -> Kernel:
    """Row by row, in place."""
    work = 9 * site.output.bytes
    return Kernel("sigmoid", pack_sigmoid, "row", ("hwc",), in_place=0, instructions=work, alike=True)


def pack_rescale(op: ops.Rescale, site: Site, context: Context) -> Packed:
    """Fixed-point factors."""
    one = op.positive == op.negative
    sizes = {"count": site.output.width * site.output.channels, "zero_in": site.inputs[0].zero_point}
    sides = {"above": op.positive} | ({} if one else {"below": abs(op.negative)})
    for name, factor in sides.items():
        multiplier, shift = quantize_multiplier(factor)
        sizes |= {f"multiplier_{name}": int(multiplier), f"shift_{name}": int(shift)}
    sizes |= {"zero_out": site.output.zero_point, "low": op.low, "high": op.high}
    key = {"one": one, "negative": op.negative < 0}
    return Packed("" if one else "leaky", key, {}, sizes)


def pack_sigmoid(op: ops.Sigmoid, site: Site, context: Context) -> Packed:
    """The table of the logistic function, which serves both."""
    sizes = {"count": site.output.width * site.output.channels, "multiplier": op.multiplier,
             "half": 1 << (op.shift - 1) if op.shift else 0, "shift": op.shift}  # fmt: skip
    key = {"function": op.function, "fraction": op.fraction}
    return Packed(op.function, key, {"table": sigmoid_table().astype(np.uint16)}, sizes)


KERNELS: dict[type[ops.Op], Choose] = {ops.Rescale: choose_rescale, ops.Sigmoid: choose_sigmoid}
