"""Portable C under GCC's and Clang's analyzers, which follow its paths: nothing is reported."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from golden_nets import GOLDEN

from ircompile.pipeline import build
from ircompile.target import load_target

GCC = ["gcc", "-std=c99", "-O1", "-fanalyzer", "-c", "-o", "net.o", "net.c"]
CLANG = ["clang", "--analyze", "-std=c99", "-Xclang", "-analyzer-output=text", "net.c"]
QUICK = ("dense", "pooled")


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("name", "command"),
    [(name, GCC) for name in GOLDEN]
    + [pytest.param(name, CLANG, marks=() if name in QUICK else pytest.mark.slow) for name in GOLDEN],
)
def test_analyzers_find_nothing(name: str, command: list[str], tmp_path: Path) -> None:
    golden = GOLDEN[name]
    build(golden.make(), load_target("host"), "net", golden.mode).write(tmp_path)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.toolchain
@pytest.mark.parametrize("command", [GCC, CLANG])
def test_analyzers_find_a_fault(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "net.c").write_text("int f(int n)\n{\n    int *p = n > 1 ? &n : 0;\n    return *p;\n}\n")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "warning" in done.stderr
