"""Element-wise operators: arithmetic of two operands, and functions of one code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ircompile.importers.tflite.lowering import Activation, Batched, Cut, Floating, FloatInput, Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.importers.tflite.tables import CODES, emit_table
from ircompile.importers.tflite.windows import clamp_of
from ircompile.ops import Binary, Constant, Prelu, Softmax
from ircompile.tensor import Site, Tensor


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
    bounds = clamp_of(low, op, low.target(op))
    _emit(low, op, Binary(kind, "double", *bounds), left, right)  # type: ignore[arg-type]


def _emit(low: Lowering, op: TfOperator, node: Binary, left: Tensor | Constant, right: Tensor | Constant) -> None:
    constants = [o for o in (left, right) if isinstance(o, Constant)]
    inputs = [o for o in (left, right) if isinstance(o, Tensor)]
    if not inputs:
        raise low.error(op, "has two constant operands", "an activation")
    node = replace(node, constant=constants[0] if constants else None)
    low.finish(op, low.emit(op, node, inputs, low.target(op)))


def add(low: Lowering, op: TfOperator) -> None:
    """Two activations, or one and a constant; sizes equal or 1; fused activations."""
    _binary(low, op, "add")


def sub(low: Lowering, op: TfOperator) -> None:
    """As ADD."""
    _binary(low, op, "sub")


def mul(low: Lowering, op: TfOperator) -> None:
    """As ADD; a squeeze-and-excite gate is 1 x 1 x C against H x W x C."""
    _binary(low, op, "mul")


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


def minimum(low: Lowering, op: TfOperator) -> None:
    """Of codes: equal quantization, as converters write it; two activations, or one and a constant."""
    _extreme(low, op, "min")


def maximum(low: Lowering, op: TfOperator) -> None:
    """As MINIMUM."""
    _extreme(low, op, "max")


def _extreme(low: Lowering, op: TfOperator, kind: str) -> None:
    left, right = _operand(low, op, 0), _operand(low, op, 1)
    target = low.target(op)
    if any((o.scale, o.zero_point) != (target.scale, target.zero_point) for o in (left, right)):
        low.notice(
            f"{low.model.where(op)}: operands and output are quantized differently; their codes are compared all "
            "the same, as TensorFlow Lite does"
        )
    _emit(low, op, Binary(kind, "raw"), left, right)  # type: ignore[arg-type]


def prelu(low: Lowering, op: TfOperator) -> None:
    """Constant int8 or uint8 slopes: one, one a channel, or one an element."""
    source, slope = low.source(op, 0), _operand(low, op, 1)
    if not isinstance(slope, Constant):
        raise low.error(op, "computed slopes", "constant slopes")
    node = Prelu(slope.name, slope.scale, slope.zero_point)
    target = low.target(op)
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
    "MINIMUM": minimum,
    "MAXIMUM": maximum,
    "PRELU": prelu,
    "DEQUANTIZE": dequantize,
    "SOFTMAX": softmax,
}
