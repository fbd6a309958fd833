"""Where the real models are, and skipping where they or the frameworks are not."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ircompile.errors import CompileError
from ircompile.verification.references import open_reference

MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[3] / "shared" / "models")


@pytest.fixture
def load() -> Callable[[str, str], Any]:
    """Open a model of the models' folder in a reference, or skip."""

    def open_or_skip(reference: str, model: str) -> Any:
        path = MODELS / model
        if not path.is_file():
            pytest.skip(f"no real models: {path} (set IRCOMPILE_MODELS)")
        try:
            return open_reference(reference, path)
        except CompileError as error:
            if "needs the Python package" in error.problem:
                pytest.skip(str(error))
            raise

    return open_or_skip


@pytest.fixture
def golden() -> Callable[[str], dict[str, Any]]:
    """The recorded inputs and outputs of a model."""

    def read(model: str) -> dict[str, Any]:
        path = MODELS / "golden" / f"{Path(model).stem}.npz"
        if not path.is_file():
            pytest.skip(f"no recorded outputs: {path} (set IRCOMPILE_MODELS)")
        with np.load(path) as data:
            return dict(data)

    return read
