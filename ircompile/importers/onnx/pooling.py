"""Pools and means over height and width."""

from __future__ import annotations

from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.importers.onnx.context import Context
from ircompile.importers.onnx.geometry import spatial, window
from ircompile.importers.onnx.model import Raw
from ircompile.importers.onnx.values import Expr, Real, Target
from ircompile.importers.onnx.views import Axes, View, natural_axes, view_of
from ircompile.ir.ops import AveragePool, MaxPool, Mean, Pad, Window
from ircompile.ir.tensor import Shape


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
    out = context.builder.emit(raw, op, [context.source(real, raw, axes)], real.quant)
    pooled = Real(placed(context, out, axes, real.view.rank), real.quant)
    return context.requantized(pooled, target, raw)


def lower_average_pool(context: Context, expr: Expr, target: Target) -> View:
    """AveragePool: any kernel, stride and padding smaller than the kernel, padding counted or not."""
    raw, builder = expr.node, context.builder
    real = context.real(expr.args[0], raw)
    axes = natural_axes(real.view.rank)
    shape = _window(raw, real.view)
    source = context.source(real, raw, axes)
    if shape.dilation != (1, 1):
        raise CompileError(raw.where, f"dilation {shape.dilation}", "dilation 1")
    if raw.get("count_include_pad", 0) and any(shape.padding):
        # ONNX Runtime divides by the whole window then, also where ceil_mode lets it hang over the padding.
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
    source = context.source(real, raw, axes)
    if not largest:
        out = builder.emit(raw, Mean("hw", "float32_even", target.low, target.high), [source], target.quant)
        return placed(context, out, row_axes, real.view.rank)
    height, width, _ = builder.tensors[source].shape
    out = builder.emit(raw, MaxPool(Window((height, width))), [source], real.quant)
    return context.requantized(Real(placed(context, out, axes, real.view.rank), real.quant), target, raw)
