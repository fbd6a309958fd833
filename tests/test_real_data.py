"""Real pictures through the C: published accuracies and published results."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from ircompile.pipeline import Compiled, build, read
from ircompile.references import open_reference
from ircompile.runners.host import run_host
from ircompile.target import load_target
from ircompile.tensor import Array

MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[2] / "shared" / "models")
pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of real models is not here (IRCOMPILE_MODELS)"),
]


def outputs_of(name: str, inputs: list[Array], folder: Path) -> tuple[Compiled, list[Array]]:
    """The first output's codes, flat, of the C on the host for every input."""
    compiled = build(read(MODELS / name), load_target("host"), "model")
    compiled.write(folder)
    result = run_host(folder, compiled.interface, [[x] for x in inputs], sanitize=False)
    return compiled, [outputs[0].reshape(-1) for outputs in result.outputs]


def vww_pictures() -> tuple[list[Array], list[int]]:
    """The 1000 evaluation pictures as int8 codes, and 1 where there is a person."""
    image = pytest.importorskip("PIL.Image")
    folder = MODELS / "inputs" / "vww96_jpg"
    with (folder / "y_labels.csv").open() as file:
        rows = list(csv.reader(file))
    pictures = []
    for row in rows:
        with image.open((folder / row[0]).with_suffix(".jpg")) as picture:
            rgb = np.asarray(picture.convert("RGB"), np.uint8)[:, :, ::-1]  # the set has red and blue swapped
        pictures.append((rgb ^ np.uint8(0x80)).view(np.int8))
    return pictures, [int(row[-1]) for row in rows]


@pytest.mark.slow
def test_vww_accuracy_and_equality_on_a_thousand_pictures(tmp_path: Path) -> None:
    pictures, labels = vww_pictures()
    assert len(pictures) == 1000
    _, outputs = outputs_of("mlperf_vww_96_int8.tflite", pictures, tmp_path)
    right = sum(int(np.argmax(y)) == label for y, label in zip(outputs, labels, strict=True))
    assert right / len(labels) == pytest.approx(0.853, abs=0.0005)
    reference = open_reference("tflm", MODELS / "mlperf_vww_96_int8.tflite")
    for picture, y in zip(pictures, outputs, strict=True):
        assert np.array_equal(reference.run([picture[np.newaxis]])[0].reshape(-1), y)


def test_published_results_of_the_person_detector(tmp_path: Path) -> None:
    published = {"00001_7281": -148, "00001_7425": 68, "00002_2532": -112, "00002_25869": 134, "00004_970": 128}
    folder = MODELS / "inputs" / "cfu_mnv2_160"
    pictures = []
    for name in published:
        raw = np.fromfile(folder / f"input_{name}.dat", np.uint8).reshape(160, 160, 3)
        pictures.append((raw ^ np.uint8(0x80)).view(np.int8))
    _, outputs = outputs_of("cfu_mnv2_035_160_person.tflite", pictures, tmp_path)
    assert [int(y[1]) - int(y[0]) for y in outputs] == list(published.values())
