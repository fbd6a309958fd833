"""The equality ladder over real networks, on cortex-m4 and on the host.

Each is run in one input mode; the long run has both.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ladder import climb, codes_for

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.pipeline import read

MODELS = Path(os.environ.get("IRCOMPILE_MODELS", Path(__file__).parents[2] / "shared" / "models"))
# Here to be refused: an LSTM, and one of SVDFs.
REFUSED = {"tflm_mnist_lstm_int8", "tflm_keyword_scrambled_8bit"}
# Minutes under an emulator: one input, in the hour-long run only.
SLOW = {
    "cfu_hps_74ops",
    "coral_deeplabv3_mnv2_dm05",
    "coral_tf2_mobilenet_v2_100_224_ptq",
    "openmv_fast_depth_224",
    "ultraface_rfb_320_qdq_s8s8_pc",
    "ultraface_rfb_320_qdq_sym",
    "ultraface_rfb_320_qop_u8s8",
    "ultraface_rfb_320_qop_u8s8_pc",
}
# A minute of planning: in the long run only.
LONG = {"infineon_deeplabv3_mnv3", "openmv_face_landmarks_192"}
FILES = sorted(path for path in MODELS.glob("*") if path.suffix in (".tflite", ".onnx"))

pytestmark = pytest.mark.skipif(not FILES, reason=f"no models in {MODELS.name}: set IRCOMPILE_MODELS")


def climbs() -> list[object]:
    found = []
    for number, path in enumerate(path for path in FILES if path.stem not in REFUSED):
        for mode, later in (("resident", number % 2 == 0), ("rows", number % 2 == 1)):
            marks = [pytest.mark.slow] if path.stem in SLOW | LONG or later else []
            found.append(pytest.param(path, mode, id=f"{path.stem}-{mode}", marks=marks))
    return found or [pytest.param(None, None)]


@pytest.mark.toolchain
@pytest.mark.parametrize(("path", "mode"), climbs())
def test_ladder(tmp_path: Path, path: Path, mode: InputMode) -> None:
    graph = read(path)
    if mode == "rows" and len(graph.inputs) > 1:
        pytest.skip("rows are pushed into one input")
    climb(graph, tmp_path, mode, codes_for(graph, 1 if path.stem in SLOW else 2), ("gcc", "cortex-m4"))


@pytest.mark.parametrize("path", [path for path in FILES if path.stem in REFUSED], ids=lambda path: path.stem)
def test_refused(path: Path) -> None:
    with pytest.raises(CompileError, match="supported"):
        read(path)
