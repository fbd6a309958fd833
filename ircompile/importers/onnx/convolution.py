"""Conv, Gemm and MatMul, with the bias, scaling and batch normalization that may follow, as one integer node.

y = factor[c] * (acc * sx * sw[c] + bias) + shift[c]; the factor folds into the requantization's scale, exactly;
the shift into the int32 bias, rounded to sx * sw[c] * factor[c].
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx import folding
from ircompile.importers.onnx.functions import check_inference
from ircompile.importers.onnx.layout import (
    View,
    is_identity,
    natural_axes,
    order_of,
    row_major_axes,
    size_along,
)
from ircompile.importers.onnx.lowering import Context
from ircompile.importers.onnx.pooling import placed, spatial, window
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator, computes, unknown
from ircompile.importers.onnx.values import Expr, Real, Target, Value, constant
from ircompile.importers.onnx.weights import bias_units, narrow, per_channel, ungrouped, weights_of
from ircompile.ir.numerics import Requant
from ircompile.ir.ops import Conv, Depthwise, Window
from ircompile.ir.tensor import Array

ONE = Window((1, 1))


@dataclass(frozen=True)
class Linear:
    """A convolution in the making. `weights` int64 (C_out, kh, kw, C_in), or (kh, kw, C_out) where depthwise."""

    raw: OnnxNode
    source: Real
    weights: Array
    scale: Array
    bias: Value | None
    window: Window
    axes: tuple[int, int, int]
    depthwise: bool = False
    factor: Array | None = None
    shift: Array | None = None
    gain: float = 1.0
    bias_gain: float = 1.0

    @property
    def channels(self) -> int:
        """Output channels."""
        return int(self.weights.shape[-1] if self.depthwise else self.weights.shape[0])


def linear_of(context: Context, value: Value | None) -> Linear | None:
    """The expression as a convolution, if it is one; nothing is emitted but what its operand needs."""
    if not isinstance(value, Expr):
        return None
    kind = value.node.kind
    if kind in ROOTS and (kind != "MatMul" or len(value.args) == 2):
        return ROOTS[kind](context, value)
    if kind == "BatchNormalization":
        inner = linear_of(context, value.args[0])
        return inner and normalized(value, inner)
    if kind in ("Add", "Sub", "Mul", "Div") and len(value.args) == 2:
        return _scaled(context, value)
    return None


def lower_linear(context: Context, expr: Expr, target: Target) -> View:
    """Weights of 8 or 4 bits, per tensor or output channel, or float between quantizers; int32 or float bias."""
    linear = linear_of(context, expr)
    assert linear is not None
    return emit(context, linear, target)


def emit(context: Context, linear: Linear, target: Target) -> View:
    """Adds the node; returns the view of its output, of the operand's rank."""
    builder, raw = context.builder, linear.raw
    real = linear.source
    source, weights = _operand(context, linear)
    sx, sy = np.float32(real.quant.scale), np.float32(target.quant.scale)
    step = (np.float32(linear.gain) * sx) * linear.scale.astype(np.float32)
    factor = np.ones(linear.channels, np.float32) if linear.factor is None else linear.factor.astype(np.float32)
    flip = np.sign(factor).astype(np.int64)
    magnitude = np.where(factor == 0, np.float32(1), np.abs(factor))  # of a factor 0 the shift alone is left
    units = _bias_units(linear, step, flip, magnitude)
    bias = np.rint(units[0])
    step = step * magnitude
    weights = weights * (flip if linear.depthwise else flip.reshape(-1, 1, 1, 1))
    if not np.all(np.isfinite(step)) or np.any(step < 0):
        raise CompileError(raw.where, "a scale of its weights is not a number", "finite positive scales")
    name = builder.name(raw)
    requant = Requant(
        "float32_even", builder.const(f"{name}_scale", (step / sy).astype(np.float64)),
        target.quant.zero, target.low, target.high,
    )  # fmt: skip
    kind = Depthwise if linear.depthwise else Conv
    op = kind(
        linear.window,
        builder.const(f"{name}_weights", narrow(raw, weights)),
        builder.const(f"{name}_bias", bias.astype(np.int32)),
        requant,
    )
    out = builder.emit(raw, op, [source], target.quant)
    builder.bias_rests[out] = (units - bias) * step / sy
    return placed(context, out, linear.axes, real.view.rank)


