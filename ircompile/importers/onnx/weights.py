"""Weights and biases of convolutions, as integers."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.lowering import HINT_QDQ
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.values import Const, Value, Weights, constant
from ircompile.ir.tensor import Array
from ircompile.qtype import INT8


def weights_of(raw: OnnxNode, value: Value | None) -> Weights:
    """The quantized weights of an operator; raises CompileError where they are float or computed."""
    if isinstance(value, Weights):
        if value.codes.dtype.itemsize > 1:
            raise CompileError(raw.where, f"weights of {value.codes.dtype}", "int8 or uint8 weights")
        return value
    problem = "its weights are float" if isinstance(value, Const) else "its weights are computed at run time"
    raise CompileError(raw.where, problem, "constant weights behind DequantizeLinear", HINT_QDQ)


def per_channel(raw: OnnxNode, weights: Weights, axis: int) -> Array:
    """float32 scale of each index along `axis`; raises CompileError if it varies along another."""
    full = np.moveaxis(np.broadcast_to(weights.scale, weights.codes.shape), axis, 0)
    rows = full.reshape(full.shape[0], -1)
    if rows.size and not np.array_equal(rows, np.broadcast_to(rows[:, :1], rows.shape)):
        raise CompileError(raw.where, "weights have scales along another axis", "one scale an output channel")
    return np.asarray(rows[:, 0] if rows.shape[1] else np.ones(len(rows), np.float32), np.float32)


def ungrouped(codes: Array, group: int) -> Array:
    """Dense weights (C_out, C_in, kh, kw) of grouped ones (C_out, C_in / group, kh, kw), zeros between groups."""
    if group == 1:
        return codes
    count, width = codes.shape[:2]
    dense = np.zeros((count, width * group, *codes.shape[2:]), codes.dtype)
    for number in range(group):
        rows = slice(number * count // group, (number + 1) * count // group)
        dense[rows, number * width : (number + 1) * width] = codes[rows]
    return dense


def narrow(raw: OnnxNode, weights: Array) -> Array:
    """Weights as int8 if they fit, else as int16."""
    low, high = int(weights.min(initial=0)), int(weights.max(initial=0))
    if low >= -128 and high <= 127:
        return weights.astype(np.int8)
    if low >= -(2**15) and high < 2**15:
        return weights.astype(np.int16)
    raise CompileError(raw.where, f"weights from {low} to {high}", "weights of 8 bits")


def bias_units(raw: OnnxNode, value: Value | None, step: Array, gain: float = 1.0) -> Array:
    """float64 (2, C_out) bias in units of `step` (C_out,): [0] in whole units before `gain`, [1] as it is.

    ONNX Runtime rounds a float bias to whole units where it computes in integers, before it multiplies by `gain`.

    Raises CompileError where a quantized bias is no whole multiple of the unit, and where it is int32 of another
    scale, whose integers ONNX Runtime takes all the same.
    """
    if value is None:
        return np.zeros((2, *step.shape))
    integer = isinstance(value, Const) and value.array.dtype == np.int32
    numbers = value.array if isinstance(value, Const) else constant(value)
    if numbers is None or numbers.size not in (1, step.size):
        raise CompileError(raw.where, "its bias is no constant of one number a channel", "constants")
    if gain == 1 and (integer or (isinstance(value, Weights) and _matching(value, step))):
        codes = value.centred if isinstance(value, Weights) else numbers
        return np.broadcast_to(codes.reshape(-1), (2, *step.shape)).astype(np.float64)
    real = np.broadcast_to(numbers.reshape(-1), step.shape).astype(np.float64)
    with np.errstate(all="ignore"):
        units = real if integer else real / np.where(step == 0, 1, step.astype(np.float64))
    if not np.all(np.isfinite(units)):
        raise CompileError(raw.where, "its bias is not finite", "finite numbers")
    if isinstance(value, Weights) and gain == 1 and (value.codes.dtype == np.int32 or not _whole(real, step)):
        raise CompileError(
            raw.where, f"its bias has a scale of {float(value.scale.flat[0]):.6g} where input and weights have "
            f"{float(step.flat[0]):.6g}", "the product of the scales of input and weights",
            "write the bias as int32 of that scale, or in float",
        )  # fmt: skip
    return np.clip(np.stack([np.rint(units), units]) * gain, -(2.0**31), 2.0**31 - 1)


def _whole(real: Array, step: Array) -> bool:
    """Whether numbers are multiples of the units, but for float32 rounding."""
    ratio = real / np.where(step == 0, 1, step.astype(np.float64))
    return bool(np.all(np.abs(ratio - np.rint(ratio)) <= 1e-5 * np.maximum(np.abs(ratio), 1)))


def _matching(bias: Weights, step: Array) -> bool:
    """Whether a quantized bias has the accumulator's scale, but for its float32 rounding."""
    if bias.codes.dtype != np.int32 or bias.codes.size not in (1, step.size):
        return False
    return bool(np.allclose(np.broadcast_to(bias.scale.reshape(-1), step.shape), step, rtol=1e-3, atol=0))


