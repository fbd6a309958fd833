"""The command line: what it writes, prints and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from commands import run

from ircompile.importers.ir import print_ir, read_ir, write_ir
from ircompile.kernels import pack
from ircompile.plan import Plan
from ircompile.plan import tables as schedule
from ircompile.plan.model import Tables

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"


def test_compile_writes_four_files_and_a_summary(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, "--target", "host", "-o", tmp_path / "out") == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"small_net{end}" for end in (".c", ".h", ".html", ".json", "_weights.c")]
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "small_net.json").read_text())
    assert f"{report['arena']['bytes']:,} bytes" in printed
    assert "numerics  tflm" in printed


def test_the_summary_says_what_a_camera_and_flash_must_do(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = ("--memory", "A=700", "--memory", "b=64K")
    assert run(model, "--target", "host", "-o", tmp_path / "out", "--input", "rows", *memory) == 0
    lines = capsys.readouterr().out.splitlines()
    report = json.loads((tmp_path / "out" / "small_net.json").read_text())
    assert [line[:9].strip() for line in lines[:6]] == ["model", "target", "arena", "", "", "push_row"]
    assert f"about {report['weight_bytes_read']:,} bytes of weights per inference" in "\n".join(lines)
    push = report["push"]
    said = (
        f"push_row  at most {push['largest']:,} instructions (row {push['at_row']}), typically {push['typical']:,}"
    )
    assert sum(line.startswith(said) for line in lines) == 1


def test_json_prints_the_report(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, "--target", "host", "-o", tmp_path / "out", "--json", "--name", "net2") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["model"]["name"] == "net2"
    assert data["macs"] == sum(layer["macs"] for layer in data["layers"])
    for layer in data["layers"]:  # every channel has one form
        channels = layer["output"][2] if layer["requantization"] else 0
        assert sum(layer["requantization_channels"].values()) == channels
    written = json.loads((tmp_path / "out" / "net2.json").read_text())
    assert {key: data[key] for key in written} == written


@pytest.mark.thorough
def test_emitted_c_is_the_same_under_any_hash_seed(model: Path, tmp_path: Path) -> None:
    texts = []
    for seed in ("0", "1", "12345"):
        folder = tmp_path / seed
        command = [sys.executable, "-m", "ircompile", str(model), "--target", "cortex-m4", "-o", str(folder)]
        subprocess.run(command, env={"PYTHONHASHSEED": seed, "PATH": ""}, check=True, capture_output=True)
        texts.append([(folder / f"small_net{end}").read_text() for end in (".h", ".c", "_weights.c")])
    assert texts[0] == texts[1] == texts[2]


def test_targets_lists_every_core(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets") == 0
    out = capsys.readouterr().out
    for core in ("m0plus", "m3", "m4", "m7", "m33", "m55", "m85"):
        assert f"cortex-{core}" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.onnx", "--target", "m4"], "cannot be read"),
        (["{model}", "--target", "m99"], "unknown target"),
        (["{model}", "--target", "m4", "--name", "7up"], "no C identifier"),
        (["{model}", "--target", "m4", "--name", "while"], "a word of C's own"),
        (["{model}", "--target", "m4", "--numerics", "ort"], "numerics ort"),
        (["verify", "{model}", "--target", "m4", "--on", "moon"], "unknown rung"),
        (["{model}", "--target", "m4", "--verify", "moon"], "argument --verify: unknown rung"),
        (["verify", "{model}", "--target", "m4", "--inputs", "nothing.npz"], "cannot be read: No such file"),
        (["verify", "{model}", "--target", "m4", "--inputs", "nope.png"], "nope.png: cannot be read: No such file"),
        (
            ["verify", str(EXAMPLE), "--target", "m4", "--on", "numpy", "--against", "tflm"],
            "Micro runs no onnx files",
        ),
        (["sweep", "mobilnet_v2", "--target", "m4"], "neither a family nor a file"),
        (["help"], "'ircompile --help' lists the commands"),
        (["{folder}", "--target", "m4"], "cannot be read"),
    ],
)
def test_errors_are_one_clear_message_and_write_nothing(
    words: list[str], says: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run(*(word.format(model=model, folder=tmp_path) for word in words)) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.startswith("error: ")
    assert printed.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [("--target", "host"), ("--target", "host", "--format", "cmake")])
def test_an_output_that_is_a_file_is_refused(
    words: tuple[str, ...], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("export", model, *words) if "--format" in words else (model, *words)
    (tmp_path / "out").write_text("mine")
    for output, named in (("out", "out"), ("out/below", "out"), ("net.c", "net.c"), ("Net.HTML", "Net.HTML")):
        assert run(*command, "-o", tmp_path / output) == 2
        assert f"{str(tmp_path / named)!r} is the name of a file; -o takes a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["out", model.name, model.with_suffix(".npz").name]
    )


def test_an_output_is_any_folder(model: Path, tmp_path: Path) -> None:
    (tmp_path / "made.c").mkdir()
    for output in ("made.c", "v1.2/deep"):
        assert run(model, "--target", "host", "-o", tmp_path / output) == 0
        assert (tmp_path / output / "small_net.c").exists()


def test_own_ir_round_trips(model: Path, tmp_path: Path) -> None:
    graph = read_ir(model)
    write_ir(graph, tmp_path / "again.ir")
    again = read_ir(tmp_path / "again.ir")
    assert print_ir(again) == print_ir(graph)
    assert (tmp_path / "again.npz").read_bytes() == model.with_suffix(".npz").read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        "node evil = __import__('os').system('true') (x) -> y",
        "tensor x (1, 2) int8 scale=1.0 zero_point=0",
        "tensor q (1, 1, 1) int8 scale=nan zero_point=0",
        "tensor q (1, 1, 999999999999) int8 scale=1.0 zero_point=0",
        "node n = Table(table='gone') (x) -> x",
        "nonsense",
        "node n = Reshape(shape=" + "(" * 500 + ")" * 500 + ") (x) -> y",
    ],
)
def test_hostile_ir_is_refused(line: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.write_text(model.read_text() + line + "\n")
    assert run(model, "--target", "host") == 2
    assert "error: " in capsys.readouterr().err


def test_a_mistake_that_the_checks_find_is_ours_and_nothing_is_written(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = schedule.schedule_tables

    def wrong(plan: Plan) -> Tables:
        tables = right(plan)
        return replace(tables, stages=tuple(replace(stage, steps=stage.steps - 1) for stage in tables.stages))

    monkeypatch.setattr(pack, "schedule_tables", wrong)
    assert run(model, "--target", "host", "-o", tmp_path / "out") == 70
    told = " ".join(capsys.readouterr().err.split())
    assert "checked its own work and found a mistake, so that nothing was written: layer" in told
    assert not (tmp_path / "out").exists()
