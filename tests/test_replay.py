"""`scripts/replay.py` says in what two emissions of a model differ."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import replay  # noqa: E402

JOB = (Path("net.tflite"), "cortex-m4", "rows", "auto")
EMITTED = {
    "arena": 100,
    "instructions": 5000,
    "plan": {"buffers": [1, 2]},
    "code": {"net.c": "int a;\nint b;\n"},
    "weights": {"net.c": "1", "net_weights.c": "2"},
}


def test_equal_emissions_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert not replay.told(JOB, EMITTED, deepcopy(EMITTED))
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arena": 104}, "arena: 100 -> 104"),
        ({"instructions": 5100}, "instructions: 5000 -> 5100"),
        ({"plan": {"buffers": [2, 1]}}, "the plan"),
        ({"code": {"net.c": "int a;\nint c;\n"}, "weights": {"net.c": "3", "net_weights.c": "2"}}, "+int c;"),
        ({"weights": {"net.c": "1", "net_weights.c": "4"}}, "net_weights.c: some lines"),
    ],
)
def test_says_what_differs(change: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.told(JOB, EMITTED, {**EMITTED, **change})
    assert said in capsys.readouterr().out


@pytest.mark.thorough
def test_a_compilation_equals_itself() -> None:
    job = (ROOT / "examples" / "digits" / "digits.onnx", "cortex-m4", "rows", "auto")
    first, second = replay.compiled(ROOT, job), replay.compiled(ROOT, job)
    assert first == second
    assert first["arena"] > 0
    assert "net_run" in first["code"]["net.h"] or "net_push_row" in first["code"]["net.h"]


def test_help() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "replay.py"), "--help"]
    assert "--base" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
