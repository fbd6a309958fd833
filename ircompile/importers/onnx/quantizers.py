"""QuantizeLinear and DequantizeLinear: their parameters, checked, and what they do to constants."""

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.proto import type_name
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.values import Const, Quant, Value, Weights, constant
from ircompile.ir.tensor import Array

EIGHT_BITS = ("int8", "uint8")
NARROW = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3)}
OUTPUT_TYPES = {0: "", 2: "uint8", 3: "int8"}
HINT_STATIC = "quantize statically: with scales that are constants"


def parameters(raw: OnnxNode, scale: Value | None, zero: Value | None, dtype: str) -> tuple[Array, Array]:
    """Scale (float32) and zero point of a quantizer; a missing zero point is 0 of type `dtype`."""
    scales = None if scale is None else constant(scale)
    zeros = np.zeros(1, dtype) if zero is None else constant(zero)
    if scales is None or zeros is None:
        raise CompileError(raw.where, "its scale or zero point is computed at run time", "constants", HINT_STATIC)
    if scales.dtype.kind != "f" or scales.size < 1 or not np.all(np.isfinite(scales)) or np.any(scales <= 0):
        shown = np.ravel(scales)[:3].tolist()
        raise CompileError(
            raw.where, f"its scale is {shown}", "finite positive numbers", "quantize the model again"
        )
    if zeros.size < 1 or zeros.dtype.kind not in "iu":
        raise CompileError(raw.where, f"its zero point is of type {zeros.dtype}, size {zeros.size}", "integers")
    if raw.get("block_size", 0):
        raise CompileError(raw.where, "quantizes in blocks", "one scale a tensor, or a channel of weights")
    return scales.astype(np.float32), zeros


def activation(raw: OnnxNode, scale: Value | None, zero: Value | None, dtype: str) -> tuple[Quant, bool]:
    """An activation's quantization, and whether the file has it as uint8."""
    scales, zeros = parameters(raw, scale, zero, dtype)
    if scales.size != 1 or zeros.size != 1:
        raise CompileError(raw.where, f"quantizes an activation with {scales.size} scales", "one scale")
    if type_name(zeros) not in EIGHT_BITS:
        raise CompileError(
            raw.where, f"quantizes to {type_name(zeros)}", "int8 and uint8 activations", _hint(zeros)
        )
    unsigned = zeros.dtype == np.uint8
    number = np.float32(scales.reshape(-1)[0])
    if number < np.finfo(np.float32).tiny:
        raise CompileError(
            raw.where, f"its scale is {number}", "normal float32 numbers", "quantize the model again"
        )
    return Quant(float(number), int(zeros.reshape(-1)[0]) - (128 if unsigned else 0)), unsigned


def _hint(zeros: Array) -> str:
    if zeros.dtype.itemsize == 2:
        return "quantize to 8 bits, or to 16x8 in TFLite: ONNX Runtime computes 16 bits in float32"
    return "quantize to 8 bits"


def output_type(raw: OnnxNode) -> str:
    """The type of QuantizeLinear's output where it has no zero point."""
    found = OUTPUT_TYPES.get(raw.get("output_dtype", 0))
    if found is None:
        raise CompileError(raw.where, "quantizes to a type that is not 8 bits", "int8 and uint8")
    return found or "uint8"


def along(raw: OnnxNode, values: Array, rank: int, size_of: tuple[int, ...], default: int) -> Array:
    """Scales or zero points shaped to broadcast against a constant: one number, or one an index of the axis."""
    if values.size == 1:
        return values.reshape((1,) * rank)
    axis = raw.axis(rank, default)
    if size_of[axis] != values.size:
        raise CompileError(
            raw.where, f"{values.size} scales for axis {axis} of shape {list(size_of)}", "one scale an index"
        )
    return values.reshape([values.size if i == axis else 1 for i in range(rank)])


def dequantized(raw: OnnxNode, codes: Array, scale: Value | None, zero: Value | None, default: int = 1) -> Weights:
    """A constant behind DequantizeLinear."""
    if codes.dtype.kind not in "iu":
        raise CompileError(raw.where, f"dequantizes {codes.dtype}", "integers")
    scales, zeros = parameters(raw, scale, zero, str(codes.dtype))
    rank, shape = codes.ndim, tuple(codes.shape)
    return Weights(codes, along(raw, scales, rank, shape, default), along(raw, zeros, rank, shape, default))


def quantized(raw: OnnxNode, real: Array, scale: Value | None, zero: Value | None) -> Const:
    """A constant behind QuantizeLinear: fake-quantized weights."""
    scales, zeros = parameters(raw, scale, zero, output_type(raw))
    rank, shape = real.ndim, tuple(real.shape)
    scales, zeros = along(raw, scales, rank, shape, 1), along(raw, zeros, rank, shape, 1)
    if not np.all(np.isfinite(real)):
        raise CompileError(raw.where, "quantizes a constant that is not finite", "finite numbers")
    low, high = NARROW.get(type_name(zeros)) or (np.iinfo(zeros.dtype).min, np.iinfo(zeros.dtype).max)
    ratio = np.clip(real.astype(np.float32) / scales, np.float32(-(2.0**40)), np.float32(2.0**40))
    codes = np.rint(ratio).astype(np.int64) + zeros
    return Const(np.clip(codes, low, high).astype(zeros.dtype))
