"""Real networks, where they are."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from ircompile.ir.graph import Graph
from ircompile.pipeline import read

MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[3] / "shared" / "models")


@cache
def real_model(name: str) -> Graph:
    """A TFLite or ONNX model, normalized; skips the test where it is not here."""
    paths = [MODELS / f"{name}.{ending}" for ending in ("tflite", "onnx")]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        pytest.skip(f"no {name} in {MODELS.name}: set IRCOMPILE_MODELS")
    return read(path)
