"""The shapes in which different tools write quantized ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_compare import compared
from onnx_files import Net

from ircompile.external import from_graph, to_graph
from ircompile.graph import Graph
from ircompile.importers.onnx import read_onnx
from ircompile.ops import Binary, Conv, Depthwise, Flip, Mean, Pad, Table
from ircompile.simulate import run_graph
from ircompile.tensor import Array


def kinds(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


def run(graph: Graph, *arrays: Array) -> list[Array]:
    """The graph's outputs as the framework would have them."""
    tensors = graph.tensors
    inputs = {e.tensor: to_graph(e, tensors[e.tensor], a) for e, a in zip(graph.inputs, arrays, strict=True)}
    out = run_graph(graph, inputs)
    return [from_graph(e, tensors[e.tensor], out[e.tensor]) for e in graph.outputs]


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


def test_flattened_map_moves_the_weights_columns(tmp_path: Path) -> None:
    """NCHW flattened before a Gemm needs no transpose."""
    net = Net(6)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.03, -9)
    y = net.node("Gemm", net.node("Flatten", x), net.weights(7, 60), transB=1)
    net.output(net.qdq(y, 0.3, 0))
    assert kinds(compared(net.save(tmp_path)).graph) == ["Reshape", "Conv"]


def test_batch_normalization_folds(tmp_path: Path) -> None:
    """Behind a convolution into its scales, even negative ones; alone into a 1 x 1 depthwise convolution."""
    net = Net(7, opset=19)
    x = net.qdq(net.input([1, 4, 6, 6]), 0.03, 4)
    y = net.node("Conv", x, net.weights(6, 4, 1, 1), kernel_shape=[1, 1])
    gamma = np.array([0.5, -0.7, 1.0, 0.0, 2.0, 1.5], np.float32)
    parameters = [net.const(v, np.float32) for v in (gamma, net.normal(6), net.normal(6), np.full(6, 0.8))]
    y = net.qdq(net.node("Relu", net.node("BatchNormalization", y, *parameters)), 0.02, -128)
    y = net.node("BatchNormalization", y, *parameters)
    net.output(net.qdq(y, 0.02, 10))
    path = net.save(tmp_path)
    graph = read_onnx(path)
    assert [type(node.op) for node in graph.nodes] == [Conv, Depthwise]
    from onnx.reference import ReferenceEvaluator

    x_real = np.random.default_rng(0).standard_normal((1, 4, 6, 6)).astype(np.float32)
    (expected,) = ReferenceEvaluator(str(path)).run(None, {"x": x_real})
    assert np.abs(run(graph, x_real)[0] - expected).max() <= 0.0401  # two operators, one code each


def test_one_dimensional_network(tmp_path: Path) -> None:
    """N x C x W convolutions and pools as height 1."""
    net = Net(8)
    x = net.qdq(net.input([1, 2, 16]), 0.05, 0)
    y = net.qdq(net.node("Conv", x, net.weights(4, 2, 3), kernel_shape=[3], pads=[1, 1]), 0.06, 2)
    y = net.qdq(net.node("Conv", y, net.weights(4, 1, 5), kernel_shape=[5], group=4, dilations=[2]), 0.06, 2)
    y = net.qdq(net.node("MaxPool", y, kernel_shape=[2], strides=[2]), 0.06, 2)
    y = net.node("Squeeze", net.node("GlobalAveragePool", y), net.const([2]))
    net.output(net.qdq(y, 0.04, 0))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Conv", "Depthwise", "MaxPool", "Mean"]
    assert graph.tensors[graph.inputs[0].tensor].shape == (1, 16, 2)


def test_pad_before_a_convolution(tmp_path: Path) -> None:
    """Pad between DequantizeLinear and Conv, of space and of channels."""
    net = Net(9)
    x = net.qdq(net.input([1, 2, 5, 5]), 0.05, 7)
    padded = net.node("Pad", x, net.const([0, 0, 0, 0, 0, 2, 1, 1]), net.const(0.0, np.float32))
    y = net.node("Conv", net.qdq(padded, 0.05, 7), net.weights(3, 4, 3, 3), kernel_shape=[3, 3], strides=[2, 2])
    net.output(net.qdq(y, 0.1, 0))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Pad", "Conv"]
    assert isinstance(graph.nodes[0].op, Pad)
    assert graph.nodes[0].op.value == 7


