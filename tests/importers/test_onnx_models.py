"""Real models: the example of this repository, and those of a folder that is not part of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from onnx_compare import Comparison, compared

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("IRCOMPILE_MODELS") or ROOT.parent / "shared" / "models")
MODELS = sorted(FOLDER.glob("*.onnx"))
# Kinds of nodes in which ONNX Runtime's float arithmetic may round a tie otherwise: at most so many of a million.
TIES = {"Binary": 50, "AveragePool": 10_000}


def check(comparison: Comparison) -> None:
    assert {"QLinearConv"} & set(comparison.exact) or {"QGemm"} & set(comparison.exact)
    for kind, tally in comparison.tallies.items():
        assert (tally.largest <= 1, tally.differing) == (True, tally.ties), (kind, tally)
        assert tally.differing * 1_000_000 <= TIES.get(kind, 0) * tally.elements, (kind, tally)
    assert "Transpose" not in {type(node.op).__name__ for node in comparison.graph.nodes}


def test_digits() -> None:
    comparison = compared(ROOT / "examples" / "digits" / "digits.onnx", count=3)
    check(comparison)
    assert comparison.ends.differing == 0
    assert {kind for kind, tally in comparison.tallies.items() if tally.differing} == set()


@pytest.mark.thorough
@pytest.mark.skipif(not MODELS, reason="no models: set IRCOMPILE_MODELS to a folder of them")
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_real_model(path: Path) -> None:
    """Every integer operator equals ONNX Runtime's on recorded inputs; others within one code."""
    comparison = Comparison(path)
    golden = FOLDER / "golden" / f"{path.stem}.npz"
    with np.load(golden) as archive:
        for kind in ("rand", "real"):
            if f"{kind}_x0" in archive:
                comparison.run([archive[f"{kind}_x0"]])
    check(comparison)
    assert comparison.ends.largest <= 1
