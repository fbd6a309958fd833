"""The float networks of MLPerf Tiny, quantized by every library, on the inputs at hand: little is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ircompile.cli import main
from ircompile.ir.tensor import Array
from ircompile.quantization.float_model import with_real_weights

MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[3] / "shared" / "models")
FLOAT = MODELS / "more" / "float"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.toolchain,
    pytest.mark.skipif(not FLOAT.is_dir(), reason="the folder of real models is not here (IRCOMPILE_MODELS)"),
]
FILES = {"kws": "kws_ref_float.tflite", "ic": "ic_resnet8_float.tflite", "ad": "ad01_float.tflite"}
WORDS = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unkown"]
THINGS = ["airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def inputs_of(kind: str) -> list[tuple[Array, int]]:
    """The real inputs at hand, and their classes: MLPerf's int8 test inputs, scaled as its models say."""
    folder, found = MODELS / "inputs" / f"mlperf_cfu_{kind}", []
    for path in sorted(folder.glob("*.dat")):
        codes = np.fromfile(path, np.int8).astype(np.float32)
        if kind == "kws":
            word = WORDS.index(path.stem.split("_")[0])
            found.append(((codes.reshape(1, 49, 10, 1) - 83) * np.float32(0.5847029089927673), word))
        elif kind == "ic":
            found.append((codes.reshape(1, 32, 32, 3) + 128, THINGS.index(path.stem.split("_")[1])))
        else:
            windows = (codes.reshape(-1, 1, 640) - 89) * np.float32(0.3910152316093445)
            found += [(window, 0) for window in windows]
    return found


def data_of(kind: str, folder: Path, first: bool) -> Path:
    """The inputs as a folder, in a list with their classes; `first`: channels come first in a picture."""
    rows = []
    folder.mkdir()
    for number, (x, label) in enumerate(inputs_of(kind)):
        np.save(folder / f"{number:03}.npy", x.transpose(0, 3, 1, 2) if first and x.ndim == 4 else x)
        rows.append(f"{number:03}.npy,{label}\n")
    if kind != "ad":  # an autoencoder has no classes
        (folder / "labels.csv").write_text("".join(rows))
    return folder


def onnx_of(kind: str, folder: Path) -> Path:
    """The float network, brought to ONNX by a converter from PyPI."""
    converter = pytest.importorskip("tflite2onnx", reason="pip install tflite2onnx")
    (folder / "float.tflite").write_bytes(with_real_weights((FLOAT / FILES[kind]).read_bytes()))
    converter.convert(str(folder / "float.tflite"), str(folder / "float.onnx"))
    return folder / "float.onnx"


@pytest.mark.parametrize("method", ["ai-edge", "nncf", "onnxruntime"])
@pytest.mark.parametrize("kind", FILES)
def test_little_is_lost(kind: str, method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every input that float classifies rightly, 8 bits do; the autoencoder's error grows by less than a tenth."""
    pytest.importorskip({"ai-edge": "ai_edge_quantizer"}.get(method, method))
    model = FLOAT / FILES[kind] if method == "ai-edge" else onnx_of(kind, tmp_path)
    data = data_of(kind, tmp_path / "data", method != "ai-edge")
    words = ["quantize", str(model), "--data", str(data), "--method", method, "--json"]
    assert main([*words, "-o", str(tmp_path / f"net{model.suffix}")]) == 0
    found = json.loads(capsys.readouterr().out)
    with capsys.disabled():
        print(kind, method, {k: found[k] for k in ("accuracy", "mean_squared_error", "differing", "compared")})
    assert found["differing"] <= found["compared"] // 500  # ties of ONNX Runtime: docs/numerics.md
    if kind == "ad":
        error = found["mean_squared_error"]
        assert error["framework"] < 1.1 * error["float"]
    else:
        assert found["accuracy"]["framework"] >= found["accuracy"]["float"]
        assert found["accuracy"]["c"] == found["accuracy"]["framework"]
