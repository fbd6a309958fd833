"""The page of measured exactness says what was measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from exactness_page import page

RUNG = {"inputs": 2, "compared": 40, "differing": 0}


def measured(differing: int) -> tuple[dict[str, Any], dict[str, Any]]:
    distance = {"compared": 20, "differing": differing, "largest": differing}
    ladder = {"numerics": "tflm", "layers": 3, "golden": distance, "numpy": RUNG, "host": RUNG,
              "qemu": {**RUNG, "inputs": 1, "compared": 20}, "revision": "abc"}  # fmt: skip
    kind = {
        "kind": "ADD",
        "op": "Binary",
        "compared": 1000,
        "differing": differing,
        "ties": 0,
        "largest": differing,
    }
    alone = {
        "reference": "tflm",
        "layers": 3,
        "kinds": [kind],
        "whole": distance,
        "missing": {"CAST": 1},
        "revision": "abc",
    }
    return ladder, alone


def test_the_page_sums_over_models() -> None:
    (a, alone_a), (b, alone_b) = measured(0), measured(2)
    refused = {"refused": "c.tflite: float model (supported: int8)", "revision": "abc"}
    text = page({"a": a, "b": b, "c": refused}, {"a": alone_a, "b": alone_b, "c": refused})
    assert "on 2 real models" in text
    assert "| b | tflm | 3 | 2 | 2 of 20, by 2 | 2 of 20, by 2 | 0 | 0 | 0 (1 input) |" in text
    assert "| ADD | Binary | 2 | 2,000 | 2 | 0 | 2 |" in text
    assert "C under QEMU 0 of 40" in text
    assert "* `c`: c.tflite: float model" in text
