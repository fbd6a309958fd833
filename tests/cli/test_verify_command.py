"""`ircompile verify`, and the proof that a compilation is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import run


@pytest.mark.toolchain
def test_verify_climbs_the_ladder(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", model, "--target", "m4", "--on", "numpy,host,qemu", "--json") == 0
    rungs = json.loads(capsys.readouterr().out)
    assert [rung["name"] for rung in rungs] == ["numpy", "host", "qemu"]
    assert all(rung["differing"] == 0 and rung["compared"] > 0 for rung in rungs)


@pytest.mark.toolchain
def test_verify_runs_portable_c_in_place_of_helium(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", model, "--target", "m55", "--random", 1, "--json") == 0
    printed = capsys.readouterr()
    assert [rung["differing"] for rung in json.loads(printed.out)] == [0, 0]
    assert "host ran portable C" in printed.err


@pytest.mark.toolchain
def test_verify_takes_files_and_reports_the_first_difference(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ircompile.verification import ladder

    np.savez(tmp_path / "in.npz", x=np.zeros((9, 7, 3), np.int8))
    files = ("--inputs", tmp_path / "in.npz", "--random", 0)
    assert run("verify", model, "--target", "host", "--on", "numpy", *files) == 0
    capsys.readouterr()

    def broken(compiled, vectors):  # type: ignore[no-untyped-def]
        outputs = ladder.on_numpy(compiled, vectors)
        for out in outputs:
            for name, array in out.items():
                if compiled.graph.nodes[-1].output == name and len(compiled.graph.nodes) >= 3:
                    array[0, 0, 0] ^= 1
        return outputs

    monkeypatch.setitem(ladder.RUNNERS, "numpy", broken)
    assert run("verify", model, "--target", "host", "--on", "numpy", *files) == 1
    out = capsys.readouterr().out
    assert "DIFFER" in out
    assert "dw2" in out  # the third node is the first that differs
    assert "[0, 0, 0]" in out


@pytest.mark.thorough
def test_a_compilation_that_fails_its_proof_says_so(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ircompile.verification import ladder

    words = (model, "--target", "m4", "-o", tmp_path / "out", "--verify", "numpy", "--explore")
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert "numpy = graph, equal" in printed
    assert "explored" in printed

    def spoiled(compiled, vectors):  # type: ignore[no-untyped-def]
        return [{name: array ^ 1 for name, array in out.items()} for out in ladder.on_numpy(compiled, vectors)]

    monkeypatch.setitem(ladder.RUNNERS, "numpy", spoiled)
    assert run(*words) == 1
    assert "DIFFER" in capsys.readouterr().out
