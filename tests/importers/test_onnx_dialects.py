"""The shapes in which PyTorch, Brevitas, tf2onnx, ESP-PPQ, Quark and others write quantized ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from onnx_compare import compared, kinds, run
from onnx_files import Net

from ircompile.importers.onnx import read_onnx
from ircompile.ir.ops import Conv, Depthwise, Flip


def test_shared_and_missing_zero_points(tmp_path: Path) -> None:
    """A DequantizeLinear without zero point, one of shape [1], a scale from a Constant node, noise operators."""
    net = Net(1)
    x = net.input([1, 3, 8, 8])
    scale = net.node("Constant", value=helper.make_tensor("s", TensorProto.FLOAT, [], [0.05]))
    codes = net.node("QuantizeLinear", x, scale, net.const([0], np.uint8))
    real = net.node("Identity", net.node("DequantizeLinear", codes, scale))
    real = net.node("Cast", net.node("Dropout", real), to=TensorProto.FLOAT)
    y = net.node("Conv", real, net.weights(4, 3, 3, 3, axis=0), kernel_shape=[3, 3])
    net.output(net.qdq(net.node("Relu", y), 0.06, 0, np.uint8))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Conv"]
    assert graph.tensors[graph.inputs[0].tensor].zero_point == -128


def test_negative_axis_and_transposed_weights(tmp_path: Path) -> None:
    """Weights that are transposed behind their DequantizeLinear, scales along axis -1."""
    net = Net(2)
    x = net.qdq(net.input([1, 6]), 0.03, 5)
    scale = net.rng.uniform(0.004, 0.01, 5).astype(np.float32)
    weights = net.dq(net.const(net.codes(6, 5)), scale, np.zeros(5), axis=-1)
    turned = net.node("Transpose", weights, perm=[1, 0])
    y = net.node("Gemm", x, turned, transB=1)
    y = net.node("MatMul", net.qdq(y, 0.05, -3), net.dq(net.const(net.codes(5, 4)), 0.01))
    y = net.node("Add", y, net.const(net.normal(4)))
    net.output(net.qdq(y, 0.08, 7))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Conv", "Conv"]


def test_pt2e(tmp_path: Path) -> None:
    """PyTorch's export: float weights behind fake quantization, float biases, flattening by Shape arithmetic."""
    net = Net(3, opset=17)
    x = net.qdq(net.input(["batch", 3, 9, 9]), 0.04, 3)
    scale = net.rng.uniform(0.002, 0.004, 8).astype(np.float32)
    zeros = net.const(np.zeros(8), np.int8)
    fake = net.node("QuantizeLinear", net.const(net.normal(8, 3, 3, 3)), net.const(scale), zeros, axis=0)
    fake = net.node("DequantizeLinear", fake, net.const(scale), zeros, axis=0)
    y = net.node("Conv", x, fake, net.const(net.normal(8)), kernel_shape=[3, 3], strides=[2, 2])
    y = net.qdq(net.node("Clip", y, net.const(0.0, np.float32), net.const(6.0, np.float32)), 0.02, -128)
    size = net.node("Gather", net.node("Shape", y), net.const(0), axis=0)
    shape = net.node("Concat", net.node("Unsqueeze", size, net.const([0])), net.const([-1]), axis=0)
    flat = net.node("Reshape", y, shape)
    y = net.node("Gemm", flat, net.weights(10, 128, axis=None), net.const(net.normal(10)), transB=1)
    net.output(net.qdq(y, 0.1, 1))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Conv", "Reshape", "Conv"]
    assert graph.inputs[0].shape == (1, 3, 9, 9)


def test_brevitas_clips_codes(tmp_path: Path) -> None:
    """QCDQ: narrow ranges by a Clip of integers between the quantizers."""
    net = Net(4)
    x = net.input([1, 2, 5, 5])
    codes = net.node("Clip", net.q(x, 0.1), net.const(-7, np.int8), net.const(7, np.int8))
    weights = net.node("Clip", net.const(net.codes(4, 2, 3, 3)), net.const(-7, np.int8), net.const(7, np.int8))
    y = net.node("Conv", net.dq(codes, 0.1), net.dq(weights, 0.2), kernel_shape=[3, 3])
    codes = net.node("Clip", net.q(y, 0.25), net.const(-8, np.int8), net.const(7, np.int8))
    net.output(net.dq(codes, 0.25))
    graph = read_onnx(net.save(tmp_path))
    (given,) = run(graph, np.linspace(-30, 30, 50, dtype=np.float32).reshape(1, 2, 5, 5))
    assert given.min() >= -8 * np.float32(0.25)
    assert given.max() <= 7 * np.float32(0.25)
    assert max(int(np.abs(c).max()) for name, c in graph.consts.items() if "weights" in name) <= 7


