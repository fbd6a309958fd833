"""Every compilation is compared with its framework: what differs is an error, what cannot be compared is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_files import Op, T, const, write

import ircompile
from ircompile import compilation, passes
from ircompile.cli import main
from ircompile.errors import CompileError, InternalError
from ircompile.importers import load
from ircompile.ir import ops as ir_ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Tensor
from ircompile.pipeline import read
from ircompile.verification import confirm
from ircompile.verification.confirm import Comparison, Confirmation, against, unexplained
from ircompile.verification.differences import Found, coded
from ircompile.verification.reference_process import Asked, Question

pytest.importorskip("ai_edge_litert")
DIGITS = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"
WINDOW = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}


def convolution(path: Path, seed: int, end: str = "") -> Path:
    """A convolution and, if asked, a float operator behind it."""
    rng = np.random.default_rng(seed)
    tensors = [
        T((1, 6, 5, 3), "int8", 0.5, -8),
        const(rng.integers(-127, 128, (4, 3, 3, 3)), "int8", [0.01, 0.02, 0.03, 0.04]),
        const(rng.integers(-900, 900, 4), "int32"),
        T((1, 6, 5, 4), "int8", 0.7, 9),
        T((1, 6, 5, 4), "float32"),
        T((1, 6, 5, 4), "float32"),
    ]
    ops = [Op("CONV_2D", [0, 1, 2], [3], WINDOW)]
    if end:
        ops += [Op("DEQUANTIZE", [3], [4]), Op(end, [4], [5])]
    return write(path, tensors, ops, [0], [5 if end else 3])


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of other tests' comparisons."""
    monkeypatch.setattr(confirm, "_KNOWN", {})


def compared(path: Path, graph_of: Path | None = None) -> Comparison:
    with Confirmation(read(graph_of or path), path) as confirmation:
        return confirmation.result()


def test_what_is_equal_is_counted(tmp_path: Path) -> None:
    found = compared(convolution(tmp_path / "net.tflite", 1))
    assert (found.inputs, found.elements, found.differing) == (5, 5 * 120, 0)
    pytest.importorskip("onnxruntime")
    assert compared(DIGITS) == Comparison("ort", 5, 50)


@pytest.mark.parametrize("end", ["LOGISTIC", "LOG_SOFTMAX", "SOFTMAX", "TANH"])
def test_the_tensor_before_a_float_end_is_compared(end: str, tmp_path: Path) -> None:
    path = convolution(tmp_path / "net.tflite", 2, end)
    assert read(path).notices
    found = compared(path)
    assert (found.elements, found.differing) == (5 * 120, 0)


def test_a_difference_is_an_error(tmp_path: Path) -> None:
    """The graph is that of other weights."""
    other = convolution(tmp_path / "other.tflite", 3)
    with pytest.raises(CompileError, match=r"of 600 elements of the outputs") as error:
        compared(convolution(tmp_path / "net.tflite", 1), other)
    assert "--unverified" in error.value.hint


def test_nothing_is_written_where_a_compile_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = convolution(tmp_path / "net.tflite", 1), read(convolution(tmp_path / "other.tflite", 3))
    monkeypatch.setattr(compilation, "read", lambda *_: other)
    out = tmp_path / "out"
    words = [str(path), "--target", "host", "-o", str(out)]
    assert main(words) == 2
    assert not out.exists()
    assert "differs from" in capsys.readouterr().err
    assert main([*words, "--unverified"]) == 0
    assert "UNVERIFIED" in (out / "net.h").read_text()
    assert "not compared: --unverified" in capsys.readouterr().out
    assert json.loads((out / "net.json").read_text())["compared"]["why"] == "not compared: --unverified"


def test_python_compares_too(tmp_path: Path) -> None:
    path = convolution(tmp_path / "net.tflite", 1)
    result = ircompile.compile(path, "host")
    assert result.comparison
    assert result.comparison.elements == result.report()["compared"]["elements"] == 600
    assert "UNVERIFIED" not in str(result.files()["net.h"])
    unverified = ircompile.compile(path, "host", unverified=True)
    assert "UNVERIFIED" in str(unverified.files()["net.h"])


