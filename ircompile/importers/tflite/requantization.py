"""Biases of convolutions and how their sums become codes."""

import numpy as np

from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator, TfTensor
from ircompile.ir.numerics import Requant, Rounding
from ircompile.ir.tensor import Array


def bias_of(low: Lowering, op: TfOperator, count: int, position: int = 2) -> Array:
    """The bias, int32 or int64 as the accumulators are, zeros where there is none."""
    wide = rounding_of(low, op) == "wide"
    if low.file_tensor(op, position) is None:
        return np.zeros(count, np.int64 if wide else np.int32)
    bias = low.constant(op, position, "bias")
    if str(bias.dtype) not in bias_types(low, op) or bias.size != count:
        known = " or ".join(bias_types(low, op))
        raise low.error(op, f"bias is {bias.dtype} of {bias.size} values", f"{known} of {count}")
    return bias.reshape(-1).astype(np.int64) if wide else bias.reshape(-1)


def bias_types(low: Lowering, op: TfOperator) -> tuple[str, ...]:
    """The types that TFLite Micro takes a bias in."""
    if not is_wide(low, op):
        return ("int32",)
    return {"DEPTHWISE_CONV_2D": ("int64",), "TRANSPOSE_CONV": ("int64", "int16")}.get(op.kind, ("int64", "int32"))


def is_wide(low: Lowering, op: TfOperator) -> bool:
    """Whether the operator takes codes of 16 bits."""
    return low.model.tensors[op.inputs[_data_position(op)]].dtype == "int16"


def rounding_of(low: Lowering, op: TfOperator) -> Rounding:
    """The requantization of a convolution: by its accumulators, whose type TFLite Micro takes from the bias."""
    bias = low.file_tensor(op, 3 if op.kind == "TRANSPOSE_CONV" else 2)
    if is_wide(low, op) and (bias is None or bias.dtype != "int32"):
        return "wide"
    return "float64_away" if op.kind == "FULLY_CONNECTED" and low.numerics == "litert-ref" else "double"


def requant_of(low: Lowering, op: TfOperator, weights: TfTensor, count: int, clamp: tuple[int, int]) -> Requant:
    """The requantization of `count` channels; a uint8 model's scales multiply in float32 first."""
    rounding = rounding_of(low, op)
    source, target = low.model.tensors[op.inputs[_data_position(op)]], low.model.tensors[op.outputs[0]]
    target_scale, zero_point = low.quantization(op, target)
    source_scale, _ = low.quantization(op, source)
    scales = weights.scales
    if len(scales) not in (1, count):
        raise low.error(op, f"{len(scales)} weight scales for {count} channels", "one, or one a channel")
    if rounding == "wide" and np.any(scales < 0):
        raise low.error(op, "negative weight scales with 16-bit activations", "scales above 0")
    if source.dtype == "uint8":
        product = (np.float32(source_scale) * scales.astype(np.float32)).astype(np.float64)
    else:
        product = np.float64(source_scale) * scales
    effective = np.broadcast_to(product / np.float64(target_scale), (count,)).copy()
    return Requant(rounding, low.store(op, "scale", effective), zero_point, *clamp)


def _data_position(op: TfOperator) -> int:
    return 2 if op.kind == "TRANSPOSE_CONV" else 0