FUNCTIONS = (
    "HardSwish", "Sigmoid", "Tanh", "Elu", "Gelu", "Softplus", "Exp", "Abs", "Celu", "Ceil", "Erf", "Floor", "Mish",
    "Neg", "Round", "Selu", "Sign", "Softsign", "ThresholdedRelu", "HardSigmoid", "LeakyRelu", "Relu",
)  # fmt: skip


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_float_island_is_a_table(kind: str, tmp_path: Path) -> None:
    """Any function of one tensor, written as a chain, with branches that meet."""
    net = Net(10, opset=20)
    x = net.qdq(net.input([1, 2, 16, 8]), 0.03, 11)
    y = net.node("Mul", x, net.node(kind, net.node("Div", x, net.const(2.0, np.float32))))
    net.output(net.qdq(y, 0.03, -5))
    graph = compared(net.save(tmp_path)).graph
    assert [type(node.op) for node in graph.nodes] == [Table]


def test_branches_of_different_layout_meet(tmp_path: Path) -> None:
    """Broadcasting of a gate, of constants a channel, and of a map that was turned twice."""
    net = Net(11)
    x = net.qdq(net.input([1, 4, 5, 6]), 0.05, -3)
    gate = net.qdq(net.node("ReduceMean", x, axes=[2, 3], keepdims=1), 0.05, 0)
    y = net.qdq(net.node("Mul", x, gate), 0.04, 1)
    turned = net.node("Transpose", net.node("Transpose", x, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2])
    y = net.qdq(net.node("Sub", y, turned), 0.06, 2)
    y = net.qdq(net.node("Mul", y, net.const(net.normal(1, 4, 1, 1))), 0.03, 0)
    y = net.qdq(net.node("Max", y, x), 0.05, 0)
    net.output(net.qdq(net.node("Add", y, net.const(net.normal(5, 6))), 0.05, 0))
    graph = compared(net.save(tmp_path)).graph
    assert "Transpose" not in kinds(graph)
    assert {type(node.op) for node in graph.nodes} >= {Mean, Binary, Depthwise}


def test_several_outputs_and_one_in_the_middle(tmp_path: Path) -> None:
    net = Net(12)
    x = net.qdq(net.input([1, 3, 6, 6]), 0.05, 0)
    y = net.qdq(net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3]), 0.07, 3)
    z = net.qdq(net.node("Conv", y, net.weights(2, 4, 1, 1), kernel_shape=[1, 1]), 0.05, 0)
    net.output(y)
    net.output(z)
    net.output(net.node("ArgMax", z, axis=1, keepdims=0), TensorProto.INT64)
    graph = compared(net.save(tmp_path)).graph
    assert [e.dtype for e in graph.outputs] == ["float32", "float32", "int64"]
    y_real, z_real, best = run(graph, np.random.default_rng(1).standard_normal((1, 3, 6, 6)).astype(np.float32))
    assert y_real.shape == (1, 4, 4, 4)
    assert np.array_equal(best, z_real.argmax(axis=1))


def test_last_operator_without_quantizer(tmp_path: Path) -> None:
    """It gets a scale that holds whatever comes, and the user is told."""
    net = Net(13, opset=19)
    x = net.qdq(net.input([1, 8]), 0.05, 0)
    net.output(net.node("Gemm", x, net.weights(4, 8), net.const(net.normal(4)), transB=1))
    path = net.save(tmp_path)
    graph = read_onnx(path)
    assert "no QuantizeLinear" in graph.notices[0]
    from onnx.reference import ReferenceEvaluator

    extremes = np.random.default_rng(0).choice([-6.4, 6.35], (50, 1, 8)).astype(np.float32)
    step = graph.tensors[graph.outputs[0].tensor].scale
    for x_real in extremes:
        (expected,) = ReferenceEvaluator(str(path)).run(None, {"x": x_real})
        assert np.abs(run(graph, x_real)[0] - expected).max() <= 0.51 * step


