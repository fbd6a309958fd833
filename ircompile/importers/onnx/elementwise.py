"""Add, Sub, Mul, Min and Max of two activations, or of an activation and a constant; PRelu."""

from collections.abc import Sequence

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.convolution import emit, linear_of
from ircompile.importers.onnx.layout import Axes, View, axes_of, natural_axes, order_of, size_along
from ircompile.importers.onnx.lowering import HINT_CONSTANT, Context
from ircompile.importers.onnx.pooling import placed
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator, computes, hull, of_difference, of_product, of_sum, unknown
from ircompile.importers.onnx.values import Expr, Quant, Real, Target, Weights, constant
from ircompile.ir.ops import Binary, BinaryKind, Constant, Prelu, Table
from ircompile.ir.tensor import Array

KINDS: dict[str, BinaryKind] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Min": "min", "Max": "max"}


def lower_binary(context: Context, expr: Expr, target: Target) -> View:
    """Add, Sub, Mul, Div, Min, Max: of two tensors, or of a tensor and a constant; NumPy broadcasting."""
    raw = expr.node
    if len(expr.args) != 2:
        raise CompileError(raw.where, f"{len(expr.args)} operands", "two")
    folded = linear_of(context, expr)
    if folded is not None:
        return emit(context, folded, target)
    numbers = [constant(a) for a in expr.args]
    at = 1 if numbers[1] is not None else 0
    number = numbers[at]
    if number is not None:
        return _with_constant(context, expr, at, number, target)
    if raw.kind == "Div":
        raise CompileError(raw.where, "divides by a computed tensor", "constant divisors")
    return _of_two(context, expr, target)


def _of_two(context: Context, expr: Expr, target: Target) -> View:
    raw = expr.node
    if raw.kind in ("Min", "Max"):
        # Rounding is monotone: comparing codes of the output's scale is the same as comparing before rounding.
        views = [context.materialize(a, target, raw) for a in expr.args if a is not None]
        op = Binary(KINDS[raw.kind], "raw", target.low, target.high)
    else:
        reals = [context.real(a, raw) for a in expr.args]
        views = [context.settled(real, raw) for real in reals]
        op = Binary(KINDS[raw.kind], "float32_even", target.low, target.high)
    names, axes, shape = aligned(context, raw, views)
    out = context.builder.emit(raw, op, names, target.quant)
    if axes is None:
        return views[0].on(out)
    return placed(context, out, axes, len(shape))


def aligned(
    context: Context, raw: OnnxNode, views: Sequence[View]
) -> tuple[list[str], Axes | None, tuple[int, ...]]:
    """Tensors of the views in one order, the axes of that order, and the broadcast shape.

    Axes are None where the views lie alike: then nothing has to move, whatever their order is.
    """
    first = views[0]
    try:
        shape = np.broadcast_shapes(*(view.shape for view in views))
    except ValueError:
        shapes = [list(view.shape) for view in views]
        raise CompileError(raw.where, f"operands of shapes {shapes}", "shapes that broadcast") from None
    sizes = {context.builder.tensors[view.tensor].shape for view in views}
    if len(sizes) == 1 and all(np.array_equal(view.index, first.index) for view in views):
        return [view.tensor for view in views], None, shape
    views = [view.moved(view.index.reshape((1,) * (len(shape) - view.rank) + view.shape)) for view in views]
    largest = max(views, key=lambda view: view.index.size)
    axes = axes_of(largest, context.builder.tensors[largest.tensor].shape) or natural_axes(len(shape))
    return [context.builder.arrange(raw, view, axes) for view in views], axes, shape


def _with_constant(context: Context, expr: Expr, at: int, number: Array, target: Target) -> View:
    raw = expr.node
    real = context.real(expr.args[1 - at], raw)
    rank = max(real.view.rank, number.ndim)
    view = context.settled(real, raw)
    view = view.moved(view.index.reshape((1,) * (rank - view.rank) + view.shape))
    tensor = context.builder.tensors[view.tensor]
    axes = axes_of(view, tensor.shape) or natural_axes(rank)
    value = expr.args[at]
    if raw.kind in ("Div", "Min", "Max"):
        raise CompileError(raw.where, "has a constant that varies along two axes", "a constant along one axis")
    codes, quant = codes_of(raw, value)
    if number.size == 1 and raw.label:
        return _as_table(context, raw, Real(view, real.quant), codes, quant, target)
    source = context.builder.arrange(raw, view, axes)
    flat = placed_constant(raw, codes, rank, axes)
    name = context.builder.const(f"{context.builder.name(raw)}_operand", flat)
    operand = Constant(name, quant.scale, quant.zero, first=at == 0)
    op = Binary(KINDS[raw.kind], "float32_even", target.low, target.high, operand)
    out = context.builder.emit(raw, op, [source], target.quant)
    return placed(context, out, axes, rank)


