"""`ircompile check` and `ircompile analyze`, and what is told of errors that are ours."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from commands import SCHEMAS, run, valid
from nets import Net
from test_check import chain

from ircompile import __version__
from ircompile.cli import answers
from ircompile.importers.findings import Finding
from ircompile.importers.ir import write_ir
from ircompile.ir.ops import Resize
from ircompile.plan.bound import MEANING
from ircompile.report.support import Check
from ircompile.variants.estimate import analyze_graph

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    net = Net((33, 33, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 4, 8)
    write_ir(net.graph(), tmp_path / "net.ir")
    return tmp_path / "net.ir"


def test_check_lists_all_problems_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = chain(tmp_path / "a.onnx", ("LRN", {"size": 3}), ("Det", {}), ("Relu", {}), ("LRN", {"size": 5}))
    assert run("check", path) == 1
    out = capsys.readouterr().out
    assert "LRN x 2: operator is not supported\n    nodes 2 'op0', 11 'op3'\n" in out
    assert out.count("supported: ") == out.count("hint: ") == 1  # what is the same is not said twice
    assert "a.onnx cannot be compiled: 14 operators, 11 supported, 3 unsupported" in out
    assert max(map(len, out.splitlines())) <= 100


def test_check_counts_ends_beside_operators(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        Finding(-1, "x", "input", "unsupported", "is int16", "int8"),
        Finding(0, "a", "CONV", "supported"),
        Finding(1, "b", "CONV", "constant"),
        Finding(2, "c", "CONV", "supported"),
    ]
    answers._print_check(Check("net.tflite", tuple(found)), everything=False)
    out = capsys.readouterr().out
    assert out.startswith("input 'x': is int16\n    supported: int8\n")
    counted = "3 operators, all supported (1 of them constant: computed when compiling), 1 input unsupported"
    assert out.endswith(f"cannot be compiled: {counted}\n")


def test_check_of_a_damaged_file_counts_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "none.tflite").write_bytes(b"nothing")
    assert run("check", tmp_path / "none.tflite") == 1
    assert capsys.readouterr().out.endswith("\nnone.tflite cannot be compiled\n")


def test_check_of_a_good_model(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", model) == 0
    assert capsys.readouterr().out == "net.ir can be compiled: 5 operators, all supported\n"
    assert run("check", model, "--all") == 0
    assert capsys.readouterr().out.count("\tsupported\n") == 5


def test_check_json_follows_its_schema(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", model, "--json") == 0
    assert valid(capsys.readouterr().out, "check")["supported"] is True
    bad = chain(tmp_path / "a.onnx", ("LRN", {"size": 3}), ("Det2", {}), ("Relu", {}))
    assert run("check", bad, "--json") == 1
    data = valid(capsys.readouterr().out, "check")
    assert {f["verdict"] for f in data["findings"]} >= {"supported", "unsupported", "not checked"}


def test_analyze_says_what_it_needs_and_where_it_peaks(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", model, "--target", "m4") == 0
    out = capsys.readouterr().out
    for word in ("arena", "bound", "peak", "it holds", "flash"):
        assert word in out
    assert "verdict" not in out


@pytest.mark.parametrize(("ram", "code", "verdict"), [("64K", 0, "fits"), (4000, 1, "fits with changes")])
def test_analyze_answers_whether_it_fits(
    model: Path, ram: object, code: int, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("analyze", model, "--target", "m4", "--ram", ram) == code
    assert f"verdict   {verdict}, by an estimate that compiling confirms or refuses: " in capsys.readouterr().out
    assert run("analyze", model, "--target", "m4", "--ram", ram, "--json") == code
    data = valid(capsys.readouterr().out, "analyze")
    assert (data["verdict"], data["fits"]) == (verdict, code == 0)
    assert data["lower_bound"] <= data["arena"]
    assert any(option["fits"] for option in data["options"]) == (code == 1)


def test_analyze_sends_to_the_compiler_before_a_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", EXAMPLE, "--target", "m4", "--ram", 3150) == 1
    out = capsys.readouterr().out
    rows = " --input rows" if "--input rows: the input is pushed" in out else ""
    assert out.index(f"--ram 3150{rows}: compiling splits layers") < out.index("train it")


def test_analyze_sends_nobody_to_the_compiler_with_an_output_that_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net, path = Net((32, 32, 3)), tmp_path / "net.ir"
    x = net.conv(net.conv("x", 8, (3, 3), (2, 2), relu=True), 4)
    write_ir(net.graph(net.add("up", Resize("nearest", (64, 64)), (x,), zero=net.tensors[x].zero_point)), path)
    assert run("analyze", path, "--target", "m4", "--ram", 64 * 64 * 4 - 1) == 1
    out = capsys.readouterr().out
    assert "train it for an input of" in out
    assert "compiling splits" not in out


def test_analyze_says_what_goes_to_which_memory(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("analyze", model, "--target", "m4", "--memory", "dtcm=3K", "--memory", "sram=64K")
    assert run(*words) == 0
    out = capsys.readouterr().out
    assert "bytes in dtcm" in out
    assert "bytes in sram" in out
    assert run(*words, "--json") == 0
    regions = valid(capsys.readouterr().out, "analyze")["regions"]
    assert [region["name"] for region in regions] == ["dtcm", "sram"]


def test_targets_and_explore_follow_their_schemas(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets", "--json") == 0
    assert len(valid(capsys.readouterr().out, "targets")) >= 8
    assert run("explore", model, "--target", "m4", "--json") == 0
    assert valid(capsys.readouterr().out, "explore")


def test_verify_follows_its_schema(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", model, "--target", "m4", "--on", "numpy", "--random", 1, "--json") == 0
    assert valid(capsys.readouterr().out, "verify")


@pytest.mark.thorough
def test_verify_isolated_follows_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    words = ("--target", "m4", "--on", "numpy", "--random", 1, "--isolated", "--json")
    assert run("verify", EXAMPLE, *words) == 0
    assert valid(capsys.readouterr().out, "verify")["isolated"]["layers"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "extra", [(), ("--input", "rows", "--weights", "blob"), ("--memory", "a=4K", "--memory", "b=9K")]
)
def test_compile_follows_its_schema(
    extra: tuple[str, ...], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, "--target", "m4", "-o", tmp_path / "out", "--verify", "numpy", *extra, "--json") == 0
    data = valid(capsys.readouterr().out, "compile")
    written = (tmp_path / "out" / "net.json").read_text()
    assert valid(written, "compile") == {key: value for key, value in data.items() if key != "files"}
    with pytest.raises(jsonschema.ValidationError):
        valid(json.dumps({**data, "unheard of": 1}), "compile")
    assert (data["push"] is None) == ("rows" not in extra)
    assert sum(region["bytes"] for region in data["arena"]["regions"]) == data["arena"]["bytes"]
    if len(data["arena"]["regions"]) == 1:
        header = (tmp_path / "out" / "net.h").read_text()
        assert f"#define NET_ARENA_BYTES {data['arena']['bytes']}\n" in header


@pytest.mark.toolchain
def test_a_compilation_with_everything_and_bench_follow_their_schemas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "3").mkdir()
    np.save(tmp_path / "3" / "a.npy", np.zeros((32, 32, 1), np.int8))
    words = ("--target", "m4", "--bench", "--explore", "--isolated", "--selftest", "--accuracy", tmp_path)
    assert run(EXAMPLE, *words, "-o", tmp_path / "out", "--json") == 0
    data = valid(capsys.readouterr().out, "compile")
    assert data["front"]
    assert data["accuracy"]["samples"] == 1
    assert run("bench", EXAMPLE, "--target", "m4", "--json") == 0
    assert valid(capsys.readouterr().out, "bench") == data["bench"]


def test_every_schema_is_one_and_describes_every_key() -> None:
    paths = sorted(SCHEMAS.glob("*.json"))
    assert [path.stem for path in paths] == [
        "analyze",
        "bench",
        "boards",
        "check",
        "compile",
        "explore",
        "quantize",
        "sweep",
        "targets",
        "timing",
        "verify",
    ]
    for path in paths:
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["title"]
        assert schema["description"]


def test_an_error_of_ours_is_told_in_a_paragraph(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the moon is blue")

    monkeypatch.setattr(answers, "analyze_graph", broken)
    assert run("analyze", model, "--target", "m4") == 70
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "RuntimeError: the moon is blue" in printed.err
    assert f"ircompile {__version__}, Python 3" in printed.err
    assert f"ircompile analyze {model} --target m4" in printed.err
    assert "Traceback" not in printed.err
    monkeypatch.setenv("IRCOMPILE_DEBUG", "1")
    with pytest.raises(RuntimeError, match="blue"):
        run("analyze", model, "--target", "m4")
    assert answers.analyze_graph is not analyze_graph


@pytest.mark.thorough
def test_the_bound_of_analyze_is_of_whole_layers_which_the_least_plan_splits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = Path(__file__).parents[1] / "examples/digits/digits.onnx"
    assert run("analyze", digits, "--target", "m4", "--json") == 0
    bound = json.loads(capsys.readouterr().out)["lower_bound"]
    assert run("analyze", digits, "--target", "m4") == 0
    assert f"{bound:,} bytes: {MEANING}" in capsys.readouterr().out
    assert run(digits, "--target", "m4", "--ram", bound - 1, "-o", tmp_path) == 0