def test_without_a_framework_the_summary_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(confirm, "MODULES", dict.fromkeys(confirm.MODULES, "a_module_that_is_not_there"))
    path = convolution(tmp_path / "net.tflite", 1)
    assert main([str(path), "--target", "host", "-o", str(tmp_path / "out")]) == 0
    said = "not compared with TensorFlow Lite Micro: pip install 'ircompile[verify]'"
    assert said in capsys.readouterr().out
    found = compared(path)
    assert found.why == f"{said}; the file's operators one by one give the same, 600 elements"
    assert (found.reference, found.elements) == ("", 0)


def test_without_a_framework_a_pass_that_changes_anything_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirm, "MODULES", dict.fromkeys(confirm.MODULES, "a_module_that_is_not_there"))

    def fold_wrong(graph: Graph) -> Graph:
        name = next(node.op.bias for node in graph.nodes if isinstance(node.op, ir_ops.Conv))
        return replace(graph, consts={**graph.consts, name: graph.consts[name] + np.int32(900)})

    monkeypatch.setattr(passes, "PASSES", (*passes.PASSES, fold_wrong))
    with pytest.raises(InternalError, match=r"fold_wrong: .* of 600 elements of the outputs are not those"):
        compared(convolution(tmp_path / "net.tflite", 1))


def test_without_a_framework_a_pass_may_lay_out_the_input_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirm, "MODULES", dict.fromkeys(confirm.MODULES, "a_module_that_is_not_there"))
    tensors = [
        T((1, 6, 5, 3), "int8", 0.5, -8),
        const(np.array([0, 2, 1, 3], np.int32), "int32"),
        T((1, 5, 6, 3), "int8", 0.5, -8),
        T((1, 5, 6, 3), "int8", 1 / 256, -128),
    ]
    ops = [Op("TRANSPOSE", [0, 1], [2]), Op("SOFTMAX", [2], [3], {"Beta": 1.0})]
    path = write(tmp_path / "net.tflite", tensors, ops, [0], [3])
    graph, plain = read(path), load(path)
    assert graph.tensors[graph.input_names[0]].shape != plain.tensors[plain.input_names[0]].shape
    assert compared(path).why.endswith("the file's operators one by one give the same, 450 elements")


def test_real_values_are_compared_as_the_codes_they_mean() -> None:
    tensor = Tensor("y", (1, 1, 4), "int8", 0.1, 27)
    ours = np.float32([[[-15.5, 0.0, 0.1, 10.0]]])
    noisy = ours * np.float32(1 + 1e-6)
    np.testing.assert_array_equal(coded(noisy, ours, tensor, False), ours)
    between = np.float32([[[-99.0, 0.05, 0.06, 11.0]]])
    np.testing.assert_array_equal(coded(between, ours, tensor, True), ours)
    assert (coded(between, ours, tensor, False) != ours).all()
    other = np.float32([[[-15.4, 0.06, 0.04, 9.9]]])
    assert (coded(other, ours, tensor, True) != ours).all()


def test_another_framework_runs_what_one_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TFLite Micro is not there: LiteRT's kernels run the file, and the graph has their rounding for that."""
    modules = {**confirm.MODULES, "tflm": "a_module_that_is_not_there"}
    monkeypatch.setattr(confirm, "MODULES", modules)
    found = compared(convolution(tmp_path / "net.tflite", 1))
    assert (found.reference, found.elements, found.differing) == ("litert-ref", 600, 0)


