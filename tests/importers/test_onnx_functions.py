"""Float functions between quantizers, whoever writes them: chains become tables, tails are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx_compare import compared, kinds, run
from onnx_files import Net

from ircompile.importers.onnx import read_onnx
from ircompile.ir.ops import Table

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


def test_prelu_and_reductions(tmp_path: Path) -> None:
    net = Net(18)
    x = net.qdq(net.input([1, 6, 5, 4]), 0.05, 9)
    slope = net.dq(net.const(net.codes(6, 1, 1)), 0.01)
    y = net.qdq(net.node("PRelu", x, slope), 0.04, 0)
    net.output(net.qdq(net.node("ReduceMax", y, axes=[2, 3], keepdims=0), 0.04, 0))
    net.output(net.qdq(net.node("ReduceSum", y, net.const([2])), 0.2, 0))
    net.output(net.qdq(net.node("Gather", y, net.const([1, 3, 5]), axis=1), 0.04, 0))
    comparison = compared(net.save(tmp_path))
    assert {"PixelTable", "Extreme", "Mean", "Slice"} <= set(kinds(comparison.graph))
    assert comparison.tallies["PixelTable"].differing == 0


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


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("keep", [0, 1])
def test_positions_along_the_first_axis(shape: tuple[int, ...], keep: int, tmp_path: Path) -> None:
    """ArgMax over what ONNX has as the batch: the positions are an output of any order of axes."""
    net = Net(25)
    x = net.node("Reshape", net.qdq(net.input([1, *shape]), 0.05, 9), net.const(shape, np.int64))
    y = net.node("ArgMax", x, axis=0, keepdims=keep)
    net.output(net.node("Unsqueeze", y, net.const([0])), onnx.TensorProto.INT64)
    found = compared(net.save(tmp_path))
    assert found.ends.elements
    assert found.ends.differing == 0
