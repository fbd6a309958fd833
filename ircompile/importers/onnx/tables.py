"""Functions of a code and a channel: the cheapest op that gives their tables exactly.

The tables hold what ONNX Runtime computes in float32. An op of one quantized constant takes their place where it
gives the same for all 256 codes of every channel, or a 1 x 1 depthwise convolution, as it mostly does for an affine
function; otherwise they are a `PixelTable`.
"""

import numpy as np

from ircompile.importers.onnx.elementwise import KINDS, codes_of
from ircompile.importers.onnx.islands import Island, evaluate, tabulate
from ircompile.importers.onnx.layout import View
from ircompile.importers.onnx.lowering import Context
from ircompile.importers.onnx.normalization import softmax_axes
from ircompile.importers.onnx.pooling import placed
from ircompile.importers.onnx.values import Expr, Real, Target, Weights
from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.ops import Binary, Constant, Depthwise, Op, PixelTable, Prelu, Table, Window
from ircompile.ir.tensor import Array, Rows, Site, Tensor

CODES = np.arange(-128, 128)
WEIGHTS = (127, 113, 97, 2**14, 2**14 - 1, 2**14 - 3, 16301, 15013, 12289, 11003, 9001, 7001, 5003)
"""Codes of a weight that are tried: the fraction of an input step in which the bias can be told."""


def lower_island(context: Context, expr: Expr, island: Island, target: Target) -> View:
    """Emits a function of one activation and of the index along one axis."""
    raw, builder = expr.node, context.builder
    view = context.settled(island.leaf, raw)
    view = view.moved(view.index.reshape((1,) * (island.rank - view.rank) + view.shape))
    count = view.shape[island.axis]
    real = np.broadcast_to(evaluate(expr, island.leaf.quant.real(CODES)), (count, 256))
    op = _operator(context, expr, island, real, target)
    axes = softmax_axes(view, builder.tensors[view.tensor].shape, island.axis)
    out = builder.emit(raw, op, [builder.arrange(raw, view, axes)], target.quant)
    return placed(context, out, axes, island.rank)


def _operator(context: Context, expr: Expr, island: Island, real: Array, target: Target) -> Op:
    builder = context.builder
    name, tables = builder.name(expr.node), tabulate(real, target)
    if np.array_equal(tables, np.broadcast_to(tables[:1], tables.shape)):
        return Table(builder.const(f"{name}_table", tables[0]), expr.node.kind.lower())
    plain = _plain(context, expr, island, tables, target)
    if plain is not None:
        return plain
    found = affine(real, tables, island.leaf.quant.zero, target)
    if found is None:
        return PixelTable(builder.const(f"{name}_tables", tables))
    weights, bias, scale = found
    requant = Requant(
        "float32_even", builder.const(f"{name}_scale", scale), target.quant.zero, target.low, target.high
    )
    stored = weights.astype(np.int8 if np.abs(weights).max() < 128 else np.int16).reshape(1, 1, -1)
    weight = builder.const(f"{name}_weights", stored)
    return Depthwise(Window((1, 1)), weight, builder.const(f"{name}_bias", bias.astype(np.int32)), requant)


def _plain(context: Context, expr: Expr, island: Island, tables: Array, target: Target) -> Op | None:
    """Add, Sub, Mul or PRelu of one quantized constant as the op of that name; None where it gives other codes."""
    kind, at = expr.node.kind, 1 if isinstance(expr.args[0], Real) else 0
    value = expr.args[at]
    if kind == "PRelu" and ((target.low, target.high) != (-128, 127) or not at):
        return None
    if len(expr.args) != 2 or not isinstance(value, Weights) or not isinstance(expr.args[1 - at], Real):
        return None
    if value.scale.size > 1 or value.codes.dtype.itemsize > 1 or kind not in ("Add", "Sub", "Mul", "PRelu"):
        return None
    codes, quant = codes_of(expr.node, value)
    flat, builder = codes.reshape(1, 1, -1), context.builder
    site = Site(
        (Tensor("in", (1, 256, flat.size), "int8", island.leaf.quant.scale, island.leaf.quant.zero),),
        Tensor("out", (1, 256, flat.size), "int8", target.quant.scale, target.quant.zero), builder.consts,
    )  # fmt: skip
    name = builder.const(f"{builder.name(expr.node)}_operand", flat)
    op: Prelu | Binary
    if kind == "PRelu":
        op = Prelu(name, quant.scale, quant.zero, "float32_even")
    else:
        constant = Constant(name, quant.scale, quant.zero, first=at == 0)
        op = Binary(KINDS[kind], "float32_even", target.low, target.high, constant)
    given = op.simulate(site, [Rows(CODES.astype(np.int8).reshape(1, 256, 1).repeat(flat.size, axis=2))], 0, 1)
    if np.array_equal(given[0].T, tables):
        return op
    del builder.consts[name]
    return None


def affine(real: Array, tables: Array, zero: int, target: Target) -> tuple[Array, Array, Array] | None:
    """Weights, biases and scales (C,) of a depthwise convolution that gives exactly the tables (C, 256).

    `real` (C, 256) are the values that `tables` has in codes. None where a channel is no such function.
    """
    centred = CODES - zero
    with np.errstate(all="ignore"):
        values = real.astype(np.float64) / target.quant.scale
        slope = (values[:, -1] - values[:, 0]) / 255
        offset = np.mean(values - slope[:, np.newaxis] * centred, axis=1)
    constant = (tables == tables[:, :1]).all(axis=1)
    if not np.all(np.isfinite(slope) & np.isfinite(offset) | constant):
        return None
    weights = np.where(constant, 0, 1)
    bias = np.where(constant, tables[:, 0].astype(np.int64) - target.quant.zero, 0)
    scale, open_ = np.ones(len(real)), ~constant
    for weight in WEIGHTS:
        if not open_.any():
            break
        for step in (0, -1, 1):
            with np.errstate(all="ignore"):
                fine = (np.abs(slope) / weight).astype(np.float32).astype(np.float64)
                shift = np.rint(offset / fine) + step
            fits = open_ & (fine > 0) & np.isfinite(shift) & (np.abs(shift) < 2**30)
            signed = np.where(slope < 0, -weight, weight)
            given = _codes(signed[fits], shift[fits].astype(np.int64), fine[fits], centred, target)
            right = np.flatnonzero(fits)[(given == tables[fits]).all(axis=1)]
            weights[right], bias[right], scale[right] = signed[right], shift[right].astype(np.int64), fine[right]
            open_[right] = False
    return None if open_.any() else (weights, bias, scale)


def _codes(weights: Array, bias: Array, scale: Array, centred: Array, target: Target) -> Array:
    """What the depthwise convolution gives for every code: int8 (C, 256)."""
    requant = Requant("float32_even", "scale", target.quant.zero, target.low, target.high)
    return requantize(centred[:, np.newaxis] * weights + bias, requant, {"scale": scale}).T


__all__ = ["lower_island"]
