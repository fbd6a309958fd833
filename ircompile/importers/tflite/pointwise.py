"""Element-wise operators: arithmetic of two operands, and functions of one code."""

from __future__ import annotations

import numpy as np

from ircompile.importers.tflite.ends import quantize_input
from ircompile.importers.tflite.lowering import Activation, Batched, Cut, Floating, FloatInput, Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.importers.tflite.windows import CLAMPS, clamp_codes, clamp_of
from ircompile.numerics import mbqm, quantize_multiplier
from ircompile.ops import Binary, Constant, Softmax, Table
from ircompile.tensor import Array, Tensor

CODES = np.arange(-128, 128, dtype=np.int64)


def _operand(low: Lowering, op: TfOperator, position: int) -> Tensor | Constant:
    """An activation, or a constant of at most three axes with its quantization."""
    tensor = low.file_tensor(op, position)
    value = low.constant_of(tensor.index) if tensor is not None else None
    if tensor is None or value is None:
        return low.source(op, position)
    if tensor.dtype not in ("int8", "uint8"):
        raise low.error(op, f"constant {tensor.name!r} is {tensor.dtype}", "int8 and uint8 constants")
    scale, zero_point = low.quantization(op, tensor)
    codes = value.astype(np.int64) - (128 if tensor.dtype == "uint8" else 0)
    while codes.ndim > 3 and codes.shape[0] == 1:
        codes = codes[0]
    if codes.ndim > 3:
        raise low.error(op, f"constant of shape {value.shape}", "batch 1")
    rank = len(low.model.tensors[op.outputs[0]].shape)
    if rank == 3 and codes.ndim > 1:
        codes = codes.reshape(codes.shape[-2], 1, codes.shape[-1]) if codes.ndim == 2 else codes.swapaxes(0, 1)
    codes = codes.reshape((1,) * (3 - codes.ndim) + codes.shape)
    return Constant(low.store(op, "constant", codes.astype(np.int8)), scale, zero_point, first=position == 0)


def _binary(low: Lowering, op: TfOperator, kind: str) -> None:
    left, right = _operand(low, op, 0), _operand(low, op, 1)
    target = low.target(op)
    low_code, high_code = clamp_of(low, op, target)
    constants = [o for o in (left, right) if isinstance(o, Constant)]
    inputs = [o for o in (left, right) if isinstance(o, Tensor)]
    if not inputs:
        raise low.error(op, "has two constant operands", "an activation")
    node = Binary(kind, "double", low_code, high_code, constants[0] if constants else None)  # type: ignore[arg-type]
    low.finish(op, low.emit(op, node, inputs, target))


def add(low: Lowering, op: TfOperator) -> None:
    """Two activations, or one and a constant; sizes equal or 1; fused activations."""
    _binary(low, op, "add")


def sub(low: Lowering, op: TfOperator) -> None:
    """As ADD."""
    _binary(low, op, "sub")


def mul(low: Lowering, op: TfOperator) -> None:
    """As ADD; a squeeze-and-excite gate is 1 x 1 x C against H x W x C."""
    _binary(low, op, "mul")


def quantize(low: Lowering, op: TfOperator) -> None:
    """float32 inputs of the model; int8 and uint8 to int8 and uint8 at any scales."""
    value = low.values.get(op.inputs[0])
    if isinstance(value, FloatInput):
        quantize_input(low, op, value)
        return
    held = low.activation(op, 0)
    source, target = low.tensors[held.tensor], low.target(op)
    if (source.scale, source.zero_point) == (target.scale, target.zero_point):
        low.values[op.outputs[0]] = held
        return
    m, s = quantize_multiplier(np.float64(source.scale) / np.float64(target.scale))
    codes = mbqm(CODES - source.zero_point, m, s) + target.zero_point
    emit_table(low, op, codes, "quantize")


def emit_table(low: Lowering, op: TfOperator, codes: Array, function: str) -> None:
    """Adds a Table of 256 codes, clamped to int8, on the operator's first input."""
    held = low.activation(op, 0)
    source = low.tensors[held.tensor]
    table = low.store(op, "table", np.clip(codes, -128, 127).astype(np.int8))
    low.finish(op, low.emit(op, Table(table, function), [source], low.target(op, source.shape)), axes=held.axes)


def dequantize(low: Lowering, op: TfOperator) -> None:
    """At the end of the model, where it is left to the caller."""
    value = low.values.get(op.inputs[0])
    if isinstance(value, Activation | Floating):
        low.values[op.outputs[0]] = Floating(op.inputs[0] if isinstance(value, Activation) else value.source)
        return
    if isinstance(value, Cut):
        low.values[op.outputs[0]] = value
        return
    constant = low.constant_of(op.inputs[0])
    if constant is not None or isinstance(value, Batched | FloatInput):
        raise low.error(
            op, "dequantizes a constant: weights are quantized, activations are not", "quantized activations",
            "post-training integer quantization, with a representative data set",
        )  # fmt: skip
    low.activation(op, 0)


def softmax(low: Lowering, op: TfOperator) -> None:
    """Over the channels of every pixel; the output has scale 1/256 and zero point -128 (int8) or 0 (uint8)."""
    source, target = low.source(op, 0), low.target(op)
    if (target.scale, target.zero_point) != (1 / 256, -128):
        raise low.error(op, f"output scale {target.scale}, zero point {target.zero_point}", "1/256, -128")
    beta = float(op.option("Beta", 1.0))
    if not (np.isfinite(beta) and beta > 0):
        raise low.error(op, f"beta {beta}", "finite, above 0")
    low.finish(op, low.emit(op, Softmax("gemmlowp", beta), [source], target))


def relu(low: Lowering, op: TfOperator) -> None:
    """Standing alone: requantized by mbqm(x - zx, sx / sy), clamped."""
    held = low.activation(op, 0)
    source, target = low.tensors[held.tensor], low.target(op)
    low_code, high_code = clamp_codes(CLAMPS[op.kind.replace("RELU_0_TO_1", "RELU")], target)
    m, s = quantize_multiplier(np.float64(source.scale) / np.float64(target.scale))
    codes = mbqm(CODES - source.zero_point, m, s) + target.zero_point
    emit_table(low, op, np.clip(codes, low_code, high_code), op.kind.lower())


LOWERINGS = {
    "ADD": add,
    "SUB": sub,
    "MUL": mul,
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "SOFTMAX": softmax,
    "RELU": relu,
    "RELU6": relu,
}
