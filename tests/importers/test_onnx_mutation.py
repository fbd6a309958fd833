"""A slice of the damaged files that `tests/onnx_mutation.py` makes; it runs tens of thousands."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx_mutation import judge

pytest.importorskip("onnxruntime.quantization")


@pytest.mark.parametrize("part", range(4))
def test_damaged_files(part: int, tmp_path: Path) -> None:
    for seed in range(part * 60, (part + 1) * 60):
        assert judge(seed, tmp_path) is None, seed
