"""Pools and means over height and width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.context import Context
from ircompile.importers.onnx.functions import axes_of
from ircompile.importers.onnx.geometry import spatial, window
from ircompile.importers.onnx.model import Raw
from ircompile.importers.onnx.values import Expr, Real, Target, constant
from ircompile.importers.onnx.views import Axes, View, natural_axes, view_of
from ircompile.ops import AveragePool, MaxPool, Mean, Pad, Window
from ircompile.tensor import Shape


def placed(context: Context, out: str, axes: Axes, rank: int) -> View:
    """The view of ONNX rank `rank` on an output whose height, width and channels are `axes`."""
    shape = [1] * rank
    sizes: Shape = context.builder.tensors[out].shape
    for axis, size in zip(axes, sizes, strict=True):
        if axis >= 0:
            shape[axis] = size
    return view_of(out, shape, axes)


def _window(raw: Raw, view: View) -> Window:
    count = spatial(raw, view.rank)
    kernel = raw.ints("kernel_shape", (0,) * count)
    return window(raw, kernel, view.shape[2:], pool=True)


def lower_max_pool(context: Context, expr: Expr, target: Target) -> View:
    """MaxPool: any kernel, stride, dilation and padding smaller than the kernel; not the indices."""
    raw = expr.node
    if expr.part or raw.get("storage_order", 0):
        raise CompileError(raw.where, "gives indices", "the largest values only")
    real = context.preserved(expr.args[0], target, raw)
    axes = natural_axes(real.view.rank)
    op = MaxPool(_window(raw, real.view))
    out = context.builder.emit(raw, op, [context.builder.arrange(raw, real.view, axes)], real.quant)
    pooled = Real(placed(context, out, axes, real.view.rank), real.quant)
    return context.requantized(pooled, target, raw)


def lower_average_pool(context: Context, expr: Expr, target: Target) -> View:
    """AveragePool: any kernel, stride and padding smaller than the kernel, padding counted or not."""
    raw, builder = expr.node, context.builder
    real = context.real(expr.args[0], raw)
    axes = natural_axes(real.view.rank)
    shape = _window(raw, real.view)
    source = builder.arrange(raw, real.view, axes)
    if shape.dilation != (1, 1):
        raise CompileError(raw.where, f"dilation {shape.dilation}", "dilation 1")
    if raw.get("count_include_pad", 0) and any(shape.padding):
        if raw.get("ceil_mode", 0):
            raise CompileError(raw.where, "counts the padding, in ceil_mode", "one of the two")
        top, bottom, left, right = shape.padding
        pad = Pad((top, left, 0), (bottom, right, 0), real.quant.zero)
        source = builder.emit(raw, pad, [source], real.quant, "pad")
        shape = replace(shape, padding=(0, 0, 0, 0))
    op = AveragePool(shape, "float32_even", target.low, target.high)
    out = builder.emit(raw, op, [source], target.quant)
    return placed(context, out, axes, real.view.rank)


def lower_global_pool(context: Context, expr: Expr, target: Target) -> View:
    """GlobalAveragePool and GlobalMaxPool."""
    raw, builder = expr.node, context.builder
    largest = raw.kind == "GlobalMaxPool"
    real = context.preserved(expr.args[0], target, raw) if largest else context.real(expr.args[0], raw)
    spatial(raw, real.view.rank)
    axes = row_axes = natural_axes(real.view.rank)
    if raw.get("channels_last", 0):
        axes = row_axes = (real.view.rank - 3, real.view.rank - 2, real.view.rank - 1)
    source = builder.arrange(raw, real.view, axes)
    if not largest:
        out = builder.emit(raw, Mean("hw", "float32_even", target.low, target.high), [source], target.quant)
        return placed(context, out, row_axes, real.view.rank)
    height, width, _ = builder.tensors[source].shape
    out = builder.emit(raw, MaxPool(Window((height, width))), [source], real.quant)
    return context.requantized(Real(placed(context, out, axes, real.view.rank), real.quant), target, raw)


def reduced_axes(raw: Raw, expr: Expr, rank: int) -> tuple[int, ...]:
    """The axes of a reduction, not negative; all of them where none is given."""
    numbers = [np.zeros(0) if a is None else constant(a) for a in expr.args[1:]]
    if any(n is None for n in numbers):
        raise CompileError(raw.where, "its axes are computed at run time", "constant axes")
    axes = axes_of(raw, [np.zeros(0), *(n for n in numbers if n is not None)]) or tuple(range(rank))
    found = tuple(sorted(a if a >= 0 else a + rank for a in axes))
    if any(not 0 <= a < rank for a in found):
        raise CompileError(raw.where, f"axes {axes} of a tensor of rank {rank}", "axes of the tensor")
    return found


def lower_reduce_mean(context: Context, expr: Expr, target: Target) -> View:
    """ReduceMean over height, width or both, of N x C x H x W or N x H x W x C."""
    raw, builder = expr.node, context.builder
    real = context.real(expr.args[0], raw)
    view, rank = real.view, real.view.rank
    over = [a for a in reduced_axes(raw, expr, rank) if view.shape[a] > 1]
    kept = [a for a in range(rank) if a not in over and view.shape[a] > 1]
    axes, which = _mean_axes(raw, view, over, kept)
    op = Mean(which, "float32_even", target.low, target.high)  # type: ignore[arg-type]
    out = builder.emit(raw, op, [builder.arrange(raw, view, axes)], target.quant)
    found = placed(context, out, axes, rank)
    if raw.get("keepdims", 1):
        return found
    gone = reduced_axes(raw, expr, rank)
    return found.moved(found.index.reshape([s for a, s in enumerate(found.shape) if a not in gone]))


def _mean_axes(raw: Raw, view: View, over: list[int], kept: list[int]) -> tuple[Axes, str]:
    """Height, width and channels for a mean over axes longer than 1, and which of them it takes."""
    if len(over) > 2 or len(over) + len(kept) > 3:
        raise CompileError(raw.where, f"mean over axes {over} of shape {list(view.shape)}", "height and width")
    natural = natural_axes(view.rank)
    if set(over) <= set(natural[:2]) and set(kept) <= set(natural) and over:
        return natural, "".join(name for name, axis in zip("hw", natural[:2], strict=True) if axis in over)
    if len(over) == 2:
        return (over[0], over[1], kept[0] if kept else -1), "hw"
    if len(kept) == 2 and over:
        first, last = (over[0], kept[0]) if over[0] < kept[0] else (kept[0], over[0])
        return (first, last, kept[1]), "h" if first == over[0] else "w"
    return (over[0] if over else -1, -1, kept[-1] if kept else -1), "h"
