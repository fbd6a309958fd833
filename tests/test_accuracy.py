"""`--accuracy`: a data set through the C and the framework, against labels that the test knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from commands import run
from tflite_files import Op, T, const, write

import ircompile
from ircompile.errors import CompileError
from ircompile.ir.tensor import Array
from ircompile.verification import accuracy
from ircompile.verification.references import open_reference

pytestmark = pytest.mark.toolchain
ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
SCHEMA = json.loads((ROOT / "docs" / "schema" / "verify.json").read_text())
COUNT = accuracy.BATCH + 7  # more than one batch


def network(path: Path, classes: int, sigmoid: bool = False, dtype: str = "int8", channels: int = 3) -> Path:
    """One fully connected layer on a 6 x 5 picture; scores, a sigmoid, or a logit."""
    rng = np.random.default_rng(5)
    size, zero = 6 * 5 * channels, 0 if dtype == "int8" else 128
    tensors = [
        T((1, 6, 5, channels), dtype, 0.01, zero),
        const([1, size], "int32"),
        T((1, size), dtype, 0.01, zero),
        const(rng.integers(-127, 128, (classes, size)), "int8", 0.01),
        const(rng.integers(-900, 900, classes), "int32", 0.0001),
        T((1, classes), dtype, 0.05, zero + 3),
        T((1, classes), dtype, 1 / 256, zero - 128),
    ]
    if dtype == "uint8":
        tensors[3] = const(rng.integers(1, 256, (classes, size)), "uint8", 0.01, 128)
    ops = [Op("RESHAPE", [0, 1], [2]), Op("FULLY_CONNECTED", [2, 3, 4], [5])]
    if sigmoid:
        ops.append(Op("LOGISTIC", [5], [6]))
    return write(path, tensors, ops, [0], [6 if sigmoid else 5])


def pictures(folder: Path, shape: Sequence[int], count: int = COUNT) -> list[Path]:
    """Seeded noise around a random brightness, as PNG files of the given shape."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(count):
        pixels = rng.integers(0, 256, shape).astype(np.uint8)
        paths.append(folder / f"{i:03}.png")
        image.fromarray(pixels.squeeze()).save(paths[-1])
    return paths


def framework(profile: str, model: Path, paths: Sequence[Path], dtype: str) -> list[Array]:
    """The framework's scores of pictures that have the input's size already."""
    image = pytest.importorskip("PIL.Image")
    try:
        oracle = open_reference(profile, model)
    except CompileError as error:
        pytest.skip(str(error))
    scores = []
    for path in paths:
        with image.open(path) as picture:
            pixels = np.asarray(picture, np.uint8).reshape(1, 6, 5, -1)
        codes = pixels if dtype == "uint8" else (pixels.astype(np.int16) - 128).astype(np.int8)
        scores.append(oracle.run([codes])[0].reshape(-1))
    return scores


def listed(folder: Path, paths: Sequence[Path], labels: Sequence[int]) -> None:
    lines = [f"{path.name},{label}" for path, label in zip(paths, labels, strict=True)]
    (folder / "labels.csv").write_text("\n".join(lines))


