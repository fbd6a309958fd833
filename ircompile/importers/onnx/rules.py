"""Which function lowers which float operator."""

from __future__ import annotations

from ircompile.importers.onnx import binary, linear, movement, pooling, softmax
from ircompile.importers.onnx.context import Rule

RULES: dict[str, Rule] = {
    "Add": binary.lower_binary,
    "AveragePool": pooling.lower_average_pool,
    "BatchNormalization": binary.lower_batch_normalization,
    "Conv": linear.lower_linear,
    "Div": binary.lower_binary,
    "Gemm": linear.lower_linear,
    "GlobalAveragePool": pooling.lower_global_pool,
    "GlobalMaxPool": pooling.lower_global_pool,
    "MatMul": linear.lower_linear,
    "Max": binary.lower_binary,
    "MaxPool": pooling.lower_max_pool,
    "Min": binary.lower_binary,
    "Mul": binary.lower_binary,
    "ReduceMean": pooling.lower_reduce_mean,
    "Softmax": softmax.lower_softmax,
    "Sub": binary.lower_binary,
    **dict.fromkeys(movement.MOVES, movement.lower_move),
}
# Operators whose output codes are input codes: they stand behind DequantizeLinear without a QuantizeLinear.
PRESERVING = frozenset({*movement.MOVES, "MaxPool", "GlobalMaxPool", "Relu"})
