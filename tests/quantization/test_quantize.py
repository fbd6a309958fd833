"""`ircompile quantize`: small float networks, samples made up by the test, every quantizer that is installed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from float_nets import float_onnx, float_tflite, samples

from ircompile.cli import main, parse
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.ops import Convolution
from ircompile.quantization import quantizers
from ircompile.quantization.float_model import open_float
from ircompile.quantization.narrow import choose, layers_of
from ircompile.quantization.quantizers import METHODS, fitting
from ircompile.quantization.samples import Reading, read_samples, spread

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "quantize.json").read_text())
NEEDS = {"nncf": "nncf", "onnxruntime": "onnxruntime", "ai-edge": "ai_edge_quantizer"}


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
