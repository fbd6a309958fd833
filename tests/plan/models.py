"""Real networks, where they are."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from ircompile.graph import Graph
from ircompile.pipeline import read

MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[3] / "shared" / "models")


@cache
def real_model(name: str) -> Graph:
    """A TFLite model, normalized; skips the test where it is not here."""
    path = MODELS / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"no {path.name} in {MODELS.name}: set IRCOMPILE_MODELS")
    return read(path)
