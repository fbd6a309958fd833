"""Weights that are float between quantizers, which ONNX Runtime's optimizer quantizes when it loads a model.

`quantize_static` leaves such weights in ConvTranspose of its QOperator form. ONNX Runtime (WeightBiasQuantization)
gives them int8 codes where a Conv, ConvTranspose or Gemm stands alone, or with Relu and Clip, between a
DequantizeLinear and a QuantizeLinear; so does this file. Elsewhere it computes in float32, and they are refused.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.values import Const, Value, Weights
from ircompile.ir.tensor import Array
from ircompile.qtype import INT8

KINDS = ("Conv", "ConvTranspose", "Gemm")
BETWEEN = ("Relu", "Clip")


class FloatWeights:
    """Which operators of a model have their float weights quantized."""

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
