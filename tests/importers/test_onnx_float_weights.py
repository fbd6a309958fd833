"""Float weights between quantizers: ONNX Runtime's optimizer quantizes them, and so does the importer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_compare import compared
from onnx_files import Calibration, Net, refused

pytest.importorskip("onnxruntime")
KERNEL = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
CASES: dict[str, tuple[str, list[int], list[int], dict[str, Any]]] = {
    "Conv": ("Conv", [1, 4, 6, 7], [5, 4, 3, 3], KERNEL),
    "Conv of one axis": ("Conv", [1, 4, 9], [5, 4, 3], {}),
    "depthwise": ("Conv", [1, 4, 6, 7], [8, 1, 3, 3], {**KERNEL, "group": 4}),
    "groups": ("Conv", [1, 4, 6, 7], [6, 2, 1, 3], {"group": 2}),
    "ConvTranspose": ("ConvTranspose", [1, 4, 6, 7], [4, 5, 3, 3], {"strides": [2, 2]}),
    "Gemm": ("Gemm", [1, 7], [7, 5], {"alpha": 0.5, "beta": 2.0}),
    "Gemm, transB": ("Gemm", [1, 7], [5, 7], {"transB": 1}),
}


def operator(net: Net, name: str, dtype: Any = np.int8, bias: bool = True, least: float = -1) -> str:
    """A case's operator behind quantizers; `least` is the lowest weight, where there is one."""
    kind, shape, weights, attributes = CASES[name]
    x = net.qdq(net.input(shape), 0.05, 9, dtype)
    numbers = np.maximum(net.normal(*weights), np.float32(least))
    second = kind == "ConvTranspose" or name == "Gemm"  # the axis of output channels
    count = weights[int(second)]
    operands = [net.const(numbers), *([net.const(net.normal(count))] if bias else [])]
    return str(net.node(kind, x, *operands, **attributes))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("name", CASES)
def test_equal(name: str, dtype: Any, tmp_path: Path) -> None:
    for number, (bias, least) in enumerate([(True, -1), (False, -1), (True, 0.01)]):
        net = Net(number)
        y = operator(net, name, dtype, bias, least)
        y = net.node("Relu", y) if number else y
        net.output(net.qdq(y, 0.021, 100, dtype))
        assert all(layer.unexplained == 0 for layer in compared(net.save(tmp_path)).isolated.layers)


def test_weights_of_zeros(tmp_path: Path) -> None:
    net = Net(1)
    x = net.qdq(net.input([1, 3, 4, 4]), 0.05, 9)
    y = net.node("Conv", x, net.const(np.zeros((2, 3, 1, 1)), np.float32), net.const(net.normal(2)))
    net.output(net.qdq(y, 0.011, -5))
    assert compared(net.save(tmp_path)).ends.differing == 0


@pytest.mark.parametrize("signed", [True, False])
def test_a_transposed_convolution_of_a_qoperator_file(signed: bool, tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    net = Net(4)
    x = net.node("Relu", net.conv(net.input([1, 3, 8, 8]), 3, 4))
    bias = net.const(net.normal(6))
    y = net.node("ConvTranspose", x, net.const(net.normal(4, 6, 2, 2)), bias, strides=[2, 2], kernel_shape=[2, 2])
    net.output(net.conv(net.node("Relu", y), 6, 5, 3))
    source, target = net.save(tmp_path, "float.onnx"), tmp_path / "net.onnx"
    types = {"activation_type": QuantType.QInt8 if signed else QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(
        str(source), str(target), Calibration([1, 3, 8, 8]), quant_format=QuantFormat.QOperator, **types
    )
    found = compared(target)
    assert "TransposeConv" in found.tallies
    assert all(layer.unexplained == 0 for layer in found.isolated.layers)


@pytest.mark.parametrize("behind", ["Sub", "two readers", "HardSwish", "nothing"])
def test_what_the_framework_computes_in_float_is_refused(behind: str, tmp_path: Path) -> None:
    net = Net(2, opset=14)
    y = operator(net, "Conv")
    if behind == "Sub":
        y = net.node("Sub", y, net.const(np.ones((1, 5, 1, 1)), np.float32))
    elif behind == "two readers":
        net.output(net.qdq(y, 0.03, 7))
    elif behind == "HardSwish":
        y = net.node("HardSwish", y)
    net.output(y if behind == "nothing" else net.qdq(y, 0.021, -5))
    refused(net.save(tmp_path), "HardSwish" if behind == "HardSwish" else "its weights are float")