def measured(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """What the command prints, which follows its schema."""
    assert run("verify", *words, "--target", "m4", "--on", "numpy", "--random", 1, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, SCHEMA)
    found = data["accuracy"]
    assert found["accuracy"] == found["right"] / found["samples"]
    assert found["reference_accuracy"] == found["reference_right"] / found["samples"]
    return dict(found)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_scores_of_a_list_of_labels(tmp_path: Path, dtype: str, capsys: pytest.CaptureFixture[str]) -> None:
    model, paths = network(tmp_path / "net.tflite", 4, dtype=dtype), pictures(tmp_path / "data", (6, 5, 3))
    best = [int(np.argmax(scores)) for scores in framework("litert-ref", model, paths, dtype)]
    assert len(set(best)) > 1
    wrong = {0, 5, COUNT - 1}
    listed(tmp_path / "data", paths, [(b + (i in wrong)) % 4 for i, b in enumerate(best)])
    found = measured(capsys, model, "--accuracy", tmp_path / "data", "--numerics", "litert-ref")
    assert (found["samples"], found["right"], found["reference_right"]) == (COUNT, COUNT - 3, COUNT - 3)
    assert (found["differing"], found["disagreements"]) == (0, [])
    assert found["reference"] == "litert-ref"
    code = "pixel" if dtype == "uint8" else "pixel - 128"
    assert found["reading"] == f"pictures in RGB, resized to 6 x 5 (bilinear, stretched to fit), code = {code}"


@pytest.mark.parametrize(("sigmoid", "threshold"), [(True, 0.5), (False, 0)])
def test_a_single_score_is_above_a_threshold_or_not(
    tmp_path: Path, sigmoid: bool, threshold: float, capsys: pytest.CaptureFixture[str]
) -> None:
    model, paths = network(tmp_path / "net.tflite", 1, sigmoid), pictures(tmp_path / "data", (6, 5, 3), 20)
    codes = [int(scores[0]) for scores in framework("litert-ref", model, paths, "int8")]
    above = [code > (0 if sigmoid else 3) for code in codes]  # 0.5 and 0 as codes
    assert len(set(above)) == 2
    for path, positive in zip(paths, above, strict=True):  # the class folders, sorted: "no", "yes"
        (tmp_path / "sorted" / ("yes" if positive else "no")).mkdir(parents=True, exist_ok=True)
        path.rename(tmp_path / "sorted" / ("yes" if positive else "no") / path.name)
    found = measured(capsys, model, "--accuracy", tmp_path / "sorted", "--numerics", "litert-ref")
    assert found["right"] == found["reference_right"] == found["samples"] == 20
    assert found["classes"] == ["no", "yes"]
    assert found["rule"] == "folder names, numbered as they sort"
    assert found["decision"] == f"class 1 where its score is above {threshold:g}"


def test_pictures_of_other_sizes_are_resized_and_arrays_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    paths = pictures(tmp_path / "data", (31, 17), 3)
    shape = ircompile.compile(DIGITS, "host").compiled.interface.inputs[0].shape
    np.save(tmp_path / "data" / "one.npy", np.zeros(shape, np.int8))
    np.savez(tmp_path / "data" / "two.npz", x0=np.ones(shape, np.int8))
    others = [tmp_path / "data" / "one.npy", tmp_path / "data" / "two.npz"]
    listed(tmp_path / "data", [*paths, *others], [3] * 5)
    found = measured(capsys, DIGITS, "--accuracy", tmp_path / "data")
    assert (found["samples"], found["differing"]) == (5, 0)
    assert found["reading"].startswith("pictures in grey, resized to 32 x 32")
    assert found["reading"].endswith("; arrays as they are")


class Wrong:
    """A framework that says -128 of the greatest score, in one of three inputs."""

    name = "litert-ref"

    def __init__(self, model: Path) -> None:
        self.real, self.calls = open_reference("litert-ref", model), 0

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        self.calls += 1
        (scores,) = self.real.run(inputs)
        if self.calls % 3 == 1:
            scores[0, int(np.argmax(scores))] = -128
        return [scores]


def test_every_disagreement_is_told_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, paths = network(tmp_path / "net.tflite", 4), pictures(tmp_path / "data", (6, 5, 3), 7)
    scores = framework("litert-ref", model, paths, "int8")
    best = [int(np.argmax(each)) for each in scores]
    listed(tmp_path / "data", paths, best)
    monkeypatch.setattr(accuracy, "open_reference", lambda name, path: Wrong(path))
    words = ("--accuracy", tmp_path / "data", "--target", "m4", "--numerics", "litert-ref")
    assert run("verify", model, *words, "--on", "numpy", "--random", 1) == 1
    out = capsys.readouterr().out
    assert "accuracy  100.00% by the C (7 of 7)" in out
    assert "57.14% by litert-ref (4)" in out
    assert "classes differ on 3 of the files, scores on 3" in out
    assert run(model, *words, "-o", tmp_path / "out") == 1
    assert "100.00% by the C" in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "net.json").read_text())["accuracy"]
    assert [(d["file"], d["label"], d["ours"]) for d in found["disagreements"]] == [
        (paths[i].name, best[i], best[i]) for i in (0, 3, 6)
    ]
    page = (tmp_path / "out" / "net.html").read_text()
    for i, each in zip((0, 3, 6), found["disagreements"], strict=True):
        line = [word for word in out.splitlines() if word.startswith(f"{paths[i].name}\t")]
        assert each["our_score"] == pytest.approx((int(scores[i][best[i]]) - 3) * 0.05, rel=1e-6)
        assert each["theirs"] == int(np.argmax([-128 if j == best[i] else s for j, s in enumerate(scores[i])]))
        row = (
            paths[i].name,
            best[i],
            best[i],
            f"{each['our_score']:.4g}",
            each["theirs"],
            f"{each['their_score']:.4g}",
        )
        assert line == ["\t".join(map(str, row))]
        assert f'<td class="wrap">{paths[i].name}</td>' in page
    assert "57.14 %" in page


