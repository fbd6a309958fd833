"""The command line: what it writes, prints and refuses."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nets import Net

from ircompile.cli import dump, explore, main
from ircompile.cli.console import number
from ircompile.errors import TooLarge
from ircompile.importers.ir import print_ir, read_ir, write_ir
from ircompile.kernels import pack
from ircompile.plan import Plan
from ircompile.plan import tables as schedule
from ircompile.plan.model import Tables

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    net = Net((9, 7, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    path = tmp_path / "small net.ir"
    write_ir(net.graph(), path)
    return path


def run(*words: object) -> int:
    return main([str(word) for word in words])


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
    digits = Path(__file__).parents[1] / "examples/digits/digits.onnx"
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
    assert "100 are given" in printed
    assert "as long as every row is computed once" in printed
    assert "hint" in printed


@pytest.mark.thorough
def test_a_budget_counts_the_pointer_to_a_blob(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (model, "--target", "m4", "--weights", "blob", "-o", tmp_path / "out", "--ram")
    assert run(*words, 100) == 2
    printed = capsys.readouterr().err
    least = int(re.findall(r"least found is (\d+) bytes, 100 are given", printed)[0])
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


def test_targets_lists_every_core(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets") == 0
    out = capsys.readouterr().out
    for core in ("m0plus", "m3", "m4", "m7", "m33", "m55", "m85"):
        assert f"cortex-{core}" in out


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
