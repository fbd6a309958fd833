"""Element-wise operators: arithmetic of two operands, and functions of one code."""

from dataclasses import replace

import numpy as np

from ircompile.importers.tflite.convolution import clamp_of
from ircompile.importers.tflite.functions import CODES, emit_table
from ircompile.importers.tflite.layout import Activation, broadcast
from ircompile.importers.tflite.lowering import Lowering, held_type
from ircompile.importers.tflite.reader import TfOperator
from ircompile.importers.tflite.values import Batched, Cut, Floating, FloatInput
from ircompile.ir.ops import Binary, BinaryKind, Constant, Prelu
from ircompile.ir.tensor import Shape, Site, Tensor
from ircompile.qtype import INT16


def _operands(low: Lowering, op: TfOperator) -> list[Tensor | Constant]:
    """Both operands under shapes that broadcast as the framework's do; constants with their quantization."""
    shapes = [low.shape(op, 0), low.shape(op, 1)]
    output = low.model.tensors[op.outputs[0]].shape
    try:
        forms = broadcast(output, shapes)
    except ValueError as error:
        raise low.error(op, str(error), "sizes equal or 1 on every axis") from None
    if forms is None:
        raise low.error(
            op, f"shapes {[list(shape) for shape in shapes]}", "broadcasts of up to three groups of axes"
        )
    return [_operand(low, op, position, form) for position, form in enumerate(forms)]


def _operand(low: Lowering, op: TfOperator, position: int, form: Shape) -> Tensor | Constant:
    tensor = low.file_tensor(op, position)
    value = low.constant_of(tensor.index) if tensor is not None else None
    if tensor is None or value is None:
        return low.source(op, position, form)
    if tensor.dtype not in ("int8", "uint8", "int16"):
        raise low.error(op, f"constant {tensor.name!r} is {tensor.dtype}", "int8, uint8 and int16 constants")
    scale, zero_point = low.quantization(op, tensor)
    codes = value.astype(np.int64) - (128 if tensor.dtype == "uint8" else 0)
    codes = codes.reshape(form).astype(held_type(tensor))
    return Constant(low.store(op, "constant", codes), scale, zero_point, first=position == 0)


def _binary(low: Lowering, op: TfOperator, kind: BinaryKind) -> None:
    operands = _operands(low, op)
    bounds = clamp_of(low, op, low.target(op))
    _emit(low, op, Binary(kind, "double", *bounds), operands)


def _emit(low: Lowering, op: TfOperator, node: Binary, operands: list[Tensor | Constant]) -> None:
    constants = [o for o in operands if isinstance(o, Constant)]
    inputs = [o for o in operands if isinstance(o, Tensor)]
    if not inputs:
        raise low.error(op, "has two constant operands", "an activation")
    node = replace(node, constant=constants[0] if constants else None)
    low.finish(op, low.emit(op, node, inputs, low.target(op, node.infer(tuple(inputs), low.consts))))


def add(low: Lowering, op: TfOperator) -> None:
    """Two activations, or one and a constant; sizes equal or 1; fused activations."""
    _binary(low, op, "add")


def sub(low: Lowering, op: TfOperator) -> None:
    """As ADD."""
    _binary(low, op, "sub")


def squared_difference(low: Lowering, op: TfOperator) -> None:
    """As ADD, without activations."""
    bounds = low.target(op).qtype.range
    _emit(low, op, Binary("squared_difference", "double", *bounds), _operands(low, op))


def mul(low: Lowering, op: TfOperator) -> None:
    """As ADD; a squeeze-and-excite gate is 1 x 1 x C against H x W x C."""
    _binary(low, op, "mul")


def dequantize(low: Lowering, op: TfOperator) -> None:
    """At the end of the model, where it is left to the caller; constants, as outputs alone."""
    value = low.values.get(op.inputs[0])
    shape, output = (low.model.tensors[index].shape for index in (op.inputs[0], op.outputs[0]))
    if shape != output:
        raise low.error(op, f"shape {list(shape)} to {list(output)}", "consistent shapes")
    if isinstance(value, Activation | Floating):
        low.define(op, Floating(op.inputs[0] if isinstance(value, Activation) else value.source))
        return
    if isinstance(value, Cut):
        low.define(op, value)
        return
    constant = low.constant_of(op.inputs[0])
    if constant is not None and not any(op.outputs[0] in reader.inputs for reader in low.model.operators):
        low.define(op, Cut(()))
        low.notice(f"{low.model.where(op)}: left to the caller, an output that is constant in the file")
        return
    if constant is not None or isinstance(value, Batched | FloatInput):
        raise low.error(
            op, "dequantizes a constant: weights are quantized, activations are not", "quantized activations",
            "post-training integer quantization, with a representative data set",
        )  # fmt: skip
    low.stored(op, 0)


def minimum(low: Lowering, op: TfOperator) -> None:
    """Of codes: equal quantization, as converters write it; two activations, or one and a constant."""
    _extreme(low, op, "min")


def maximum(low: Lowering, op: TfOperator) -> None:
    """As MINIMUM."""
    _extreme(low, op, "max")


def _extreme(low: Lowering, op: TfOperator, kind: BinaryKind) -> None:
    operands, target = _operands(low, op), low.target(op)
    if any((o.scale, o.zero_point) != (target.scale, target.zero_point) for o in operands):
        low.notice(
            f"{low.model.where(op)}: operands and output are quantized differently; their codes are compared all "
            "the same, as TensorFlow Lite does"
        )
    _emit(low, op, Binary(kind, "raw", *target.qtype.range), operands)


def prelu(low: Lowering, op: TfOperator) -> None:
    """Constant int8 or uint8 slopes: one, one a channel, or one an element."""
    source, slope = _operands(low, op)
    if isinstance(source, Tensor) and source.qtype == INT16:
        raise low.error(op, "16-bit activations", "8-bit activations")
    if isinstance(source, Constant):
        raise low.error(op, "constant input", "an activation")
    if not isinstance(slope, Constant):
        raise low.error(op, "computed slopes", "constant slopes")
    node = Prelu(slope.name, slope.scale, slope.zero_point)
    target = low.target(op, source.shape)
    alpha = low.consts[slope.name]
    if alpha.size > 1:
        low.finish(op, low.emit(op, node, [source], target))
        return
    site = Site((source,), target, low.consts)
    emit_table(low, op, node.combine(site, CODES, alpha.reshape(1)), "prelu")


LOWERINGS = {
    "ADD": add,
    "SUB": sub,
    "MUL": mul,
    "SQUARED_DIFFERENCE": squared_difference,
    "MINIMUM": minimum,
    "MAXIMUM": maximum,
    "PRELU": prelu,
    "DEQUANTIZE": dequantize,
}