KINDS = ("Conv", "ConvTranspose", "Gemm")
BETWEEN = ("Relu", "Clip")


class FloatWeights:
    """Which operators of a model have their float weights quantized, as ONNX Runtime does it when it loads a model.

    `quantize_static` leaves such weights in ConvTranspose of its QOperator form. ONNX Runtime
    (WeightBiasQuantization) gives them int8 codes where a Conv, ConvTranspose or Gemm stands alone, or with Relu
    and Clip, between a DequantizeLinear and a QuantizeLinear. Elsewhere it computes in float32: they are refused.
    """

    def __init__(self, nodes: Sequence[OnnxNode]) -> None:
        self._producers = {name: raw.kind for raw in nodes for name in raw.outputs}
        self._readers: dict[str, list[OnnxNode]] = defaultdict(list)
        for raw in nodes:
            for name in raw.inputs:
                self._readers[name].append(raw)

    def quantized(self, raw: OnnxNode, arguments: Sequence[Value | None]) -> list[Value | None]:
        """The operands of an operator, its float weights quantized where ONNX Runtime does so."""
        weights, bias = [*arguments, None, None][1:3]
        vector = bias is None or (isinstance(bias, Const) and bias.array.ndim == 1)
        if raw.kind not in KINDS or not _is_float(weights) or not vector or not self._is_alone(raw):
            return list(arguments)
        assert isinstance(weights, Const)
        return [arguments[0], eight_bits(weights.array), *arguments[2:]]

    def _is_alone(self, raw: OnnxNode) -> bool:
        """Whether a DequantizeLinear stands before an operator and a QuantizeLinear behind it, without a branch."""
        if self._producers.get(raw.inputs[0]) != "DequantizeLinear":
            return False
        readers = self._readers[raw.outputs[0]]
        while len(readers) == 1 and readers[0].kind in BETWEEN:
            readers = self._readers[readers[0].outputs[0]]
        return len(readers) == 1 and readers[0].kind == "QuantizeLinear"


def _is_float(value: Value | None) -> bool:
    """Whether a value is a constant of finite float32 numbers."""
    return isinstance(value, Const) and value.array.dtype == np.float32 and bool(np.isfinite(value.array).all())


def eight_bits(numbers: Array) -> Weights:
    """float32 numbers as int8 codes of one scale and one zero point, for their range with 0."""
    low, high = numbers.min(initial=np.float32(0)), numbers.max(initial=np.float32(0))
    scale = (high - low) / np.float32(INT8.span) or np.float32(1)
    zero = np.rint(np.clip(INT8.low - low / scale, INT8.low, INT8.high)).astype(np.int8)
    codes = np.clip(np.rint(numbers / scale) + zero, INT8.low, INT8.high).astype(np.int8)
    one = (1,) * numbers.ndim
    return Weights(codes, np.full(one, scale), np.full(one, zero))
