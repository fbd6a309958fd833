"""The folder of evidence: what it says is true, complete, and the same for the same compilation."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ircompile.cli import main
from ircompile.errors import CompileError
from ircompile.export import evidence
from ircompile.export.evidence import EVERY_OP
from ircompile.export.stack import stack_of
from ircompile.ir import ops
from ircompile.kernels.candidates import families

pytest.importorskip("cyclonedx")
ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
GRAPH = """\
graph: { title: "net.c"
node: { title: "net_run" label: "net_run\\nnet.c:9:6\\n16 bytes (static)\\n0 dynamic objects" }
node: { title: "net.c:net_stream" label: "net_stream\\nnet.c:5:6\\n40 bytes (static)\\n0 dynamic objects" }
node: { title: "net.c:net_conv" label: "net_conv\\nnet.c:2:6\\n100 bytes (static)\\n0 dynamic objects" }
node: { title: "net.c:net_add" label: "net_add\\nnet.c:3:6\\n8 bytes (static)\\n0 dynamic objects" }
node: { title: "memcpy" label: "memcpy\\n<built-in>" shape : ellipse }
edge: { sourcename: "net_run" targetname: "net.c:net_stream" label: "net.c:10:1" }
edge: { sourcename: "net.c:net_stream" targetname: "net.c:net_conv" label: "net.c:6:1" }
edge: { sourcename: "net.c:net_stream" targetname: "net.c:net_add" label: "net.c:7:1" }
edge: { sourcename: "net.c:net_add" targetname: "memcpy" label: "net.c:3:1" }
}
"""


def certified(folder: Path, *words: str) -> dict[str, str]:
    assert main(["certify", str(DIGITS), "--target", "m4", "--on", "numpy", "-o", str(folder), *words]) == 0
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.thorough
def test_the_evidence_of_the_example(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    files = certified(tmp_path / "one")
    operators = json.loads(files["operators.json"])
    layers = json.loads(files["report.json"])["layers"]
    assert [operator["name"] for operator in operators] == [layer["name"] for layer in layers]
    assert all(
        operator["alone"]["differing"] == operator["alone"]["ties"] for operator in operators if operator["alone"]
    )
    loops = json.loads(files["loops.json"])
    assert (
        sum(layer["multiply_accumulates"] for layer in loops["layers"]) == json.loads(files["report.json"])["macs"]
    )
    assert loops["firings"] == sum(layer["firings"] for layer in loops["layers"])
    for layer in loops["layers"]:
        assert layer["multiply_accumulates_a_firing"] * layer["firings"] >= layer["multiply_accumulates"]
    assert [rung["differing"] for rung in json.loads(files["verified.json"])] == [0]
    sums = dict(reversed(line.split("  ")) for line in files["SHA256SUMS"].splitlines())
    for name in set(files) - {"SHA256SUMS"}:
        assert sums[name] == hashlib.sha256(files[name].encode()).hexdigest()
    assert sums["digits.onnx"] == hashlib.sha256(DIGITS.read_bytes()).hexdigest()
    assert certified(tmp_path / "two")["SHA256SUMS"] == files["SHA256SUMS"]


def test_the_bill_of_materials_is_valid(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    files: dict[str, str | bytes] = {"net.c": "int x;", "net_weights.bin": b"\0"}
    text = evidence.bill_of_materials("net", DIGITS, files)
    bill = json.loads(text)
    try:
        assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    except ModuleNotFoundError:
        pytest.skip("cyclonedx's validator is not installed")
    except Exception as error:
        if "MissingOptionalDependency" not in type(error).__name__:
            raise
    hashes = {part["name"]: part["hashes"][0]["content"] for part in bill["components"] if "hashes" in part}
    assert hashes["net.c"] == hashlib.sha256(b"int x;").hexdigest()
    assert hashes["digits.onnx"] == hashlib.sha256(DIGITS.read_bytes()).hexdigest()
    assert {part["name"] for part in bill["components"]} >= {"ircompile", "numpy", "onnx"}


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    with pytest.raises(CompileError, match="cyclonedx-python-lib"):
        evidence.bill_of_materials("net", DIGITS, {})


def test_the_tests_that_are_named_are_there() -> None:
    for name in EVERY_OP:
        assert (ROOT / name).exists()
    for op in ops.OPS:  # test_operators_are_tested.py looks for the op in them
        for name in families(op):
            assert (ROOT / f"tests/kernels/test_{name}.py").exists()


def test_stack_is_that_of_the_deepest_chain_of_calls() -> None:
    found = stack_of(GRAPH, "net")
    assert found["entries"] == {"net_run": 156}
    assert (found["most"], found["bounded"], found["unknown"]) == (156, True, ["memcpy"])
    assert not stack_of(GRAPH.replace("8 bytes (static)", "8 bytes (dynamic)"), "net")["bounded"]
    looped = GRAPH.replace('targetname: "memcpy"', 'targetname: "net.c:net_stream"')
    with pytest.raises(CompileError, match="calls itself"):
        stack_of(looped, "net")
