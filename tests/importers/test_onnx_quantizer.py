"""Models quantized by onnxruntime, in every mode, equal onnxruntime node by node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_files
import pytest
from onnx_compare import compared

from ircompile.importers.onnx import read_onnx
from ircompile.ir import ops

quantization = pytest.importorskip("onnxruntime.quantization")
Format, Type = quantization.QuantFormat, quantization.QuantType

MODES: dict[str, dict[str, Any]] = {
    "qdq_s8s8_pc": {"quant_format": Format.QDQ, "activation_type": Type.QInt8, "per_channel": True},
    "qdq_u8s8": {"quant_format": Format.QDQ, "activation_type": Type.QUInt8},
    "qdq_u8u8": {"quant_format": Format.QDQ, "activation_type": Type.QUInt8, "weight_type": Type.QUInt8},
    "qdq_sym": {
        "quant_format": Format.QDQ, "activation_type": Type.QInt8, "per_channel": True,
        "extra_options": {"ActivationSymmetric": True},
    },
    "qdq_dedicated": {
        "quant_format": Format.QDQ, "activation_type": Type.QInt8, "per_channel": True,
        "extra_options": {"DedicatedQDQPair": True},
    },
    "qdq_float_weights": {
        "quant_format": Format.QDQ, "activation_type": Type.QUInt8, "per_channel": True,
        "extra_options": {"AddQDQPairToWeight": True},
    },
    "qop_u8s8": {"quant_format": Format.QOperator, "activation_type": Type.QUInt8},
    "qop_u8s8_pc": {"quant_format": Format.QOperator, "activation_type": Type.QUInt8, "per_channel": True},
    "qop_u8u8": {"quant_format": Format.QOperator, "activation_type": Type.QUInt8, "weight_type": Type.QUInt8},
    "qop_s8s8": {"quant_format": Format.QOperator, "activation_type": Type.QInt8},
    "qop_s8s8_pc": {"quant_format": Format.QOperator, "activation_type": Type.QInt8, "per_channel": True},
    "qdq_reduced": {
        "quant_format": Format.QDQ, "activation_type": Type.QUInt8, "per_channel": True, "reduce_range": True,
    },
    "qop_reduced": {"quant_format": Format.QOperator, "activation_type": Type.QUInt8, "reduce_range": True},
    "qdq_u8u8_pc": {
        "quant_format": Format.QDQ, "activation_type": Type.QUInt8, "weight_type": Type.QUInt8, "per_channel": True,
    },
    "qdq_asymmetric_weights": {
        "quant_format": Format.QDQ, "activation_type": Type.QInt8, "extra_options": {"WeightSymmetric": False},
    },
    "qdq_i4": {"quant_format": Format.QDQ, "activation_type": Type.QInt8, "weight_type": Type.QInt4},
    "qdq_i4_pc": {
        "quant_format": Format.QDQ, "activation_type": Type.QInt8, "weight_type": Type.QInt4, "per_channel": True,
    },
    "qdq_u4": {
        "quant_format": Format.QDQ, "activation_type": Type.QUInt8, "weight_type": Type.QUInt4,
        "extra_options": {"WeightSymmetric": False},
    },
    "qdq_i4_float_weights": {
        "quant_format": Format.QDQ, "activation_type": Type.QInt8, "weight_type": Type.QInt4, "per_channel": True,
        "extra_options": {"AddQDQPairToWeight": True},
    },
    "qop_sym": {
        "quant_format": Format.QOperator, "activation_type": Type.QInt8,
        "extra_options": {"ActivationSymmetric": True},
    },
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_mobilenet(mode: str, tmp_path: Path) -> None:
    comparison = compared(onnx_files.quantized(onnx_files.mobilenet(), tmp_path, **MODES[mode]))
    kinds = [type(node.op).__name__ for node in comparison.graph.nodes]
    assert kinds.count("Conv") == 5
    assert kinds.count("Depthwise") == 1
    assert "Transpose" not in kinds
    assert comparison.ends.elements == 10
    assert comparison.ends.largest <= 1


@pytest.mark.parametrize("mode", MODES)
def test_gadgets(mode: str, tmp_path: Path) -> None:
    comparison = compared(onnx_files.quantized(onnx_files.gadgets(), tmp_path, **MODES[mode]), count=3)
    kinds = {type(node.op).__name__ for node in comparison.graph.nodes}
    assert {"Conv", "Depthwise", "Mean", "Binary", "Slice", "Concat", "MaxPool", "AveragePool", "Resize"} <= kinds
    assert "Transpose" not in kinds


@pytest.mark.parametrize("mode", ["qdq_s8s8_pc", "qop_u8s8"])
def test_softmax_at_the_end(mode: str, tmp_path: Path) -> None:
    path = onnx_files.quantized(onnx_files.mobilenet(softmax=True), tmp_path, **MODES[mode])
    comparison = compared(path)
    assert comparison.tallies["Softmax"].differing == 0


def test_import_is_deterministic(tmp_path: Path) -> None:
    path = onnx_files.quantized(onnx_files.gadgets(), tmp_path, **MODES["qdq_s8s8_pc"])
    first, second = read_onnx(path), read_onnx(path)
    assert first.nodes == second.nodes
    assert list(first.consts) == list(second.consts)
    assert all(np.array_equal(first.consts[name], second.consts[name]) for name in first.consts)


def four_bits(net: onnx_files.Net, kind: str) -> str:
    """The name of a zero point 0 of 4 bits."""
    net.constants.append(onnx.helper.make_tensor(f"zero_{kind}", getattr(onnx.TensorProto, kind), [], [0]))
    return f"zero_{kind}"


@pytest.mark.parametrize("kind", ["INT4", "UINT4"])
def test_constants_saturate_at_4_bits(kind: str, tmp_path: Path) -> None:
    """Float weights of which some lie outside of what 4 bits hold."""
    net, x = onnx_files.small(opset=21)
    scale, zero = net.const(0.05, np.float32), four_bits(net, kind)
    weights = net.node("QuantizeLinear", net.const(net.normal(4, 3, 1, 1, scale=1.5)), scale, zero)
    y = net.node("Conv", x, net.node("DequantizeLinear", weights, scale, zero))
    net.output(net.qdq(y, 0.1))
    graph = compared(net.save(tmp_path)).graph
    op = next(node.op for node in graph.nodes if isinstance(node.op, ops.Conv))
    codes = graph.consts[op.weights]
    assert (codes.min(), codes.max()) == ((-8, 7) if kind == "INT4" else (0, 15))


def test_activations_of_4_bits_are_refused(tmp_path: Path) -> None:
    net, x = onnx_files.small(opset=21)
    scale, zero = net.const(0.05, np.float32), four_bits(net, "INT4")
    y = net.node("QuantizeLinear", net.node("Conv", x, net.weights(4, 3, 1, 1)), scale, zero)
    net.output(net.node("DequantizeLinear", y, scale, zero))
    onnx_files.refused(net.save(tmp_path), "int4", "quantize to 8 bits")


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_activations_of_16_bits(dtype: Any, tmp_path: Path) -> None:
    """ONNX Runtime has no integer operators for these."""
    net = onnx_files.Net(1)
    net.output(net.qdq(net.node("Sigmoid", net.qdq(net.input([1, 4]), 0.01, 0, dtype)), 0.01, 0, dtype))
    onnx_files.refused(net.save(tmp_path), f"quantizes to {np.dtype(dtype).name}", "in float32")