def test_float_tail_is_cut_with_a_notice(tmp_path: Path) -> None:
    net = Net(14)
    x = net.qdq(net.input([1, 4, 3, 3]), 0.05, 0)
    y = net.qdq(net.node("Conv", x, net.weights(4, 4, 1, 1), kernel_shape=[1, 1]), 0.07, 3)
    net.output(net.node("Softmax", net.node("Sigmoid", y), axis=1))
    comparison = compared(net.save(tmp_path))
    assert len(comparison.graph.notices) == 2
    assert kinds(comparison.graph) == ["Conv"]
    assert comparison.graph.outputs[0].name == y
    assert comparison.ends.elements == 72
    assert comparison.ends.differing == 0


@pytest.mark.parametrize("size", [(2, 2), (3, 2)])
@pytest.mark.parametrize("place", ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"])
def test_resize_linear(size: tuple[int, int], place: str, tmp_path: Path) -> None:
    net = Net(15)
    x = net.qdq(net.input([1, 2, 5, 6]), 0.05, 9)
    scales = net.const([1, 1, *size], np.float32)
    y = net.node(
        "Resize", x, net.const([], np.float32), scales, mode="linear", coordinate_transformation_mode=place
    )
    net.output(net.qdq(y, 0.05, 9))
    assert kinds(compared(net.save(tmp_path)).graph) == ["Resize"]


def test_transposed_convolution(tmp_path: Path) -> None:
    net = Net(16)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    weights = net.dq(net.const(net.codes(3, 4, 3, 3)), 0.01)
    y = net.node("ConvTranspose", x, weights, net.const(net.normal(4)), kernel_shape=[3, 3], strides=[2, 2],
                 pads=[1, 1, 1, 1], output_padding=[1, 1])  # fmt: skip
    net.output(net.qdq(y, 0.05, 9))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["TransposeConv"]
    assert graph.outputs[0].shape == (1, 4, 8, 10)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode: str, tmp_path: Path) -> None:
    net = Net(17)
    x = net.qdq(net.input([1, 12, 3, 4]), 0.05, 9)
    y = net.node("DepthToSpace", x, blocksize=2, mode=mode)
    net.output(net.qdq(net.node("SpaceToDepth", net.qdq(y, 0.05, 9), blocksize=2), 0.05, 9))
    compared(net.save(tmp_path))


def test_prelu_and_reductions(tmp_path: Path) -> None:
    net = Net(18)
    x = net.qdq(net.input([1, 6, 5, 4]), 0.05, 9)
    slope = net.dq(net.const(net.codes(6, 1, 1)), 0.01)
    y = net.qdq(net.node("PRelu", x, slope), 0.04, 0)
    net.output(net.qdq(net.node("ReduceMax", y, axes=[2, 3], keepdims=0), 0.04, 0))
    net.output(net.qdq(net.node("ReduceSum", y, net.const([2])), 0.2, 0))
    net.output(net.qdq(net.node("Gather", y, net.const([1, 3, 5]), axis=1), 0.04, 0))
    assert {"Prelu", "Extreme", "Mean", "Slice"} <= set(kinds(compared(net.save(tmp_path)).graph))


def test_grouped_qoperators(tmp_path: Path) -> None:
    """com.microsoft: QLinearAveragePool, QLinearSigmoid, QLinearLeakyRelu, QLinearMul, QLinearConcat."""
    net = Net(19, domains=["com.microsoft"])
    x = net.q(net.input([1, 4, 6, 6]), 0.05, 120, np.uint8)
    s, z = net.const(0.05, np.float32), net.const(120, np.uint8)
    t, w = net.const(0.004, np.float32), net.const(0, np.uint8)
    pool = net.node(
        "QLinearAveragePool", x, s, z, s, z, domain="com.microsoft", kernel_shape=[2, 2], strides=[2, 2]
    )
    gate = net.node("QLinearSigmoid", pool, s, z, t, w, domain="com.microsoft")
    y = net.node("QLinearMul", pool, s, z, gate, t, w, s, z, domain="com.microsoft")
    y = net.node("QLinearLeakyRelu", y, s, z, s, z, domain="com.microsoft", alpha=0.3)
    y = net.node("QLinearConcat", s, z, y, s, z, gate, t, w, domain="com.microsoft", axis=1)
    net.output(net.dq(y, 0.05, 120, np.uint8))
    compared(net.save(tmp_path))


