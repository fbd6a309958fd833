"""What people are shown: messages and tables of readable width, whatever names a framework writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from nets import Net

from ircompile.cli import main
from ircompile.cli.console import print_error, print_table
from ircompile.emit.templating import shorten
from ircompile.errors import CompileError
from ircompile.importers.ir import write_ir

FUSED = ";".join(f"model/block_{i}/BatchNorm/FusedBatchNormV3" for i in range(5))


def test_names_of_fused_layers_are_short_and_all_else_stays() -> None:
    assert len(shorten(FUSED)) == 60
    assert shorten(FUSED) == f"{FUSED[:30]}...{FUSED[-27:]}"
    assert (
        shorten(f"node 3 '{FUSED}' CONV_2D: 7 bytes; no more")
        == f"node 3 '{shorten(FUSED)}' CONV_2D: 7 bytes; no more"
    )
    for text in ("a/conv;a/bias", "x" * 200, "/home/" + "long/" * 40 + "net.tflite", ""):
        assert shorten(text) == text


def test_a_long_list_of_what_is_supported_stands_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    known = ", ".join(f"OPERATOR_{i}" for i in range(40))
    print_error(
        CompileError(f"net.tflite node 0 '{FUSED}' LSTM", "is not a supported operator", known, "replace it")
    )
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"error: net.tflite node 0 '{shorten(FUSED)}' LSTM: is not a supported operator"
    assert lines[1:3] == ["hint: replace it", "supported:"]
    assert " ".join(line.strip() for line in lines[3:]) == known
    assert max(map(len, lines[1:])) <= 100
    print_error(CompileError("--on", "unknown rung", "numpy, host"))
    assert capsys.readouterr().err == "error: --on: unknown rung (supported: numpy, host)\n"


@pytest.mark.thorough
@pytest.mark.parametrize("words", [["check", "--all"], ["check", "--json"], ["analyze", "--target", "m4"]])
def test_a_reader_that_has_ended_is_no_verdict(words: list[str], tmp_path: Path) -> None:
    net = Net((4, 4, 3))
    net.conv("x", 2)
    write_ir(net.graph(), tmp_path / "net.ir")
    command = [sys.executable, "-m", "ircompile", words[0], str(tmp_path / "net.ir"), *words[1:]]
    end, other = os.pipe()
    os.close(end)
    done = subprocess.run(command, stdout=other, stderr=subprocess.PIPE, text=True, check=False)
    os.close(other)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_error_that_nobody_reads_has_its_status() -> None:
    end, other = os.pipe()
    os.close(end)
    command = [sys.executable, "-m", "ircompile", "check", "nowhere.tflite"]
    assert subprocess.run(command, stderr=other, check=False).returncode == 2
    os.close(other)


def test_tables_show_short_names_and_json_has_them_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table(("name", "bytes"), [(FUSED, 7)])
    assert capsys.readouterr().out == f"name\tbytes\n{shorten(FUSED)}\t7\n"
    net = Net((4, 4, 3))
    net.conv("x", 2)
    graph = net.graph()
    write_ir(graph.rebuilt([replace(node, source=FUSED) for node in graph.nodes]), tmp_path / "net.ir")
    assert main(["analyze", str(tmp_path / "net.ir"), "--target", "m4"]) == 0
    assert f"at conv0 ({shorten(FUSED)})" in capsys.readouterr().out
    assert main(["analyze", str(tmp_path / "net.ir"), "--target", "m4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["peak_source"] == FUSED
