"""What used to be refused: forms that exporters and quantizers write, each equal to ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_compare import compared, kinds
from onnx_files import Calibration, Net, refused

from ircompile.errors import CompileError
from ircompile.importers.onnx import read_onnx
from ircompile.importers.onnx.layout import factored


def test_gemm_with_turned_weights_of_many_scales(tmp_path: Path) -> None:
    """QGemm with transB: one scale a row of the weights."""
    net = Net(1, domains=["com.microsoft"])
    x = net.q(net.input([1, 6]), 0.05, 120, np.uint8)
    scales = net.rng.uniform(0.004, 0.01, 5).astype(np.float32)
    weights = [net.const(net.codes(5, 6)), net.const(scales), net.const(np.zeros(5), np.int8)]
    s, z = net.const(0.05, np.float32), net.const(120, np.uint8)
    bias = net.const(net.rng.integers(-900, 900, 5), np.int32)
    y = net.node("QGemm", x, s, z, *weights, bias, s, z, domain="com.microsoft", transB=1)
    net.output(net.dq(y, 0.05, 120, np.uint8))
    assert compared(net.save(tmp_path)).ends.differing == 0


@pytest.mark.parametrize("size", [(7, 8), (6, 5), (9, 9)])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 1, 2]])
@pytest.mark.parametrize("counted", [0, 1])
def test_average_pool_rounding_up(size: tuple[int, int], pads: list[int], counted: int, tmp_path: Path) -> None:
    """ceil_mode: with count_include_pad ONNX Runtime divides by the whole window, also where it hangs over."""
    net = Net(2)
    x = net.qdq(net.input([1, 3, *size]), 0.05, 9)
    y = net.node(
        "AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=pads, ceil_mode=1, count_include_pad=counted
    )
    net.output(net.qdq(y, 0.041, -5))
    found = compared(net.save(tmp_path))
    assert all(layer.unexplained == 0 for layer in found.isolated.layers)


@pytest.mark.parametrize("place", ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
@pytest.mark.parametrize("rounding", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
def test_resize_nearest(place: str, rounding: str, tmp_path: Path) -> None:
    for size, target in (((4, 5), (8, 10)), ((7, 3), (12, 15)), ((7, 21), (8, 6)), ((1, 6), (3, 2))):
        net = Net(3)
        x = net.qdq(net.input([1, 2, *size]), 0.05, 3)
        attributes: dict[str, Any] = {"coordinate_transformation_mode": place, "nearest_mode": rounding}
        y = net.node("Resize", x, "", "", net.const([1, 2, *target], np.int64), mode="nearest", **attributes)
        net.output(net.qdq(y, 0.05, 3))
        assert compared(net.save(tmp_path)).ends.differing == 0


def head(seed: int = 0) -> Net:
    """The end of YOLOv8: three maps, boxes as expected distances over 16 bins, classes as sigmoids."""
    net = Net(seed)
    x = net.input([1, 8, 8, 8])
    maps = []
    for stride in (1, 2, 4):
        y = net.node("Relu", net.conv(x, 8, 12, 3, strides=[stride, stride]))
        both = net.node("Concat", net.conv(y, 12, 64), net.conv(y, 12, 3), axis=1)
        maps.append(net.node("Reshape", both, net.const([1, 67, -1])))
    box, classes = net.node("Split", net.node("Concat", *maps, axis=2), net.const([64, 3]), outputs=2, axis=1)
    y = net.node("Transpose", net.node("Reshape", box, net.const([1, 4, 16, 84])), perm=[0, 2, 1, 3])
    y = net.node("Softmax", y, axis=1)
    y = net.node("Conv", y, net.const(np.arange(16).reshape(1, 16, 1, 1), np.float32))
    y = net.node("Reshape", y, net.const([1, 4, 84]))
    low, high = (net.node("Slice", y, net.const([a]), net.const([a + 2]), net.const([1])) for a in (0, 2))
    anchors = net.const(net.rng.uniform(0, 8, (1, 2, 84)), np.float32)
    first, last = net.node("Sub", anchors, low), net.node("Add", anchors, high)
    centre = net.node("Div", net.node("Add", first, last), net.const(2.0, np.float32))
    boxes = net.node("Concat", centre, net.node("Sub", last, first), axis=1)
    boxes = net.node("Mul", boxes, net.const(np.repeat([8.0, 16.0, 32.0], [64, 16, 4]).reshape(1, 84), np.float32))
    net.output(net.node("Concat", boxes, net.node("Sigmoid", classes), axis=1))
    return net


@pytest.mark.parametrize("unsigned", [False, True])
def test_distribution_of_distances(unsigned: bool, tmp_path: Path) -> None:
    """The head of YOLOv8 as ONNX Runtime quantizes it in QDQ form."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    kind = quantization.QuantType.QUInt8 if unsigned else quantization.QuantType.QInt8
    target = tmp_path / "head.onnx"
    source = head().save(tmp_path, "float.onnx")
    quantization.quantize_static(str(source), str(target), Calibration([1, 8, 8, 8]), activation_type=kind)
    found = compared(target)
    assert "Softmax" in kinds(found.graph)
    assert all(layer.unexplained == 0 or layer.op == "Softmax" for layer in found.isolated.layers)