def placed_constant(raw: OnnxNode, codes: Array, rank: int, axes: Axes) -> Array:
    """A constant operand as height x width x channels, each the operand's size or 1."""
    flat = codes.reshape((1,) * (rank - codes.ndim) + codes.shape)
    order = order_of(View("", flat), axes)
    if order is None:
        raise CompileError(raw.where, f"a constant of shape {list(codes.shape)}", "batch 1")
    return order.reshape(size_along(flat.shape, axes))


def codes_of(raw: OnnxNode, value: object) -> tuple[Array, Quant]:
    """int8 codes of a constant operand and their scale: the file's own; raises CompileError where it has none."""
    if isinstance(value, Weights):
        if (value.scale.size > 1 and np.ptp(value.scale) > 0) or value.codes.dtype.itemsize > 1:
            raise CompileError(raw.where, "its constant has many scales or more than 8 bits", "one scale, 8 bits")
        shift = 128 if value.codes.dtype == np.uint8 else 0
        codes = value.codes.astype(np.int64) - shift
        return codes.astype(np.int8), Quant(float(value.scale.flat[0]), int(value.zero.flat[0]) - shift)
    problem = "has a float constant that varies along two axes"
    raise CompileError(raw.where, problem, "one along one axis, or a quantized one", HINT_CONSTANT)


def _as_table(context: Context, raw: OnnxNode, real: Real, codes: Array, quant: Quant, target: Target) -> View:
    """Add, Mul of one fused constant on all 256 codes, as ONNX Runtime computes it: a function of one code."""
    every, number = np.arange(-128, 128), codes.astype(np.int64).reshape(())
    fused = fused_add if raw.kind == "Add" else fused_mul
    table = np.clip(fused(every, real.quant, int(number), quant, target.quant), target.low, target.high)
    name = context.builder.const(f"{context.builder.name(raw)}_table", table.astype(np.int8))
    out = context.builder.emit(raw, Table(name, raw.kind.lower()), [real.view.tensor], target.quant)
    return real.view.on(out)


def fused_add(a: Array, qa: Quant, b: int, qb: Quant, qc: Quant) -> Array:
    """QLinearAdd of codes and one constant (mlas/lib/qladd.cpp): rint(fma(a, ra, fixed)), in uint8 codes.

    fixed = float32(fma(b, rb, float32(zc - float32(float32(ra * za) + float32(rb * zb))))). That differs from
    the sum's exact value at ties, which a scale of exactly twice another makes frequent.
    """
    ra, rb = (np.float32(q.scale) / np.float32(qc.scale) for q in (qa, qb))
    za, zb, zc = (np.float32(q.zero + 128) for q in (qa, qb, qc))
    fixed = zc - (ra * za + rb * zb)
    fixed = np.float32(float(b + 128) * float(rb) + float(fixed))  # fma: one rounding, float64 holds the product
    real = ((a + 128).astype(np.float64) * float(ra) + float(fixed)).astype(np.float32)
    return np.rint(real).astype(np.int64) - 128


def fused_mul(a: Array, qa: Quant, b: int, qb: Quant, qc: Quant) -> Array:
    """QLinearMul of codes and one constant: rint(float32(product) * float32(sa * sb / sc)) + zc."""
    factor = np.float32(qa.scale) * np.float32(qb.scale) / np.float32(qc.scale)
    product = ((a - qa.zero) * (b - qb.zero)).astype(np.float32)
    return np.rint(product * factor).astype(np.int64) + qc.zero


def lower_batch_normalization(context: Context, expr: Expr, target: Target) -> View:
    """BatchNormalization, folded into the convolution before it; alone, tables of a code and a channel."""
    folded = linear_of(context, expr)
    if folded is None:
        context.real(expr.args[0], expr.node)
        raise CompileError(expr.node.where, "has parameters that are no constants a channel", "constants")
    return emit(context, folded, target)


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


OPERATORS: dict[str, Operator] = {
    "Add": computes(lower_binary, of_sum),
    "BatchNormalization": computes(lower_batch_normalization, unknown),
    "Div": computes(lower_binary, unknown),
    "Max": computes(lower_binary, hull),
    "Min": computes(lower_binary, hull),
    "Mul": computes(lower_binary, of_product),
    "PRelu": computes(lower_prelu, unknown),
    "Sub": computes(lower_binary, of_difference),
}