def _operand(context: Context, linear: Linear) -> tuple[str, Array]:
    """The input tensor, and the weights; a flattened map keeps its order and the weights' columns move instead."""
    builder, real = context.builder, linear.source
    shifted = builder.quant(real.view.tensor).zero != real.quant.zero
    view = context.settled(real, linear.raw) if shifted else real.view
    order = order_of(view, linear.axes)
    dense = linear.window == ONE and not linear.depthwise and size_along(view.shape, linear.axes)[:2] == (1, 1)
    if not dense or order is None or is_identity(order):
        return builder.arrange(linear.raw, view, linear.axes), linear.weights
    weights = np.empty_like(linear.weights)
    weights[..., order] = linear.weights
    return builder.reshape(linear.raw, view.tensor, (1, 1, order.size)), weights


def _bias_units(linear: Linear, step: Array, flip: Array, magnitude: Array) -> Array:
    """float64 (2, C_out) in units of step * magnitude, as of `bias_units`: whole where the file has whole ones."""
    rest = np.zeros(linear.channels) if linear.shift is None else linear.shift.astype(np.float64)
    unit = step.astype(np.float64) * magnitude
    with np.errstate(all="ignore"):
        extra = np.where(rest == 0, 0, rest / np.where(unit == 0, 1, unit))
    units = bias_units(linear.raw, linear.bias, step, linear.bias_gain)
    if not np.all(np.isfinite(extra)):
        raise CompileError(linear.raw.where, "its bias is not finite", "finite numbers")
    total = units * flip + extra
    return np.asarray(np.clip(total, -(2.0**31), 2.0**31 - 1))


def _conv(context: Context, expr: Expr) -> Linear:
    raw = expr.node
    weights = weights_of(raw, expr.args[1])
    real = context.real(expr.args[0], raw)
    count = spatial(raw, real.view.rank)
    codes, channels = weights.centred, real.view.shape[1]
    if codes.ndim != count + 2:
        raise CompileError(raw.where, f"weights of rank {codes.ndim} for an input of rank {real.view.rank}")
    shape = window(raw, codes.shape[2:], real.view.shape[2:])
    if count == 1:
        codes = codes[:, :, np.newaxis, :]
    group = raw.get("group", 1)
    depthwise = group == channels and group > 1 and codes.shape[1] == 1
    if group < 1 or codes.shape[0] % group or codes.shape[1] * group != channels:
        raise CompileError(
            raw.where, f"group {group} with weights of shape {list(weights.codes.shape)} on {channels} channels",
            "groups that divide the channels",
        )  # fmt: skip
    codes = codes[:, 0].transpose(1, 2, 0) if depthwise else ungrouped(codes, group).transpose(0, 2, 3, 1)
    bias = expr.args[2] if len(expr.args) > 2 else None
    return Linear(
        raw, real, codes, per_channel(raw, weights, 0), bias, shape, natural_axes(real.view.rank), depthwise
    )


def _gemm(context: Context, expr: Expr) -> Linear:
    raw = expr.node
    weights = weights_of(raw, expr.args[1])
    real = context.real(expr.args[0], raw)
    if raw.get("transA", 0) or real.view.rank != 2 or weights.codes.ndim != 2:
        raise CompileError(raw.where, "transA or operands of another rank than 2", "x * W + b with constant W")
    codes, scale = weights.centred, per_channel(raw, weights, 0 if raw.get("transB", 0) else 1)
    codes = codes if raw.get("transB", 0) else codes.T
    bias = expr.args[2] if len(expr.args) > 2 else None
    found = _dense(raw, real, codes, scale, bias)
    return replace(found, gain=float(raw.get("alpha", 1.0)), bias_gain=float(raw.get("beta", 1.0)))


