"""TFLite Micro's arena, asked for in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ircompile.verification.references.tflm import measured_arena

MODEL = Path(__file__).parents[3] / "shared" / "models" / "tflm_micro_speech.tflite"


def test_other_files_are_not_asked_about(tmp_path: Path) -> None:
    assert measured_arena(tmp_path / "net.onnx") is None


def test_a_file_that_it_refuses_gives_nothing(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    (tmp_path / "bad.tflite").write_bytes(b"\0" * 64)
    assert measured_arena(tmp_path / "bad.tflite") is None


@pytest.mark.skipif(not MODEL.exists(), reason="no models")
def test_it_is_what_the_reference_reports() -> None:
    pytest.importorskip("tflite_micro")
    from ircompile.verification.references.tflm import TflmReference

    use = TflmReference(MODEL).arena_use()
    assert measured_arena(MODEL) == {"activations": use.head, "persistent": use.tail}
