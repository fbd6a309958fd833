"""The integer form: weights moved to uint8 stand for what they were."""

from pathlib import Path

import numpy as np
import onnx
import onnx_files
import pytest
from onnx import numpy_helper

from ircompile.verification.references.ort import OrtReference
from ircompile.verification.references.ort_integer import move_weights

quantization = pytest.importorskip("onnxruntime.quantization")
PRODUCTS = ("QLinearConv", "QLinearMatMul", "QGemm")


def weights(model: onnx.ModelProto) -> list[tuple[np.dtype, np.ndarray]]:
    """Of every product, the type of its weights and what they stand for: weight - zero point."""
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type in PRODUCTS:
            values, zero = (constants[node.input[position]] for position in (3, 5))
            found.append((values.dtype, values.astype(np.int32) - zero.astype(np.int32).reshape(-1)[0]))
    return found


def quantized(folder: Path, activations: object, share: bool) -> onnx.ModelProto:
    """A model of QOperators; `share`: two convolutions read the same weights' zero point."""
    options = {"quant_format": quantization.QuantFormat.QOperator, "activation_type": activations}
    model = onnx.load_model(onnx_files.quantized(onnx_files.mobilenet(), folder, **options))
    if share:
        first, second, *_ = (node for node in model.graph.node if node.op_type == "QLinearConv")
        second.input[5] = first.input[5]
    return model


@pytest.mark.parametrize("share", [False, True])
def test_int8_weights_of_uint8_activations_are_moved(tmp_path: Path, share: bool) -> None:
    model = quantized(tmp_path, quantization.QuantType.QUInt8, share)
    before = weights(model)
    move_weights(model)
    onnx.checker.check_model(model)
    after = weights(model)
    assert {str(kind) for kind, _ in before} == {"int8"}
    assert {str(kind) for kind, _ in after} == {"uint8"}
    assert all(np.array_equal(was, now) for (_, was), (_, now) in zip(before, after, strict=True))
    assert len({i.name for i in model.graph.initializer}) == len(model.graph.initializer)


def test_weights_of_int8_activations_stay(tmp_path: Path) -> None:
    model = quantized(tmp_path, quantization.QuantType.QInt8, share=False)
    same = onnx.ModelProto()
    same.CopyFrom(model)
    move_weights(model)
    assert model == same


def test_tensors_that_the_optimizer_moves_keep_their_names(tmp_path: Path) -> None:
    """A Clip of codes has int8 constants, so that the model is taken as it is; ONNX Runtime moves what it can."""
    net = onnx_files.Net(3)
    codes = net.node(
        "Clip", net.q(net.input([1, 3, 6, 6]), 0.05, 9), net.const(-100, np.int8), net.const(90, np.int8)
    )
    resized = net.node("Resize", net.dq(codes, 0.05, 9), "", net.const([1, 1, 2, 2], np.float32), mode="linear")
    y = net.q(resized, 0.05, 9)
    out = net.q(net.node("Conv", net.dq(y, 0.05, 9), net.weights(4, 3, 3, 3)), 0.1, 2)
    net.output(net.dq(out, 0.1, 2))
    reference = OrtReference(net.save(tmp_path))
    feeds = [np.random.default_rng(0).normal(size=(1, 3, 6, 6)).astype(np.float32)]
    found = reference.intermediates(feeds)
    assert {y, out} <= {name for operator in reference.operators for name in operator.outputs}
    assert (found[y].dtype, found[out].dtype) == (np.int8, np.int8)
    real = (found[out].astype(np.float32) - 2) * np.float32(0.1)
    np.testing.assert_array_equal(real, reference.run(feeds)[0])
