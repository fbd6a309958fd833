"""The two ends of a model: inputs and outputs of any type, and what is float behind the last quantized tensor.

A float end is cut off, or quantized where a QuantizeLinear is missing. Functions of one tensor (Softmax, Sigmoid
...) are left to the caller. Anything else, a last convolution for instance, is given the widest scale that it can
need: that of its interval over all inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.builder import Builder
from ircompile.importers.onnx.convolution import Linear, linear_of
from ircompile.importers.onnx.functions import ELEMENTWISE
from ircompile.importers.onnx.islands import leaf_of
from ircompile.importers.onnx.layout import (
    Axes,
    axes_of,
    natural_axes,
    order_of,
    row_major_axes,
    size_along,
    view_of,
)
from ircompile.importers.onnx.lowering import HINT_QDQ, Context
from ircompile.importers.onnx.reader import Model, Port
from ircompile.importers.onnx.record import Range
from ircompile.importers.onnx.values import Codes, Entry, Expr, Quant, Real, Target, Value, constant
from ircompile.importers.onnx.weights import bias_units
from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.names import sanitize
from ircompile.ir.ops import Flip

if TYPE_CHECKING:
    from ircompile.importers.onnx.walk import Walk

THROUGH = frozenset({*ELEMENTWISE, "QuantizeLinear", "DequantizeLinear", "Cast", "Identity", "Dropout"})
LEFT = ("LogSoftmax",)
"""Operators that are always left to the caller."""


def open_input(walk: Walk, port: Port) -> IoBinding:
    """Adds a graph input."""
    if port.dtype not in ("float32", "int8", "uint8"):
        raise CompileError(f"input {port.name!r}", f"is of type {port.dtype}", "float32, int8, uint8")
    axes = input_axes(walk.model, port.name, len(port.shape))
    sized = [size for axis, size in enumerate(port.shape) if axis not in axes]
    if any(size != 1 for size in sized):
        raise CompileError(
            f"input {port.name!r}", f"has shape {list(port.shape)}", "batch 1 and up to three further axes",
            "export the model with batch 1",
        )  # fmt: skip
    builder, shape = walk.builder, size_along(port.shape, axes)
    dtype = "uint8" if port.dtype == "uint8" else "int8"
    tensor = builder.activation(sanitize(port.name, "input"), shape, None, dtype)
    external = IoBinding(tensor, port.name, port.shape, port.dtype, axes, half_even=port.dtype == "float32")
    if port.dtype == "float32":
        walk.values[port.name] = Entry(view_of(tensor, port.shape, axes))
        return external
    if dtype == "uint8":
        flipped = builder.tensor(f"{tensor}_int8", shape, zero_point=-128)
        tensor = builder.node(Flip(), [tensor], flipped, f"input {port.name!r}").name
    walk.values[port.name] = Codes(view_of(tensor, port.shape, axes), dtype == "uint8", None)
    walk.open(tensor)
    return external


def meaning(builder: Builder, tensor: str, quant: Quant) -> None:
    """Sets the scale of an integer input, of its uint8 original too."""
    builder.quantize(tensor, quant)
    for node in builder.nodes:
        if node.output == tensor and isinstance(node.op, Flip):
            builder.quantize(node.inputs[0], Quant(quant.scale, quant.zero + 128))


def input_axes(model: Model, name: str, rank: int) -> Axes:
    """Height, width and channels of an input, as the first operator that cares sees them."""
    order, current = list(range(rank)), {name}
    for raw in model.nodes:
        if not raw.inputs or raw.inputs[0] not in current:
            continue
        if raw.kind == "Transpose" and sorted(raw.get("perm") or ()) == list(range(rank)):
            order = [order[a] for a in raw.get("perm")]
        elif raw.kind in ("MatMul", "Reshape", "Flatten", "Softmax", "QLinearMatMul"):
            return _through(order, row_major_axes(rank))
        elif raw.kind not in THROUGH:
            break
        current = set(raw.outputs)
    return _through(order, natural_axes(rank))


def _through(order: list[int], axes: Axes) -> Axes:
    height, width, channels = (order[a] if a >= 0 else a for a in axes)
    return height, width, channels


def close_output(walk: Walk, port: Port) -> list[IoBinding]:
    """Adds what an output of the model becomes; a float tail of it is cut off with a notice."""
    value = walk.values.get(port.name)
    if isinstance(value, Codes):
        return [_integer(walk, port, value)]
    leaves = leaves_of(walk.context, port.name, value)
    known = {id(v): name for name, v in walk.values.items()} | {id(value): port.name}
    spare = [port.name] + [f"{port.name}_{number}" for number in range(1, len(leaves))]
    return [
        replace(_float(walk, known.get(id(leaf.value), name), leaf.real), rounded=leaf.rounded)
        for name, leaf in zip(spare, leaves, strict=True)
    ]


def _place(walk: Walk, name: str, value: Codes | Real) -> tuple[str, Axes]:
    """A tensor and the axes of it that an output of ONNX shape `value.view.shape` needs."""
    view, builder = value.view, walk.builder
    raw = walk.model.nodes[-1]
    axes = axes_of(view, builder.tensors[view.tensor].shape)
    if axes is not None:
        return view.tensor, axes
    axes = row_major_axes(view.rank)
    if order_of(view, axes) is None or builder.tensors[view.tensor].dtype == "int32":
        raise CompileError(
            f"output {name!r}", f"has shape {list(view.shape)}", "batch 1 and up to three further axes"
        )
    return builder.arrange(raw, view, axes), axes


def _float(walk: Walk, name: str, real: Real) -> IoBinding:
    real = replace(real, view=walk.context.settled(real, walk.model.nodes[-1]))
    tensor, axes = _place(walk, name, real)
    return IoBinding(tensor, name, real.view.shape, "float32", axes, half_even=True)


def _integer(walk: Walk, port: Port, codes: Codes) -> IoBinding:
    tensor, axes = _place(walk, port.name, codes)
    builder, found = walk.builder, walk.builder.tensors[tensor]
    if found.dtype == "int32":
        return IoBinding(tensor, port.name, codes.view.shape, port.dtype or "int64", axes)
    if not codes.unsigned:
        return IoBinding(tensor, port.name, codes.view.shape, "int8", axes)
    outer = builder.tensor(f"{tensor}_uint8", found.shape, "uint8", found.scale, found.zero_point + 128)
    flipped = builder.node(Flip(), [tensor], outer, f"output {port.name!r}").name
    return IoBinding(flipped, port.name, codes.view.shape, "uint8", axes)


def finished(graph: Graph) -> Graph:
    """The graph without what nothing reads."""
    wanted, nodes = set(graph.output_names), []
    for node in reversed(graph.nodes):
        if node.output in wanted:
            wanted.update(node.inputs)
            nodes.append(node)
    return replace(graph.rebuilt(nodes[::-1]), notices=graph.notices)


@dataclass(frozen=True)
class Leaf:
    """A quantized tensor that is handed to the caller, and the value of the file that it is.

    With `rounded` that value is a float that nothing quantizes.
    """

    real: Real
    value: Value
    rounded: bool = False


def leaves_of(context: Context, output: str, value: Value | None) -> list[Leaf]:
    """The quantized tensors that a float output is computed from, and a notice of what is left to the caller."""
    if isinstance(value, Real):
        return [Leaf(value, value)]
    if not isinstance(value, Expr):
        raise _unquantized(output)
    found = context.found(value)
    if found is not None:
        return [Leaf(found, value)]
    leaf = leaf_of(value)
    if isinstance(leaf, Real):
        _notice(context, value)
        return [Leaf(leaf, leaf)]
    operator = context.operators.get(value.node.kind)
    is_left = value.node.kind in LEFT or bool(operator and operator.left)
    limits = None if is_left else range_of(context, value)
    if limits is not None:
        return [Leaf(_quantized(context, output, value, limits), value, rounded=True)]
    if not is_left and value.node.kind not in ELEMENTWISE:
        raise CompileError(
            value.node.where, f"gives the float output {output!r} without a QuantizeLinear",
            "a quantized tensor, then functions of one number, Softmax, LogSoftmax", HINT_QDQ,
        )  # fmt: skip
    leaves = [leaf for a in value.args if isinstance(a, Real | Expr) for leaf in leaves_of(context, output, a)]
    if not leaves:
        raise _unquantized(output)
    context.builder.notice(left(value))
    return leaves


def _unquantized(output: str) -> CompileError:
    """The error of an output that depends on the float input alone, or on nothing."""
    problem, hint = (
        "is computed from no quantized tensor",
        "leave this output out, or quantize what it is computed from",
    )
    return CompileError(f"output {output!r}", problem, "outputs of quantized operators", hint)


def left(expr: Expr) -> str:
    """The notice of a float operator that is cut off."""
    return f"{expr.node.where} is left to the caller: it is float, behind the last quantized tensor"


def _notice(context: Context, expr: Expr) -> None:
    """Notices for all operators of a float island, in the order of the file."""
    found, stack = {}, [expr]
    while stack:
        at = stack.pop()
        found[at.node.index] = left(at)
        stack += [a for a in at.args if isinstance(a, Expr) and a.node.index not in found]
    context.builder.notices.extend(found[index] for index in sorted(found))


def _quantized(context: Context, output: str, value: Expr, limits: Range) -> Real:
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    scale = float(np.float32((high - low) / 255))
    if not np.isfinite(scale) or scale < float(np.finfo(np.float32).tiny):
        raise CompileError(value.node.where, f"gives values from {low} to {high}", "a range that is not empty")
    quant = Quant(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))
    context.builder.notice(
        f"output {output!r} has no QuantizeLinear: it comes in steps of {scale:.4g}, the finest that is safe; "
        "quantize the model's last operator for finer ones"
    )
    return Real(context.materialize(value, Target(quant), value.node), quant)


def range_of(context: Context, value: Value | None) -> Range | None:
    """An interval that holds a float value for all inputs; None where there is no rule."""
    numbers = None if value is None else constant(value)
    if numbers is not None and numbers.size:
        return float(numbers.min()), float(numbers.max())
    if isinstance(value, Real):
        low, high = value.quant.real(np.array([-128, 127]))
        return float(low), float(high)
    if not isinstance(value, Expr):
        return None
    clip = context.clip(value)
    if clip is not None:
        inner = range_of(context, clip[0])
        return inner and (max(min(inner[0], clip[2]), clip[1]), min(max(inner[1], clip[1]), clip[2]))
    linear = linear_of(context, value)
    if linear is not None:
        return bounds_of(linear)
    operator = context.operators.get(value.node.kind)
    return operator.bounds([range_of(context, a) for a in value.args]) if operator else None


def bounds_of(linear: Linear) -> Range:
    """The interval of a convolution's values over all input codes."""
    zero = linear.source.quant.zero
    step = np.float64(linear.gain) * linear.source.quant.scale * linear.scale.astype(np.float64)
    axis = (0, 1) if linear.depthwise else (1, 2, 3)
    up, down = np.maximum(linear.weights, 0).sum(axis=axis), np.minimum(linear.weights, 0).sum(axis=axis)
    bias = bias_units(linear.raw, linear.bias, step.astype(np.float32), linear.bias_gain)[1]
    low, high = -128 - zero, 127 - zero
    # padding counts as the zero point, which may be the least or the greatest code
    least = (up * min(low, 0) + down * max(high, 0) + bias) * step
    most = (up * max(high, 0) + down * min(low, 0) + bias) * step
    factor = np.ones(linear.channels) if linear.factor is None else linear.factor
    shift = np.zeros(linear.channels) if linear.shift is None else linear.shift
    ends = np.stack([least * factor + shift, most * factor + shift])
    return float(ends.min()), float(ends.max())
