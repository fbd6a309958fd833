"""cppcheck's MISRA addon over portable C: every rule that it reports has a row in docs/embedding/misra.md."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from nets import Net

from ircompile.pipeline import build
from ircompile.target import load_target

PAGE = Path(__file__).parents[2] / "docs" / "embedding" / "misra.md"


def deviations() -> set[str]:
    """The rules that have a row."""
    rows = re.findall(r"^\| ((?:\d+\.\d+(?:, )?)+) \|", PAGE.read_text(), re.MULTILINE)
    return {rule for row in rows for rule in row.split(", ")}


@pytest.mark.toolchain
@pytest.mark.skipif(shutil.which("cppcheck") is None, reason="cppcheck is not installed")
@pytest.mark.parametrize("target", ["host", "cortex-m0plus"])
def test_every_rule_that_remains_has_a_deviation(target: str, tmp_path: Path) -> None:
    net = Net((9, 7, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    build(net.graph(), load_target(target), "net").write(tmp_path)
    words = ["cppcheck", "--addon=misra", "--std=c99", "-q", "--template={id}", "net.c", "net_weights.c"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = set(re.findall(r"misra-c2012-(\d+\.\d+)", done.stderr))
    assert found  # the addon ran
    assert found <= deviations(), sorted(found - deviations())


def test_rows_are_read() -> None:
    assert {"12.1", "18.4", "10.1", "10.4"} <= deviations()