def _matmul(context: Context, expr: Expr) -> Linear:
    raw = expr.node
    if constant(expr.args[1]) is None:
        raise CompileError(raw.where, "multiplies two computed tensors", "constant weights as the second operand")
    weights = weights_of(raw, expr.args[1])
    real = context.real(expr.args[0], raw)
    codes = weights.centred
    if codes.ndim < 2 or any(size != 1 for size in codes.shape[:-2]):
        raise CompileError(raw.where, f"weights of shape {list(codes.shape)}", "K x N")
    scale = per_channel(raw, weights, weights.codes.ndim - 1)
    return _dense(raw, real, codes.reshape(codes.shape[-2:]).T, scale, None)


def _dense(raw: OnnxNode, real: Real, codes: Array, scale: Array, bias: Value | None) -> Linear:
    rank = real.view.rank
    axes = row_major_axes(rank) if rank != 2 else (0, -1, 1)
    if codes.shape[1] != real.view.shape[-1]:
        raise CompileError(
            raw.where, f"weights for {codes.shape[1]} inputs, operand of shape {list(real.view.shape)}"
        )
    return Linear(raw, real, codes[:, np.newaxis, np.newaxis, :], scale, bias, ONE, axes)


ROOTS: dict[str, Callable[[Context, Expr], Linear]] = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}


def normalized(expr: Expr, inner: Linear) -> Linear:
    """BatchNormalization: y = (x - mean) * scale / sqrt(var + epsilon) + b."""
    check_inference(expr.node)
    numbers = [constant(a) for a in expr.args[1:5]]
    if len(numbers) != 4 or any(n is None or n.size != inner.channels for n in numbers):
        raise CompileError(expr.node.where, "has parameters that are no constants a channel", "inference form")
    scale, offset, mean, variance = (np.ravel(n).astype(np.float64) for n in numbers if n is not None)
    factor = scale / np.sqrt(variance + float(expr.node.get("epsilon", 1e-5)))
    return affine(inner, factor, offset - mean * factor)


def affine(inner: Linear, factor: Array, shift: Array) -> Linear:
    """factor * inner + shift, per channel."""
    old_factor = np.ones(inner.channels) if inner.factor is None else inner.factor
    old_shift = np.zeros(inner.channels) if inner.shift is None else inner.shift
    return replace(inner, factor=old_factor * factor, shift=old_shift * factor + shift)


def _scaled(context: Context, expr: Expr) -> Linear | None:
    """Add, Sub, Mul and Div of a convolution and a constant of one number, or of one number a channel."""
    numbers = [constant(a) for a in expr.args]
    at = 1 if numbers[1] is not None else 0
    number = numbers[at]
    if number is None or not isinstance(expr.args[1 - at], Expr):
        return None
    inner = linear_of(context, expr.args[1 - at])
    if inner is None:
        return None
    vector = channel_vector(number, inner.source.view.rank, inner.axes[2], inner.channels)
    if vector is None or (expr.node.kind == "Div" and at == 0):
        return None
    one, zero = np.ones(inner.channels), np.zeros(inner.channels)
    match expr.node.kind:
        case "Add":
            return affine(inner, one, vector)
        case "Sub":
            return affine(inner, one if at else -one, -vector if at else vector)
        case "Mul":
            return affine(inner, vector, zero)
        case _:
            return affine(inner, 1 / vector, zero)


def channel_vector(number: Array, rank: int, axis: int, channels: int) -> Array | None:
    """A constant that broadcasts along every axis but `axis`, as float64 (channels,); None where it does not."""
    if number.ndim > rank:
        return None
    shape = (1,) * (rank - number.ndim) + number.shape
    if any(size != 1 for i, size in enumerate(shape) if i != axis) or shape[axis] not in (1, channels):
        return None
    return np.broadcast_to(number.reshape(-1), (channels,)).astype(np.float64)


OPERATORS: dict[str, Operator] = {
    "Conv": computes(lower_linear, unknown),
    "Gemm": computes(lower_linear, unknown),
    "MatMul": computes(lower_linear, unknown, folding.matmul),
}
