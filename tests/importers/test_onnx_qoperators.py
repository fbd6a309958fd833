"""ONNX Runtime's quantizer: grouped QOperators, of the standard and of com.microsoft."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx_compare import compared, kinds, run
from onnx_files import Net

from ircompile.importers.onnx import read_onnx


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
