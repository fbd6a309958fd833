"""Reductions: mean, sum, largest and smallest over height and width; the position of the largest channel."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx import folding
from ircompile.importers.onnx.functions import axes_of
from ircompile.importers.onnx.layout import Axes, View, natural_axes
from ircompile.importers.onnx.lowering import Context
from ircompile.importers.onnx.normalization import softmax_axes
from ircompile.importers.onnx.parts import numbers_of
from ircompile.importers.onnx.pooling import placed
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator, computes, first, moves, unknown
from ircompile.importers.onnx.values import Expr, Quant, Real, Target
from ircompile.ir.ops import ArgMax, Extreme, Mean


def reduced_axes(raw: OnnxNode, expr: Expr, rank: int) -> tuple[int, ...]:
    """The axes of a reduction, not negative; all of them where none is given."""
    axes = axes_of(raw, [np.zeros(0), *numbers_of(raw, expr.args[1:])]) or tuple(range(rank))
    found = tuple(sorted(a if a >= 0 else a + rank for a in axes))
    if any(not 0 <= a < rank for a in found):
        raise CompileError(raw.where, f"axes {axes} of a tensor of rank {rank}", "axes of the tensor")
    return found


def lower_reduce_mean(context: Context, expr: Expr, target: Target) -> View:
    """ReduceMean and ReduceSum over one or two axes."""
    raw, builder = expr.node, context.builder
    real = context.real(expr.args[0], raw)
    view, rank = real.view, real.view.rank
    axes, which, count = _plan(raw, expr, view)
    if raw.kind == "ReduceSum":  # the mean of n numbers, each n times as large
        real = Real(view, Quant(float(np.float32(real.quant.scale) * np.float32(count)), real.quant.zero))
    op = Mean(which, "float32_even", target.low, target.high)
    out = builder.emit(raw, op, [context.source(real, raw, axes)], target.quant)
    return _kept(raw, expr, placed(context, out, axes, rank))


def reduce_extreme(context: Context, expr: Expr, real: Real) -> View:
    """ReduceMax and ReduceMin over one or two axes; codes are compared, so it is exact."""
    raw = expr.node
    axes, which, _ = _plan(raw, expr, real.view)
    op = Extreme("max" if raw.kind == "ReduceMax" else "min", which)
    out = context.builder.emit(raw, op, [context.source(real, raw, axes)], real.quant)
    return _kept(raw, expr, placed(context, out, axes, real.view.rank))


def arg_max(context: Context, raw: OnnxNode, value: Expr) -> View:
    """ArgMax and ArgMin over one axis, the first of equals: int32 positions."""
    real = context.real(value.args[0], raw)
    rank = real.view.rank
    axis = raw.axis(rank, 0)
    if raw.get("select_last_index", 0):
        raise CompileError(raw.where, "gives the last index of equals", "select_last_index 0: the first index")
    axes = softmax_axes(real.view, context.builder.tensors[real.view.tensor].shape, axis)
    source = context.builder.arrange(raw, real.view, axes)
    out = context.builder.emit(raw, ArgMax(raw.kind == "ArgMin"), [source], Quant(1.0, 0), dtype="int32")
    found = placed(context, out, axes, rank)
    if raw.get("keepdims", 1):
        return found
    return found.moved(np.squeeze(found.index, axis=axis))


def _plan(raw: OnnxNode, expr: Expr, view: View) -> tuple[Axes, Over, int]:
    """Axes as height, width, channels; which of them are reduced; how many elements go into one."""
    gone = reduced_axes(raw, expr, view.rank)
    over = [a for a in gone if view.shape[a] > 1]
    kept = [a for a in range(view.rank) if a not in gone and view.shape[a] > 1]
    axes, which = _reduction_axes(raw, view, over, kept)
    return axes, which, int(np.prod([view.shape[a] for a in over], dtype=np.int64))


def _kept(raw: OnnxNode, expr: Expr, found: View) -> View:
    """The output without the reduced axes, where the operator drops them."""
    if raw.get("keepdims", 1):
        return found
    gone = reduced_axes(raw, expr, found.rank)
    return found.moved(found.index.reshape([s for a, s in enumerate(found.shape) if a not in gone]))


Over = Literal["h", "w", "hw"]
NAMES: dict[tuple[bool, bool], Over] = {(True, True): "hw", (True, False): "h", (False, True): "w"}


def _reduction_axes(raw: OnnxNode, view: View, over: list[int], kept: list[int]) -> tuple[Axes, Over]:
    """Height, width and channels for a reduction over axes longer than 1, and which of them it takes."""
    if len(over) > 2 or len(over) + len(kept) > 3:
        raise CompileError(raw.where, f"reduction over axes {over} of shape {list(view.shape)}", "height and width")
    natural = natural_axes(view.rank)
    if set(over) <= set(natural[:2]) and set(kept) <= set(natural) and over:
        return natural, NAMES[natural[0] in over, natural[1] in over]
    if len(over) == 2:
        return (over[0], over[1], kept[0] if kept else -1), "hw"
    if len(kept) == 2 and over:
        first, last = (over[0], kept[0]) if over[0] < kept[0] else (kept[0], over[0])
        return (first, last, kept[1]), "h" if first == over[0] else "w"
    return (over[0] if over else -1, -1, kept[-1] if kept else -1), "h"


OPERATORS: dict[str, Operator] = {
    "ReduceMax": moves(reduce_extreme, folding.reduced(np.max)),
    "ReduceMean": computes(lower_reduce_mean, first, folding.reduced(np.mean)),
    "ReduceMin": moves(reduce_extreme, folding.reduced(np.min)),
    "ReduceSum": computes(lower_reduce_mean, unknown, folding.reduced(np.sum)),
}
