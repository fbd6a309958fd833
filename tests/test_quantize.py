"""`ircompile quantize`: small float networks, samples made up by the test, every quantizer that is installed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from onnx_files import mobilenet
from tflite_files import Op, T, const, write

from ircompile.cli import main, parse
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.ops import Convolution
from ircompile.quantization import quantizers
from ircompile.quantization.concerns import concerns_of
from ircompile.quantization.equalize import equalize
from ircompile.quantization.float_model import OnnxNetwork, open_float, with_real_weights
from ircompile.quantization.narrow import choose, layers_of
from ircompile.quantization.quantizers import METHODS, fitting, with_inline_buffers
from ircompile.quantization.samples import Reading, read_samples, spread

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "schema" / "quantize.json").read_text())
NEEDS = {"nncf": "nncf", "onnxruntime": "onnxruntime", "ai-edge": "ai_edge_quantizer"}


def float_tflite(folder: Path) -> Path:
    """A convolution with ReLU and a fully connected layer, in float32."""
    rng = np.random.default_rng(3)
    tensors = [
        T((1, 6, 6, 3), "float32", name="picture"),
        const(rng.normal(size=(4, 3, 3, 3)), "float32"),
        const(rng.normal(size=4), "float32"),
        T((1, 4, 4, 4), "float32", name="features"),
        const(rng.normal(size=(5, 64)) / 8, "float32"),
        const(rng.normal(size=5), "float32"),
        T((1, 5), "float32", name="scores"),
    ]
    window = {"StrideH": 1, "StrideW": 1, "Padding": 1, "FusedActivationFunction": 1}
    ops = [Op("CONV_2D", [0, 1, 2], [3], window), Op("FULLY_CONNECTED", [3, 4, 5], [6])]
    return write(folder / "float.tflite", tensors, ops, [0], [6])


def float_onnx(folder: Path) -> Path:
    return mobilenet().save(folder, "float.onnx")


def samples(folder: Path, shape: tuple[int, ...], count: int = 12) -> Path:
    """Seeded arrays in class folders 0 and 1."""
    rng = np.random.default_rng(7)
    for i in range(count):
        (folder / str(i % 2)).mkdir(parents=True, exist_ok=True)
        np.save(folder / str(i % 2) / f"{i}.npy", rng.normal(size=shape).astype(np.float32))
    return folder


def data_size(model: Path) -> int:
    network = open_float(model)
    return int(network.run(np.zeros(network.shape, np.float32)).size)


@pytest.mark.toolchain
@pytest.mark.parametrize("method", METHODS)
def test_quantizes_and_our_c_equals_the_framework(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file compiles, the facts fit their schema, no output differs, and 8 bits are near to float."""
    pytest.importorskip(NEEDS[method])
    model = (float_tflite if method == "ai-edge" else float_onnx)(tmp_path)
    folder = samples(tmp_path / "data", open_float(model).shape)
    target = tmp_path / "out" / f"net{model.suffix}"
    words = ["quantize", str(model), "--data", str(folder), "--method", method, "-o", str(target), "--json"]
    assert main([*words, "--calibrate", "5"]) == 0
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, SCHEMA)
    assert (data["calibration_samples"], data["held_out_samples"]) == (5, 7)
    assert data["compared"] == 7 * data_size(model)
    ties = 0 if method == "ai-edge" else data["compared"] // 20  # docs/numerics.md: ONNX Runtime's in float
    assert data["differing"] <= ties
    assert data["layers"]
    assert data["layers"][-1]["decibels"] > 10
    weights = [value for value in load(target).consts.values() if value.ndim == 4]
    assert weights
    assert all(value.dtype == np.int8 for value in weights)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("ai-edge", ["--keep16", "features"]),
        ("ai-edge", ["--int4", "60"]),
        ("ai-edge", ["--int4", "60", "--keep16", "scor"]),
        ("onnxruntime", ["--int4", "60"]),
    ],
)
def test_other_widths_are_as_exact(
    method: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outputs of 16 bits and weights of 4 are where they were asked for, and the C equals the framework."""
    pytest.importorskip(NEEDS[method])
    model = (float_tflite if method == "ai-edge" else float_onnx)(tmp_path)
    folder, target = samples(tmp_path / "data", open_float(model).shape), tmp_path / f"net{model.suffix}"
    base = ["quantize", str(model), "--data", str(folder), "--method", method, "-o", str(target), "--json"]
    assert main([*base, *words]) == 0
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, SCHEMA)
    assert data["differing"] == 0
    graph = load(target)
    kept = [tensor.dtype for tensor in graph.tensors.values()]
    assert ("int16" in kept) == bool(data["keep16"])
    narrow = [np.abs(graph.consts[n.op.weights]).max() <= 8 for n in graph.nodes if isinstance(n.op, Convolution)]
    assert sum(narrow) == len(data["int4"])
    assert bool(data["int4"]) == ("--int4" in words)


@pytest.mark.parametrize(("decibels", "wanted"), [(0.001, {"features"}), (60, {"features", "scores"})])
def test_layers_of_4_bits_are_taken_by_what_they_cost(decibels: float, wanted: set[str], tmp_path: Path) -> None:
    """Of one of the two layers the weights are what 4 bits can say, so that it costs nothing."""
    pytest.importorskip("ai_edge_litert")
    model = open_float(float_tflite(tmp_path))
    codes = np.random.default_rng(0).integers(-7, 8, (4, 3, 3, 3))
    codes[:, 0, 0, 0] = 7
    model = model.with_weights({layers_of(model)[0].weights: codes * 0.25})
    features, scores = layers_of(model)
    assert (features.axis, scores.axis) == (0, None)
    x = np.random.default_rng(1).normal(size=model.shape).astype(np.float32)
    coarse = model.with_weights({scores.weights: scores.values * 1.02})  # stands for the file of 8 bits
    taken = choose([scores, features], model, coarse, [x], decibels)
    assert {layer.name for layer in taken} == wanted


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--keep16", "features", "--method", "onnxruntime"], "computes 16-bit activations in float"),
        (["--keep16", "features"], "computes 16-bit activations in float"),
        (["--int4", "--method", "nncf"], "leave activations in float"),
    ],
)
def test_widths_that_a_library_does_not_do_are_refused(words: list[str], says: str, tmp_path: Path) -> None:
    model = float_onnx(tmp_path)
    folder = samples(tmp_path / "data", (1, 3, 6, 6))
    assert says in str(wrong(["quantize", str(model), "--data", str(folder), *words]))


def test_a_layer_is_named_by_any_part_that_no_other_has(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    words = ["quantize", str(float_tflite(tmp_path)), "--data", str(samples(tmp_path / "data", (1, 6, 6, 3)))]
    words += ["-o", str(tmp_path / "net.tflite")]
    assert "names 2 layers" in str(wrong([*words, "--keep16", "s"]))
    assert "names no layer (supported: features, scores" in str(wrong([*words, "--keep16", "nothing"]))


@pytest.mark.parametrize("make", [float_tflite, float_onnx])
def test_a_dry_run_writes_nothing(make: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("onnxruntime")
    model = make(tmp_path)  # type: ignore[operator]
    folder = samples(tmp_path / "data", open_float(model).shape)
    before = sorted(tmp_path.rglob("*"))
    assert main(["quantize", str(model), "--data", str(folder), "--dry-run"]) == 0
    assert "calibrated with 6 samples" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_samples_are_divided_evenly(tmp_path: Path) -> None:
    """No file both calibrates and is held out; labels come of the folders; at most half of few files calibrate."""
    divided = read_samples(samples(tmp_path, (1, 2), 10), 2, 200)
    assert (len(divided.calibration), len(divided.held_out)) == (5, 5)
    assert {path.name for path in divided.calibration}.isdisjoint(sample.path.name for sample in divided.held_out)
    assert all(str(sample.label) == sample.path.parent.name for sample in divided.held_out)
    assert list(spread(10, 5)) == [1, 3, 5, 7, 9]
    assert list(spread(3, 3)) == [0, 1, 2]


@pytest.mark.parametrize("first", [False, True])
def test_pictures_become_real_values(first: bool, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    image.fromarray(pixels).save(tmp_path / "a.png")
    shape = (1, 3, 4, 5) if first else (1, 4, 5, 3)
    found = Reading(shape, (1.0, 2.0, 3.0), (10.0,)).read(tmp_path / "a.png")
    wanted = (pixels.astype(np.float32) - np.array([1, 2, 3], np.float32)) / np.float32(10)
    np.testing.assert_array_equal(found[0], wanted.transpose(2, 0, 1) if first else wanted)
    swapped = Reading(shape, bgr=True).read(tmp_path / "a.png")[0]
    np.testing.assert_array_equal(swapped, np.flip(Reading(shape).read(tmp_path / "a.png")[0], 0 if first else 2))


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


def wrong(words: list[str]) -> CompileError:
    arguments = parse(words)
    with pytest.raises(CompileError) as caught:
        arguments.run(arguments)
    return caught.value


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    model = float_tflite(tmp_path)
    data = samples(tmp_path / "data", (1, 6, 6, 3))
    base = ["quantize", str(model), "--data", str(data)]
    assert "quantizes .onnx files" in str(wrong([*base, "--method", "nncf", "-o", str(tmp_path / "x.tflite")]))
    assert "is no folder" in str(wrong([*base[:3], str(tmp_path / "none")]))
    assert "is no name of a .tflite file" in str(wrong([*base, "-o", str(tmp_path / "x.onnx")]))
    assert "is the float network itself" in str(wrong([*base, "-o", str(model)]))
    assert "deviations above 0" in str(wrong([*base, "--std", "0"]))
    for path in data.rglob("*.npy"):
        np.save(path, np.zeros((3, 3), np.float32))
    assert "holds an array of shape (3, 3)" in str(wrong([*base, "--dry-run"]))
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    assert "cannot be prepared" in str(wrong(["quantize", str(tmp_path / "bad.onnx"), "--data", str(data)]))
    assert fitting(Path("a.bin")) == []


def test_a_missing_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    model = open_float(float_tflite(tmp_path))

    def missing(module: str, package: str, where: str) -> None:
        raise CompileError(where, f"needs {package}")

    monkeypatch.setattr(quantizers, "require", missing)
    with pytest.raises(CompileError, match=r"ircompile\[quantize\]"):
        quantizers.quantize(model, [np.zeros(model.shape, np.float32)], "ai-edge")


def separable(path: Path, clipped: bool) -> Path:
    """Depthwise 3 x 3 on 4 channels, a thousand thousand times apart, ReLU or ReLU6, pointwise to 3."""
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(3)
    first = rng.normal(size=(4, 1, 3, 3)).astype(np.float32) * np.float32([[[[1]]], [[[1e3]]], [[[1e-3]]], [[[5]]]])
    arrays = {"w1": first, "b1": rng.normal(size=4).astype(np.float32), "w2": rng.normal(size=(3, 4, 1, 1))}
    bounds = {"low": np.float32(0), "high": np.float32(6)} if clipped else {}
    middle = ("Clip", ["y", "low", "high"]) if clipped else ("Relu", ["y"])
    make = onnx.helper.make_node
    nodes = [
        make("Conv", ["x", "w1", "b1"], ["y"], group=4, pads=[1, 1, 1, 1]),
        make(*middle, ["z"]),
        make("Conv", ["z", "w2"], ["out"]),
    ]
    ends = [onnx.helper.make_tensor_value_info(n, 1, [1, c, 8, 8]) for n, c in (("x", 4), ("out", 3))]
    constants = {**arrays, **bounds}
    tensors = [onnx.numpy_helper.from_array(np.asarray(a, np.float32), n) for n, a in constants.items()]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)]), path)
    return path


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
