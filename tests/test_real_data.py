"""Real pictures through the C: published accuracies and published results."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

import ircompile
from ircompile.ir.tensor import Array
from ircompile.pipeline import Compiled, build, read
from ircompile.target import load_target
from ircompile.verification.references import open_reference
from ircompile.verification.runners.host import run_host

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


def picture_of(path: Path, mode: str, swapped: bool = False) -> Array:
    """A picture's pixels, H x W x C uint8, in the mode "RGB" or "L"; `swapped` in the file: red and blue."""
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.uint8)
    ordered = image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1] if swapped else pixels))
    return np.asarray(ordered.convert(mode), np.uint8).reshape(*pixels.shape[:2], -1)


def coded(pixels: Array) -> Array:
    """int8 codes of 0 .. 255."""
    return (pixels ^ np.uint8(0x80)).view(np.int8)


def vww_pictures(mode: str = "RGB") -> tuple[list[Array], list[int]]:
    """The 1000 evaluation pictures as int8 codes, in the order of their names, and 1 where there is a person."""
    folder = MODELS / "inputs" / "vww96_jpg"
    with (folder / "y_labels.csv").open() as file:
        rows = sorted(csv.reader(file))
    files = [(folder / row[0]).with_suffix(".jpg") for row in rows]
    return [coded(picture_of(file, mode, swapped=True)) for file in files], [int(row[-1]) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "mode", "accuracy"),
    [("mlperf_vww_96_int8.tflite", "RGB", 0.853), ("tflm_person_detect.tflite", "L", 0.770)],
)
def test_vww_accuracy_and_equality_on_a_thousand_pictures(
    model: str, mode: str, accuracy: float, tmp_path: Path
) -> None:
    pictures, labels = vww_pictures(mode)
    assert len(pictures) == 1000
    _, outputs = outputs_of(model, pictures, tmp_path)
    right = np.array([int(np.argmax(y)) == label for y, label in zip(outputs, labels, strict=True)])
    assert right.mean() == pytest.approx(accuracy, abs=0.0005)
    if model == "tflm_person_detect.tflite":  # published of 500 pictures: every second one
        assert right[::2].mean() == pytest.approx(0.778, abs=0.0005)
    reference = open_reference("tflm", MODELS / model)
    for picture, y in zip(pictures, outputs, strict=True):
        assert np.array_equal(reference.run([picture[np.newaxis]])[0].reshape(-1), y)


@pytest.mark.slow
def test_accuracy_on_a_folder_of_pictures_is_the_published_one(tmp_path: Path) -> None:
    """The same through `--accuracy`: class folders of PNG files, red and blue in their places."""
    image = pytest.importorskip("PIL.Image")
    pictures, labels = vww_pictures()
    for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        place = tmp_path / ("non_person", "person")[label]
        place.mkdir(exist_ok=True)
        image.fromarray(picture.view(np.uint8) ^ np.uint8(0x80)).save(place / f"{i:04}.png")
    found = ircompile.compile(MODELS / "mlperf_vww_96_int8.tflite", "host").accuracy(tmp_path)
    assert (found.samples, found.right, found.reference_right, found.differing) == (1000, 853, 853, 0)
    assert found.classes == ("non_person", "person")


def test_published_results_of_the_person_detector(tmp_path: Path) -> None:
    published = {"00001_7281": -148, "00001_7425": 68, "00002_2532": -112, "00002_25869": 134, "00004_970": 128}
    folder = MODELS / "inputs" / "cfu_mnv2_160"
    pictures = []
    for name in published:
        raw = np.fromfile(folder / f"input_{name}.dat", np.uint8).reshape(160, 160, 3)
        pictures.append((raw ^ np.uint8(0x80)).view(np.int8))
    _, outputs = outputs_of("cfu_mnv2_035_160_person.tflite", pictures, tmp_path)
    assert [int(y[1]) - int(y[0]) for y in outputs] == list(published.values())


def test_published_results_of_the_grey_person_detector(tmp_path: Path) -> None:
    folder = MODELS / "inputs" / "tflm"
    # These two files hold the model's codes themselves, byte for byte.
    pictures = [picture_of(folder / name, "L").view(np.int8) for name in ("person.bmp", "no_person.bmp")]
    _, outputs = outputs_of("tflm_person_detect.tflite", pictures, tmp_path)
    assert list(outputs[0]) == [-113, 113]
    assert outputs[1][0] > outputs[1][1]


@pytest.mark.slow
def test_segmentation_finds_the_bird(tmp_path: Path) -> None:
    folder = MODELS / "inputs" / "coral"
    names = (folder / "pascal_voc_segmentation_labels.txt").read_text().split()
    image = pytest.importorskip("PIL.Image")
    with image.open(folder / "bird_segmentation_mask.bmp") as picture:
        bird = np.asarray(picture) == names.index("bird")
    picture = picture_of(folder / "bird_segmentation.bmp", "RGB")
    _, (labels,) = outputs_of("coral_deeplabv3_mnv2_dm05.tflite", [picture], tmp_path)
    found = labels.reshape(bird.shape) == names.index("bird")
    assert (found & bird).sum() / (found | bird).sum() == pytest.approx(0.837, abs=0.001)
