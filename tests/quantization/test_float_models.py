"""Float files before they are quantized: what is of concern in them, what is equalized, what is made plain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from float_nets import float_tflite, separable
from onnx_files import mobilenet

from ircompile.errors import CompileError
from ircompile.quantization.concerns import concerns_of
from ircompile.quantization.equalize import equalize
from ircompile.quantization.float_model import OnnxNetwork, open_float, with_real_weights
from ircompile.quantization.quantizers import with_inline_buffers


def test_outliers_and_channels_apart_are_of_concern(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    net = mobilenet()
    model = open_float(net.save(tmp_path, "plain.onnx"))
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=model.shape).astype(np.float32) for _ in range(3)]
    assert concerns_of(model, inputs) == []
    depthwise = next(
        node for node in model.model.graph.node if any(a.name == "group" and a.i > 1 for a in node.attribute)
    )  # type: ignore[attr-defined]
    weights = next(w for w in model.model.graph.initializer if w.name == depthwise.input[1])  # type: ignore[attr-defined]
    array = np.frombuffer(weights.raw_data, np.float32).copy().reshape(weights.dims)
    array[0] *= 1e5
    weights.raw_data = array.tobytes()
    problems = [concern.problem for concern in concerns_of(model, inputs)]
    assert any("times apart" in problem for problem in problems)


def test_equalizing_changes_nothing_in_float_and_the_ranges_in_the_file(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    plain = open_float(separable(tmp_path / "a.onnx", clipped=False))
    model = open_float(tmp_path / "a.onnx")
    assert isinstance(model, OnnxNetwork)
    x = np.random.default_rng(0).normal(size=model.shape).astype(np.float32)
    assert any("times apart" in concern.problem for concern in concerns_of(model, [x]))
    assert equalize(model) == ["y"]
    np.testing.assert_allclose(model.run(x), plain.run(x), rtol=1e-5, atol=1e-5)
    assert not any("times apart" in concern.problem for concern in concerns_of(model, [x]))


def test_a_relu6_stops_equalizing(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = open_float(separable(tmp_path / "a.onnx", clipped=True))
    assert isinstance(model, OnnxNetwork)
    assert equalize(model) == []


def test_weights_of_8_bits_between_floats_become_real(tmp_path: Path) -> None:
    """A file of dynamic range, with the older field for its operators, is quantized as the float file is."""
    pytest.importorskip("ai_edge_litert")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    path = float_tflite(tmp_path)
    file = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    tensor = file.subgraphs[0].tensors[1]
    real = np.frombuffer(np.asarray(file.buffers[tensor.buffer].data, np.uint8).tobytes(), np.float32)
    scale = np.float32(np.abs(real).max() / 127)
    codes = np.rint(real / scale).astype(np.int8)
    file.buffers[tensor.buffer].data = codes.view(np.uint8)
    tensor.type, tensor.quantization = schema.TensorType.INT8, schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [float(scale)], [0]
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(file.Pack(builder), b"TFL3")
    made = schema.ModelT.InitFromPackedBuf(with_real_weights(bytes(builder.Output())), 0)
    tensor = made.subgraphs[0].tensors[1]
    assert tensor.type == schema.TensorType.FLOAT32
    found = np.frombuffer(np.asarray(made.buffers[tensor.buffer].data, np.uint8).tobytes(), np.float32)
    np.testing.assert_allclose(found, codes * scale, rtol=1e-6)
    assert with_real_weights(path.read_bytes()) == path.read_bytes()


def test_a_network_that_its_runtime_refuses_is_told(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = open_float(separable(tmp_path / "a.onnx", clipped=False))
    assert isinstance(model, OnnxNetwork)
    model.model.graph.node.append(onnx.helper.make_node("NoSuchOperator", ["x"], ["y2"]))
    model.forget()
    with pytest.raises(CompileError, match="ONNX Runtime refuses it"):
        model.run(np.zeros(model.shape, np.float32))


def test_constants_behind_the_flatbuffer_come_into_it(tmp_path: Path) -> None:
    """As ai-edge-quantizer writes larger files; TFLite Micro computes with garbage there."""
    pytest.importorskip("ai_edge_litert")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    import flatbuffers

    path = float_tflite(tmp_path)

    def packed(file: object) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(file.Pack(builder), b"TFL3")  # type: ignore[attr-defined]
        return bytes(builder.Output())

    file = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    wanted = [None if b.data is None else bytes(b.data) for b in file.buffers]
    outside = [b for b in file.buffers if b.data is not None]
    contents = [bytes(b.data) for b in outside]
    for buffer, content in zip(outside, contents, strict=True):
        buffer.data, buffer.offset, buffer.size = None, 2**20, len(content)
    at = len(packed(file))
    for buffer, content in zip(outside, contents, strict=True):
        buffer.offset, at = at, at + len(content)
    made = with_inline_buffers(packed(file) + b"".join(contents))
    found = schema.ModelT.InitFromPackedBuf(made, 0)
    assert [None if b.data is None else bytes(b.data) for b in found.buffers] == wanted
    assert all(b.offset == b.size == 0 for b in found.buffers)
    assert with_inline_buffers(made) == made
