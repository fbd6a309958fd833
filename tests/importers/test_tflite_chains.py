"""Random chains of operators that move, join, cut and reduce: equal to a framework, or refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tflite_chains import draw
from tflite_compare import reference
from tflite_files import T, one_op
from tflite_fuzz import judge

FAMILY = {
    "TRANSPOSE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK",
    "CONCATENATION", "PACK", "PAD", "PADV2", "MEAN", "REDUCE_MAX", "REDUCE_MIN", "ADD", "MUL", "CONV_2D",
}  # fmt: skip


@pytest.fixture
def frameworks(tmp_path: Path) -> None:
    for name in ("tflm", "litert-ref"):
        x = T((1, 3), "int8", 0.1, 0)
        reference(name, one_op(tmp_path / "any.tflite", "ABS", [x], [x]))


@pytest.mark.thorough
@pytest.mark.parametrize("first", range(0, 400, 50))
def test_chains(first: int, frameworks: None, tmp_path: Path) -> None:
    verdicts = Counter(judge(seed, tmp_path) for seed in range(first, first + 50))
    assert verdicts["equal"] >= 45, verdicts


@pytest.mark.thorough
@pytest.mark.parametrize(
    "first", [pytest.param(n, marks=[pytest.mark.slow] if n % 500 else []) for n in range(1000, 3000, 250)]
)
def test_more_chains(first: int, frameworks: None, tmp_path: Path) -> None:
    verdicts = Counter(judge(seed, tmp_path) for seed in range(first, first + 250))
    assert verdicts["equal"] >= 230, verdicts


def test_all_operators_are_drawn() -> None:
    assert {op.kind for seed in range(400) for op in draw(seed).ops} == FAMILY
    assert {len(draw(seed).ops) for seed in range(400)} == {1, 2, 3, 4, 5}
    assert {len(tensor.shape) for seed in range(400) for tensor in draw(seed).tensors if tensor.data is None} == {
        1, 2, 3, 4, 5,
    }  # fmt: skip