def test_raw_pixels_reach_the_framework_preprocessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    paths = pictures(tmp_path / "data", (8, 8), 10)
    listed(tmp_path / "data", paths, [0] * 10)
    found = measured(capsys, DIGITS, "--accuracy", tmp_path / "data", "--mean", "20", "--std", "12.5")
    assert (found["samples"], found["differing"]) == (10, 0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda path: network(path, 3, channels=4),
            "a picture for 4 channels (supported: inputs of 1 or 3 channels)",
        ),
        (lambda path: network(path, 3), "has 1 names of classes, the model has 3 classes"),
        (lambda path: unpooled(path), "int8 (6, 5, 3) (supported: int8 or uint8 1 x 1 x classes)"),
    ],
)
def test_what_cannot_be_classified_is_refused(
    tmp_path: Path, make: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = pictures(tmp_path / "data", (6, 5, 3), 2)
    label = "0" if "channels" in says else "cat"
    (tmp_path / "data" / "labels.csv").write_text("".join(f"{path.name},{label}\n" for path in paths))
    model = make(tmp_path / "net.tflite")
    words = ("--accuracy", tmp_path / "data", "--target", "m4", "--against", "litert-ref")
    pytest.importorskip("ai_edge_litert")
    assert run("verify", model, "--on", "numpy", "--random", 1, *words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (
            np.zeros((6, 5, 4), np.int8),
            "1.npy: input 't0': array of shape (6, 5, 4) (supported: shape (1, 6, 5, 3))",
        ),
        (np.zeros((6, 5, 3), np.uint8), "1.npy: input 't0': array of uint8 (supported: dtype int8)"),
    ],
)
def test_an_array_that_does_not_fit_is_named(
    tmp_path: Path, array: Array, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    model = network(tmp_path / "net.tflite", 2)
    for name, each in (("0", np.zeros((6, 5, 3), np.int8)), ("1", array)):
        (tmp_path / "data" / name).mkdir(parents=True)
        np.save(tmp_path / "data" / name / f"{name}.npy", each)
    words = ("--target", "m4", "--on", "numpy", "--random", 1, "--against", "litert-ref")
    assert run("verify", model, *words, "--accuracy", tmp_path / "data") == 2
    assert says in capsys.readouterr().err


def unpooled(path: Path) -> Path:
    """A model whose output is a picture."""
    tensors = [T((1, 6, 5, 3), "int8", 0.01, 0), T((1, 6, 5, 3), "int8", 1 / 256, -128)]
    return write(path, tensors, [Op("LOGISTIC", [0], [1])], [0], [1])


def test_a_graph_in_memory_has_no_framework() -> None:
    from nets import Net

    net = Net((9, 7, 3))
    net.conv("x", 4)
    with pytest.raises(CompileError, match="frameworks run files"):
        ircompile.compile(net.graph(), "host").accuracy(".")
