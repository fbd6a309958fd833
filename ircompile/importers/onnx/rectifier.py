"""PRelu with one slope an element; one for all, or one a channel, is a table like any other function of a code."""

from __future__ import annotations

from ircompile.errors import CompileError
from ircompile.importers.onnx.binary import codes_of, placed_constant
from ircompile.importers.onnx.context import Context
from ircompile.importers.onnx.pooling import placed
from ircompile.importers.onnx.values import Expr, Target, constant
from ircompile.importers.onnx.views import View, axes_of, natural_axes
from ircompile.ir.ops import Prelu


def lower_prelu(context: Context, expr: Expr, target: Target) -> View:
    """PRelu with a constant slope: one number, one a channel; one an element where they are quantized."""
    raw, builder = expr.node, context.builder
    real = context.real(expr.args[0], raw)
    slope = constant(expr.args[1]) if expr.args[1] is not None else None
    if slope is None or slope.ndim > real.view.rank or (target.low, target.high) != (-128, 127):
        raise CompileError(raw.where, "its slope is computed, or its output clipped", "constant slopes")
    view = context.settled(real, raw)
    axes = axes_of(view, builder.tensors[view.tensor].shape) or natural_axes(view.rank)
    codes, quant = codes_of(raw, expr.args[1])
    name = builder.const(f"{builder.name(raw)}_slope", placed_constant(raw, codes, view.rank, axes))
    op = Prelu(name, quant.scale, quant.zero, "float32_even")
    out = builder.emit(raw, op, [builder.arrange(raw, view, axes)], target.quant)
    return placed(context, out, axes, view.rank)
