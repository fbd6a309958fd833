"""`--ram` and `ircompile explore`: which plans there are, and what is said where none fits."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
from commands import run
from nets import Net

from ircompile.cli import explore
from ircompile.cli.console import number
from ircompile.errors import TooLarge
from ircompile.importers.ir import write_ir


@pytest.mark.thorough
def test_explore_lists_plans_that_ram_finds_again(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "front.svg"
    assert run("explore", model, "--target", "m4", "--json", "--input", "rows", "--picture", picture) == 0
    front = json.loads(capsys.readouterr().out)
    assert front == sorted(front, key=lambda point: -point["ram"])
    assert front == sorted(front, key=lambda point: point["instructions_estimate"])
    apart = {"auto", "min"} - {word for point in front for word in point["given_by"]}
    assert picture.read_text().count("<circle") == len(front) + len(apart)
    for point in front:
        words = ("--target", "m4", "--input", "rows", "--ram", point["ram"], "-o", tmp_path / "out", "--json")
        assert run(model, *words) == 0
        data = json.loads(capsys.readouterr().out)
        assert (data["arena"]["bytes"], data["macs"]) == (point["ram"], point["macs"])


def test_explore_says_which_plans_are_the_default_and_the_least(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, net = tmp_path / "two.ir", Net((9, 7, 3))
    write_ir(net.graph(net.conv(net.conv("x", 8), 4)), path)
    assert run("explore", path, "--target", "m4") == 0
    titles, *rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    given = {word: row[0] for row in rows for word in row[titles.index("given by")].split(", ")}
    assert run("dump", path, "--target", "m4", "--stage", "plan") == 0
    arena = int(re.findall(r" arena=(\d+) ", capsys.readouterr().out)[0])
    assert given["--ram auto (default)"] == number(arena)
    front = explore.front_of
    monkeypatch.setattr(explore, "front_of", lambda *of: [{**point, "ram": 10} for point in front(*of)])
    assert run("explore", path, "--target", "m4", "--json") == 0
    printed = capsys.readouterr()
    assert all(point["given_by"] == [] for point in json.loads(printed.out))
    assert f"--ram auto (default) is not among these: {number(arena)} bytes" in printed.err


def test_a_budget_that_nothing_fits_is_explained(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, "--target", "m4", "--ram", "100") == 2
    printed = capsys.readouterr().err
    assert "the least found is" in printed
    assert "100 bytes are given" in printed
    assert "as long as every row is computed once" in printed
    assert "hint" in printed


@pytest.mark.thorough
def test_a_budget_counts_the_pointer_to_a_blob(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (model, "--target", "m4", "--weights", "blob", "-o", tmp_path / "out", "--ram")
    assert run(*words, 100) == 2
    printed = capsys.readouterr().err
    least = int(re.findall(r"100 bytes are given, the least found is (\d+)", printed)[0])
    assert f"(supported: {least} bytes and more)" in printed
    assert run(*words, least - 1) == 2
    assert run(*words, least) == 0


def test_an_error_of_a_budget_can_be_pickled() -> None:
    error = TooLarge("net", 4164, 1024, "it is wide", "a smaller input").counting(8)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.supported, again.counting(-8).supported) == ("4,172 bytes and more", "4,164 bytes and more")


def test_rows_are_proposed_where_they_help(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, net = tmp_path / "tall.ir", Net((40, 8, 4))
    write_ir(net.graph(net.conv("x", 4, (3, 3), (4, 4))), path)
    words = (path, "--target", "m4", "-o", tmp_path / "out", "--ram")
    assert run(*words, 1200) == 2  # the input alone has 1,280
    assert "hint: --input rows may do" in capsys.readouterr().err
    assert run(*words, 1200, "--input", "rows") == 0
    capsys.readouterr()
    for hopeless in ((40,), (40, "--input", "rows")):
        assert run(*words, *hopeless) == 2
        assert "--input rows" not in capsys.readouterr().err
