"""Random TFLite networks of every operator: equal to a framework, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tflite_any import draw_any
from tflite_compare import reference
from tflite_files import T, one_op
from tflite_fuzz import CRASHED, judged

from ircompile.importers.tflite import LOWERINGS

OWN_TESTS = {"BATCH_TO_SPACE_ND", "BROADCAST_TO", "DIV", "GELU", "RELU_0_TO_1", "SPACE_TO_BATCH_ND"}
"""Operators that are drawn nowhere: they need a partner, or few versions of the frameworks know them."""


@pytest.mark.thorough
@pytest.mark.parametrize("first", range(0, 120, 40))
def test_any_operators(first: int, tmp_path: Path) -> None:
    for name in ("tflm", "litert-ref"):
        x = T((1, 3), "int8", 0.1, 0)
        reference(name, one_op(tmp_path / "any.tflite", "ABS", [x], [x]))
    verdicts = list(judged("any", range(first, first + 40)))
    assert not [text for _, text, find in verdicts if find]
    assert sum(text == "equal" for _, text, _ in verdicts) >= 25
    assert sum(text == CRASHED for _, text, _ in verdicts) <= 3


def test_all_operators_are_drawn() -> None:
    drawn = {op.kind for seed in range(700) for op in draw_any(seed).ops}
    assert drawn <= set(LOWERINGS)
    assert len(drawn) >= 45
    assert not drawn & OWN_TESTS
