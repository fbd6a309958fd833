"""`--board` on the command line: milliseconds never without their band, and a measurement beside the estimates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import run, valid

from ircompile.timing.board import load_board

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"


def test_analyze_on_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", DIGITS, "--board", "nucleo-h753zi") == 0
    out = capsys.readouterr().out
    assert re.search(r"^time +about [\d.]+ ms, [\d.]+ to [\d.]+ \(\+-\d+ %\) on nucleo-h753zi$", out, re.MULTILINE)
    assert run("analyze", DIGITS, "--board", "nucleo-l4r5zi", "--json") == 0
    found = valid(capsys.readouterr().out, "analyze")
    timing = found["timing"]
    assert timing["at_least"] < timing["milliseconds"] < timing["at_most"]
    assert timing["millijoules"] == pytest.approx(timing["milliseconds"] * 41.9 / 1000)
    assert sum(layer["cycles"] for layer in timing["layers"]) == pytest.approx(timing["cycles"], abs=20)


@pytest.mark.thorough
def test_compiling_for_a_board_plans_for_its_memories(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(DIGITS, "--board", "nucleo-h753zi", "--unverified", "--json", "-o", tmp_path) == 0
    found = valid(capsys.readouterr().out, "compile")
    assert [region["name"] for region in found["arena"]["regions"]] == ["dtcm", "axi"]
    assert found["timing"]["board"] == "nucleo-h753zi"
    assert found["timing"]["band"] > 0.1
    page = (tmp_path / "digits.html").read_text()
    assert re.search(r"[\d.]+ to [\d.]+ ms on nucleo-h753zi, \+-\d+ %", page)


def test_a_target_or_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", DIGITS, "--board", "nucleo-f446re", "--target", "m4") == 2
    assert "not allowed with argument --board" in capsys.readouterr().err
    assert run("bench", DIGITS, "--target", "m4", "--measured", "log.txt") == 2
    assert "hint: --board NAME" in capsys.readouterr().err
    assert run("bench", DIGITS, "--board", "nucleo-f446re", "--keep", "mine.toml") == 2
    assert "--measured LOG" in capsys.readouterr().err


def test_the_list_of_boards(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets", "--boards") == 0
    assert "nucleo-f446re" in capsys.readouterr().out
    assert run("targets", "--boards", "--json") == 0
    assert len(valid(capsys.readouterr().out, "boards")) >= 16


@pytest.mark.toolchain
def test_a_measurement_beside_the_estimates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A board that waits twice as long for its code, as its own file says afterwards."""
    assert run("bench", DIGITS, "--board", "nucleo-f446re", "--json") == 0
    found = valid(capsys.readouterr().out, "bench")
    assert found["timing"]["counted"]
    fetch = load_board("nucleo-f446re").fetch
    cycles = {layer["layer"]: layer["cycles"] for layer in found["timing"]["layers"]}
    counted = {layer["layer"]: layer["instructions"] for layer in found["layers"]}
    slow = {name: round(cycles[name] + fetch * counted[name]) for name in cycles if name != "(schedule)"}
    lines = [f"cycles digits {name} {count}" for name, count in slow.items()]
    (tmp_path / "log.txt").write_text("\n".join([*lines, f"cycles digits (all) {sum(slow.values())} by dwt"]))
    words = ("--measured", tmp_path / "log.txt", "--keep", tmp_path / "mine.toml")
    assert run("bench", DIGITS, "--board", "nucleo-f446re", "--json", *words) == 0
    measured = valid(capsys.readouterr().out, "bench")["measured"]
    assert measured["fitted_error"] < 0.01
    (wait,) = [each for each in measured["waits"] if each["term"] == "fetch"]
    assert wait["fitted"] == pytest.approx(2 * wait["assumed"], rel=0.05)
    assert load_board(str(tmp_path / "mine.toml")).fetch == pytest.approx(2 * fetch, rel=0.05)
    assert run("bench", DIGITS, "--board", tmp_path / "mine.toml", "--measured", tmp_path / "log.txt",
               "--report", tmp_path / "net.html") == 0  # fmt: skip
    assert "inside the band" in capsys.readouterr().out
    page = (tmp_path / "net.html").read_text()
    table = page[page.index('<table id="measured-layers">') :].partition("</table>")[0]
    found = dict(re.findall(r'<td class="wrap">(.+?)</td>.*?--share: [\d.]+">([\d,]+)</td>', table))
    assert {name: int(count.replace(",", "")) for name, count in found.items()} == slow
    assert '<h2 id="measured">Measured on mine</h2>' in page