def test_tf2onnx_nhwc(tmp_path: Path) -> None:
    """NHWC input with a Transpose, uint8 turned to int8, asymmetric padding, an output turned back."""
    net = Net(5)
    x = net.input([1, 9, 11, 3], TensorProto.UINT8)
    real = net.dq(x, 0.02, 128, np.uint8)
    turned = net.node("Transpose", net.qdq(real, 0.02, 0), perm=[0, 3, 1, 2])
    y = net.node("Conv", turned, net.weights(8, 3, 3, 3), kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    y = net.node("Conv", net.qdq(y, 0.05, -20), net.weights(8, 1, 3, 3), kernel_shape=[3, 3], group=8,
                 auto_pad="SAME_UPPER", strides=[2, 2])  # fmt: skip
    y = net.node("Transpose", net.qdq(y, 0.04, 2), perm=[0, 2, 3, 1])
    net.output(net.q(y, 0.04, 130, np.uint8), TensorProto.UINT8)
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Flip", "Conv", "Depthwise", "Flip"]
    assert (graph.inputs[0].axes, graph.outputs[0].axes) == ((1, 2, 3), (1, 2, 3))
    assert isinstance(graph.nodes[0].op, Flip)
    assert graph.tensors[graph.inputs[0].tensor].zero_point == 128


def test_batch_normalization_folds(tmp_path: Path) -> None:
    """Behind a convolution into its scales, even negative ones; alone into a 1 x 1 depthwise convolution."""
    net = Net(7, opset=19)
    x = net.qdq(net.input([1, 4, 6, 6]), 0.03, 4)
    y = net.node("Conv", x, net.weights(6, 4, 1, 1), kernel_shape=[1, 1])
    gamma = np.array([0.5, -0.7, 1.0, 0.0, 2.0, 1.5], np.float32)
    others = (np.array([-0.9, 2.0, 1.0, 0.2, 0.3, -0.1]), net.normal(6), np.full(6, 0.8))
    parameters = [net.const(v, np.float32) for v in others]
    y = net.node("BatchNormalization", y, net.const(gamma, np.float32), *parameters)
    y = net.qdq(net.node("Relu", y), 0.02, -128)
    y = net.node("BatchNormalization", y, net.const(gamma[::-1], np.float32), *parameters)
    net.output(net.qdq(y, 0.02, 10))
    path = net.save(tmp_path)
    graph = read_onnx(path)
    assert [type(node.op) for node in graph.nodes] == [Conv, Depthwise]
    from onnx.reference import ReferenceEvaluator

    x_real = np.random.default_rng(0).standard_normal((1, 4, 6, 6)).astype(np.float32)
    (expected,) = ReferenceEvaluator(str(path)).run(None, {"x": x_real})
    assert np.abs(run(graph, x_real)[0] - expected).max() <= 0.0401  # two operators, one code each


def test_names_tell_nodes_apart(tmp_path: Path) -> None:
    """As much of a path as is needed, never the quantizers' names."""
    net = Net(21)
    x = net.qdq(net.input([1, 3, 6, 6]), 0.05, 0)
    for path in ("/4/body/body.3/Conv", "/5/body/body.3/Conv", "model/conv2d_7/BiasAdd", ""):
        x = net.node("Conv", x, net.weights(3, 3, 1, 1), kernel_shape=[1, 1])
        net.nodes[-1].name = path
        x = net.qdq(x, 0.05, 0)
    net.output(x)
    graph = read_onnx(net.save(tmp_path))
    names = [node.name for node in graph.nodes]
    assert names[:3] == ["conv_4_body_3", "conv_5_body_3", "conv2d_7"]
    assert all(name.isidentifier() for name in names)


def test_power_of_two_scales(tmp_path: Path) -> None:
    """ESP-PPQ and Quark: every scale a power of two, every zero point 0."""
    net = Net(28)
    x = net.qdq(net.input([1, 4, 7, 6]), 2.0**-4)
    weights = net.dq(net.const(net.codes(8, 4, 3, 3)), 2.0**-7)
    bias = net.dq(net.const(net.rng.integers(-2000, 2000, 8), np.int32), 2.0**-11, 0, np.int32)
    y = net.qdq(net.node("Relu", net.node("Conv", x, weights, bias, kernel_shape=[3, 3], pads=[1] * 4)), 2.0**-3)
    z = net.qdq(net.node("Conv", y, net.dq(net.const(net.codes(8, 1, 3, 3)), 2.0**-6), group=8, kernel_shape=[3, 3],
                         pads=[1] * 4), 2.0**-2)  # fmt: skip
    y = net.qdq(net.node("Add", y, z), 2.0**-2)
    y = net.node("Flatten", net.qdq(net.node("GlobalAveragePool", y), 2.0**-3))
    net.output(net.qdq(net.node("Gemm", y, net.dq(net.const(net.codes(5, 8)), 2.0**-7), transB=1), 2.0**-3))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Conv", "Depthwise", "Binary", "Mean", "Conv"]