def test_hint_for_a_qoperator_file(tmp_path: Path) -> None:
    """What is quantized already is told the form to use, not to be quantized."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    net = Net(4)
    x = net.node("Relu", net.conv(net.input([1, 3, 8, 8]), 3, 4))
    net.output(net.node("ConvTranspose", x, net.const(net.normal(4, 3, 2, 2)), kernel_shape=[2, 2], strides=[2, 2]))
    source, target = net.save(tmp_path, "float.onnx"), tmp_path / "net.onnx"
    form = quantization.QuantFormat.QOperator
    quantization.quantize_static(str(source), str(target), Calibration([1, 3, 8, 8]), quant_format=form)
    with pytest.raises(CompileError, match=r"QuantFormat\.QDQ"):
        read_onnx(target)


def test_orders_that_a_transposition_gives() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        shape = tuple(int(n) for n in rng.integers(1, 6, 3))
        axes = tuple(int(a) for a in rng.permutation(3))
        order = np.arange(int(np.prod(shape))).reshape(shape).transpose(axes).reshape(-1)
        found = factored(order)
        if found is None:
            assert order.size == 1
            continue
        again = np.arange(order.size).reshape(found[0]).transpose(found[1]).reshape(-1)
        np.testing.assert_array_equal(again, order)
    assert factored(np.array([0, 2, 1, 3, 5, 4])) is None
    assert factored(np.array([1, 0, 2, 3])) is None


@pytest.mark.parametrize("kind", ["AveragePool", "MaxPool"])
def test_pools_whose_padding_is_below_zero(kind: str, tmp_path: Path) -> None:
    """ONNX Runtime refuses them in float32, and reads other elements where it fuses."""
    net = Net(41)
    x = net.qdq(net.input([1, 2, 6, 6]), 0.05, 9)
    y = net.node(kind, x, kernel_shape=[1, 1], strides=[1, 3], auto_pad="SAME_UPPER")
    net.output(net.qdq(y, 0.05, 9))
    refused(net.save(tmp_path), kind, "pads below zero")


@pytest.mark.parametrize(
    ("kind", "says"), [("HardSwish", "no QuantizeLinear stands between"), ("LRN", "not supported")]
)
def test_a_function_behind_a_float_convolution_asks_for_a_quantizer(kind: str, says: str, tmp_path: Path) -> None:
    """What is in the list of supported operators is not called unsupported."""
    net = Net(1)
    x = net.qdq(net.input([1, 3, 6, 6]), 0.05, 3)
    weights = net.dq(net.const(net.codes(4, 3, 3, 3)), 0.01, 0)
    net.output(
        net.qdq(net.node(kind, net.node("Conv", x, weights), **({"size": 3} if kind == "LRN" else {})), 0.05, 3)
    )
    with pytest.raises(CompileError, match=says):
        read_onnx(net.save(tmp_path))


def test_a_function_of_two_activations_says_so(tmp_path: Path) -> None:
    net = Net(1)
    x, y = (net.qdq(net.input([1, 3, 6, 6], name=name), 0.05, 3) for name in ("left", "right"))
    net.output(net.qdq(net.node("Pow", x, y), 0.05, 3))
    with pytest.raises(CompileError, match="computes with several activations"):
        read_onnx(net.save(tmp_path))
