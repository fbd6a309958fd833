"""`ircompile dump`: any stage of the compilation as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import run
from nets import Net

from ircompile.cli import dump


@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_dump_shows_graph_and_plan(model: Path, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dump", model, "--target", "host", "--stage", "graph") == 0
    assert "Depthwise" in capsys.readouterr().out
    assert run("dump", model, "--target", "host", "--stage", "plan", "--input", mode) == 0
    plan = capsys.readouterr().out
    assert f"input={mode}" in plan
    assert "buffer x at" in plan


def test_dump_shows_every_stage(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each in its own words; a pass that changes the graph is named with the lines that it changes."""
    shown = {}
    for stage in dump.STAGES:
        assert run("dump", model, "--target", "m4", "--stage", stage) == 0
        shown[stage] = capsys.readouterr().out
    assert shown["imported"] == shown["graph"]
    assert shown["passes"] == "no pass changes this graph\n"
    assert len(set(shown.values())) == len(shown) - 1
    assert "depthwise" in shown["lowered"]
    assert "requantization" in shown["program"]
    assert "bytes" in shown["program"]


@pytest.mark.thorough
def test_dump_says_which_tensors_share_a_ring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = Path(__file__).parents[2] / "examples/digits/digits.onnx"
    assert run("dump", digits, "--target", "m4", "--stage", "plan", "--ram", "min") == 0
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if line.startswith("buffer ")}
    shared = [name for name, line in lines.items() if "shared with" in line]
    assert any("row 0 in slot" in lines[name] for name in shared)
    for name in shared:
        for other in lines[name].split("shared with ")[1].split(" and "):
            assert name in lines[other].split("shared with ")[1].split(" and ")
            assert lines[name].split()[3] == lines[other].split()[3]


def test_passes_say_what_they_change() -> None:
    net = Net((4, 4, 8))
    net.conv("x", 3)
    text = dump.changes_by_pass(net.graph(net.conv("x", 8)))
    assert "+++ drop_dead" in text
    assert any(line.startswith("-") and "conv0" in line for line in text.splitlines())