def test_input_shapes_from_outside(tmp_path: Path) -> None:
    net = Net(20)
    x = net.qdq(net.input(["n", 3, "h", "w"]), 0.05, 0)
    y = net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3])
    net.output(net.qdq(y, 0.05, 0))
    graph = read_onnx(net.save(tmp_path), input_shapes={"x": (1, 3, 7, 8)})
    assert graph.outputs[0].shape == (1, 4, 5, 6)


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


def test_groups_become_dense_weights(tmp_path: Path) -> None:
    net = Net(22)
    x = net.qdq(net.input([1, 6, 5, 5]), 0.05, 4)
    y = net.node("Conv", x, net.weights(9, 2, 3, 3), kernel_shape=[3, 3], group=3)
    net.output(net.qdq(y, 0.08, 0))
    assert kinds(compared(net.save(tmp_path)).graph) == ["Conv"]


@pytest.mark.parametrize("kind", ["Sqrt", "Log", "Reciprocal", "Pow"])
def test_functions_that_have_no_value_everywhere(kind: str, tmp_path: Path) -> None:
    """Of codes that are positive throughout."""
    net = Net(23, opset=17)
    x = net.qdq(net.input([1, 2, 16, 8]), 0.03, -128)
    y = net.node("Add", x, net.const(0.25, np.float32))
    y = net.node(kind, y, net.const(1.7, np.float32)) if kind == "Pow" else net.node(kind, y)
    net.output(net.qdq(y, 0.1, -7))
    assert kinds(compared(net.save(tmp_path)).graph) == ["Table"]


@pytest.mark.parametrize("kind", ["QuickGelu", "Swish"])
def test_functions_with_an_alpha(kind: str, tmp_path: Path) -> None:
    """x * sigmoid(alpha * x) is what the chain is; newer than the ONNX Runtime to compare with, or its own."""
    found = []
    for chain in (True, False):
        net = Net(24, opset=13, domains=["com.microsoft"])
        x = net.qdq(net.input([1, 1, 16, 16]), 0.04, 3)
        if chain:
            y = net.node("Mul", x, net.node("Sigmoid", net.node("Mul", x, net.const(1.3, np.float32))))
        else:
            y = net.node(kind, x, domain="com.microsoft" if kind == "QuickGelu" else "", alpha=1.3)
        net.output(net.qdq(y, 0.04, -60))
        graph = read_onnx(net.save(tmp_path))
        assert kinds(graph) == ["Table"]
        found.append(graph.consts[graph.nodes[0].op.table])  # type: ignore[union-attr]
    np.testing.assert_array_equal(*found)


def test_extremes_and_places(tmp_path: Path) -> None:
    """Min of two tensors, GlobalMaxPool, ReduceMin, ArgMin."""
    net = Net(25)
    x = net.qdq(net.input([1, 6, 5, 4]), 0.05, 9)
    y = net.qdq(net.node("Conv", x, net.weights(6, 6, 1, 1), kernel_shape=[1, 1]), 0.05, 9)
    least = net.qdq(net.node("Min", x, y), 0.05, 9)
    net.output(net.qdq(net.node("GlobalMaxPool", least), 0.05, 9))
    net.output(net.qdq(net.node("ReduceMin", least, axes=[3], keepdims=0), 0.05, 9))
    net.output(net.node("ArgMin", least, axis=1, keepdims=0), TensorProto.INT64)
    assert {"Binary", "MaxPool", "Extreme", "ArgMax"} <= set(kinds(compared(net.save(tmp_path)).graph))


def test_upsample(tmp_path: Path) -> None:
    """The older Resize."""
    net = Net(26, opset=10)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    net.output(net.qdq(net.node("Upsample", x, net.const([1, 1, 2, 3], np.float32), mode="nearest"), 0.05, 9))
    graph = read_onnx(net.save(tmp_path))
    assert kinds(graph) == ["Resize"]
    given = np.random.default_rng(0).uniform(-5, 5, (1, 3, 4, 5)).astype(np.float32)
    codes = np.clip(np.rint(given / np.float32(0.05)) + 9, -128, 127)
    expected = ((codes - 9) * np.float32(0.05)).repeat(2, axis=2).repeat(3, axis=3)
    np.testing.assert_array_equal(run(graph, given)[0], expected.astype(np.float32))