def test_a_framework_that_ends_its_process_ends_no_other(tmp_path: Path) -> None:
    """TFLite Micro aborts where 512 and more codes share the maximum, as constant inputs do."""
    pytest.importorskip("tflite_micro")
    tensors = [T((1, 600), "int8", 0.1, 0), T((1, 600), "int8", 1 / 256, -128)]
    path = write(tmp_path / "net.tflite", tensors, [Op("SOFTMAX", [0], [1], {"Beta": 1.0})], [0], [1])
    rng = np.random.default_rng(0)
    good = [rng.integers(-128, 128, (1, 600)).astype(np.int8) for _ in range(2)]
    feeds = ((good[0],), (np.full((1, 600), 7, np.int8),), (good[1],))
    with Asked(Question(path, "tflm", feeds)) as asked:
        answers = asked.answers()
    assert [answer is None for answer in answers] == [False, True, False]
    assert compared(path).differing == 0


def layer(op: str, differing: int, ties: int, largest: int = 1) -> dict[str, Any]:
    return {
        "op": op,
        "differing": differing,
        "ties": ties,
        "largest": largest,
        "compared": 9,
        "source": "node 4 MAX",
    }


def test_only_named_differences_pass() -> None:
    assert not unexplained("ort", layer("Binary", 3, 3))
    assert unexplained("ort", layer("Binary", 3, 2))
    assert not unexplained("ort", layer("Softmax", 3, 0))
    assert unexplained("ort", layer("Softmax", 3, 0, 2))
    assert unexplained("tflm", layer("Binary", 3, 3))
    assert not unexplained("tflm", layer("Binary", 0, 0))


@pytest.mark.parametrize(("ties", "passes"), [(2, True), (1, False)])
def test_ties_are_attributed_to_operators(ties: int, passes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    with Confirmation(read(DIGITS), DIGITS) as confirmation:
        answers = confirmation._answers("ort")
        assert isinstance(answers, list)
        answers[0][0].reshape(-1)[0] += 1

        class Fake:
            def __enter__(self) -> Fake:
                return self

            def __exit__(self, *_: object) -> None: ...

            def answers(self) -> list[Any]:
                return [[layer("Conv", 0, 0), layer("Binary", 2, ties)]]

        monkeypatch.setattr(confirmation, "_ask", lambda *_: Fake())
        if passes:
            confirmation._explain("ort", confirmation._compared("ort", answers))
            return
        with pytest.raises(CompileError, match="node 4 MAX"):
            confirmation._explain("ort", confirmation._compared("ort", answers))


def test_a_large_network_is_compared_on_one_input(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(confirm, "MACS", 1)
    assert compared(DIGITS) == Comparison("ort", 1, 10)


def test_sizes_that_differ_are_differences() -> None:
    found = Found()
    found.add(0, "y", np.zeros(3), np.zeros(4))
    found.add(0, "y", np.zeros((3, 1)), np.zeros(3))
    assert (found.elements, found.differing, found.wrong) == (6, 3, [0])


def test_verify_compares_the_tensor_before_a_float_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = convolution(tmp_path / "net.tflite", 2, "LOG_SOFTMAX")
    assert main(["verify", str(path), "--target", "host", "--on", "numpy", "--against", "litert-ref"]) == 0
    assert "graph = litert-ref equal: 1,080 elements" in capsys.readouterr().out


def test_verify_takes_a_framework_that_runs_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorFlow Lite Micro has no TILE."""
    pytest.importorskip("tflite_micro")
    tensors = [T((1, 2, 3), "int8", 0.5, 1), const([1, 2, 1], "int32"), T((1, 4, 3), "int8", 0.5, 1)]
    path = write(tmp_path / "net.tflite", tensors, [Op("TILE", [0, 1], [2])], [0], [2])
    assert main(["verify", str(path), "--target", "host", "--on", "numpy", "--against", "tflm"]) == 0
    printed = capsys.readouterr().out
    assert "graph = litert-ref equal: 108 elements" in printed
    assert "TensorFlow Lite Micro does not run the model; LiteRT" in printed


def test_verify_names_the_operator_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = convolution(tmp_path / "net.tflite", 1), read(convolution(tmp_path / "other.tflite", 3))
    rung = against(other, path, "litert-ref", confirm.vectors_for(other, 2))
    assert rung.differing
    assert rung.first
    assert "the graph as a whole differs from LiteRT" in rung.note