def test_more_grouped_qoperators(tmp_path: Path) -> None:
    """QLinearMatMul, and of com.microsoft: QLinearAdd, QLinearGlobalAveragePool, QLinearSoftmax."""
    net = Net(27, domains=["com.microsoft"])
    x = net.q(net.input([1, 4, 6, 6]), 0.05, 120, np.uint8)
    s, z = net.const(0.05, np.float32), net.const(120, np.uint8)
    t, w = net.const(1 / 256, np.float32), net.const(0, np.uint8)
    y = net.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
    y = net.node("QLinearAdd", x, s, z, y, s, z, net.const(0.1, np.float32), z, domain="com.microsoft")
    y = net.node(
        "QLinearGlobalAveragePool", y, net.const(0.1, np.float32), z, s, z, domain="com.microsoft", channels_last=0
    )
    y = net.node("Reshape", y, net.const([1, 4]))
    weights = (net.const(net.codes(4, 5)), net.const(0.01, np.float32), net.const(0, np.int8))
    y = net.node("QLinearMatMul", y, s, z, *weights, s, z)
    soft = net.node("QLinearSoftmax", y, s, z, t, w, domain="com.microsoft", axis=1, opset=13)
    net.output(net.dq(soft, 1 / 256, 0, np.uint8))
    graph = compared(net.save(tmp_path)).graph
    assert {"Binary", "Mean", "Conv", "Softmax"} <= set(kinds(graph))


def test_grouped_mean(tmp_path: Path) -> None:
    """QLinearReduceMean, which ONNX Runtime has no kernel for, is ReduceMean between its quantizers."""
    graphs = []
    for grouped in (True, False):
        net = Net(30, domains=["com.microsoft"])
        x = net.q(net.input([1, 4, 6, 6]), 0.05, 120, np.uint8)
        if grouped:
            ends = [
                net.const(v, t) for v, t in ((0.05, np.float32), (120, np.uint8), (0.03, np.float32), (9, np.uint8))
            ]
            y = net.node("QLinearReduceMean", x, *ends, domain="com.microsoft", axes=[2, 3], keepdims=0)
        else:
            y = net.node("ReduceMean", net.dq(x, 0.05, 120, np.uint8), axes=[2, 3], keepdims=0)
            y = net.q(y, 0.03, 9, np.uint8)
        net.output(net.dq(y, 0.03, 9, np.uint8))
        graphs.append(read_onnx(net.save(tmp_path)))
    assert kinds(graphs[0]) == ["Mean"]
    assert graphs[0].nodes[0].op == graphs[1].nodes[0].op
    given = np.random.default_rng(0).uniform(-6, 6, (1, 4, 6, 6)).astype(np.float32)
    np.testing.assert_array_equal(run(graphs[0], given)[0], run(graphs[1], given)[0])


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


def test_shape_arithmetic_folds(tmp_path: Path) -> None:
    """Half the height, chosen by comparing: Size, Mod, ReduceProd, Where, Range and logic of constants."""
    net = Net(29)
    x = net.qdq(net.input([1, 2, 6, 4]), 0.05, 9)
    shape = net.node("Shape", x)
    height = net.node("Gather", shape, net.const(2), axis=0)
    odd = net.node("Equal", net.node("Mod", height, net.const(2)), net.const(1))
    large = net.node("Greater", net.node("Size", x), net.const(10))
    prod = net.node("Less", net.node("ReduceProd", shape, keepdims=0), net.const(1000))
    even = net.node("And", net.node("And", net.node("Not", odd), large), prod)
    rows = net.node("Where", even, net.node("Div", height, net.const(2)), height)
    counted = net.node("Range", net.const(0), rows, net.const(1))
    net.output(net.qdq(net.node("Gather", x, counted, axis=2), 0.05, 9))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Slice"]
    assert graph.outputs[0].shape == (1, 2, 3, 4)
