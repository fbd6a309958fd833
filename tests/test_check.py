"""`check`: all that is wrong with a file, not only the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import Net
from onnx import TensorProto, helper
from tflite_files import Op, T, write

from ircompile.errors import CompileError
from ircompile.importers.ir import write_ir
from ircompile.pipeline import read
from ircompile.report.support import Check, check_model

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"


def chain(path: Path, *kinds: tuple[str, dict[str, object]]) -> Path:
    """A file: input, quantizers, and float operators each between quantizers."""
    scale = helper.make_tensor("s", TensorProto.FLOAT, [], [0.1])
    zero = helper.make_tensor("z", TensorProto.INT8, [], [0])
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q0"], "q0")]
    for i, (kind, attributes) in enumerate(kinds):
        nodes.append(helper.make_node("DequantizeLinear", [f"q{i}", "s", "z"], [f"d{i}"], f"d{i}"))
        nodes.append(helper.make_node(kind, [f"d{i}"], [f"f{i}"], f"op{i}", **attributes))
        nodes.append(helper.make_node("QuantizeLinear", [f"f{i}", "s", "z"], [f"q{i + 1}"], f"q{i + 1}"))
    nodes.append(helper.make_node("DequantizeLinear", [f"q{len(kinds)}", "s", "z"], ["y"], "last"))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4, 8, 8]) for n in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [scale, zero])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def by_verdict(found: Check) -> dict[str, list[str]]:
    verdicts: dict[str, list[str]] = {}
    for finding in found.findings:
        verdicts.setdefault(finding.verdict, []).append(finding.name)
    return verdicts


def test_a_good_file_has_a_verdict_for_every_operator() -> None:
    found = check_model(EXAMPLE)
    assert found.supported
    assert found.problems == ()
    nodes = onnx.load(EXAMPLE).graph.node
    assert len(found.findings) == len(nodes)
    assert set(by_verdict(found)) <= {"supported", "constant", "left to the caller"}


def test_what_depends_on_an_unknown_operator_is_not_checked(tmp_path: Path) -> None:
    path = chain(tmp_path / "a.onnx", ("Det2", {}), ("Relu", {}))
    found = check_model(path)
    assert not found.supported
    assert [(f.index, f.name, f.kind) for f in found.problems] == [(2, "op0", "Det2")]
    assert "not supported" in found.problems[0].problem
    assert "Conv" in found.problems[0].supported
    assert found.problems[0].hint
    assert "op1" in by_verdict(found)["not checked"]


def test_shapes_from_the_file_let_the_walk_go_on(tmp_path: Path) -> None:
    path = chain(tmp_path / "a.onnx", ("LRN", {"size": 3}), ("Relu", {}), ("LRN", {"size": 5}))
    found = check_model(path)
    assert [f.name for f in found.problems] == ["op0", "op2"]
    assert "op1" in by_verdict(found)["supported"]
    assert "not checked" not in by_verdict(found)


def test_a_float_model_is_refused_as_a_whole(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "f.onnx")
    (problem,) = check_model(tmp_path / "f.onnx").problems
    assert (problem.kind, problem.index) == ("model", -1)
    assert "is a float network, not quantized" in problem.problem
    assert "ircompile quantize" in problem.hint
    assert "QuantizeLinear" in problem.hint
    x, y = (T((1, 4, 4, 1), "float32") for _ in "xy")
    (problem,) = check_model(write(tmp_path / "f.tflite", [x, y], [Op("LOGISTIC", [0], [1])], [0], [1])).problems
    assert (problem.kind, problem.index) == ("model", -1)
    assert "is a float network" in problem.problem
    assert "ircompile quantize" in problem.hint


@pytest.mark.parametrize("name", ["net.tflite", "net.pb"])
def test_an_onnx_file_is_read_by_whatever_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(EXAMPLE.read_bytes())
    assert check_model(tmp_path / name).findings == check_model(EXAMPLE).findings


def test_an_ir_file_is_checked(tmp_path: Path) -> None:
    net = Net((4, 4, 3))
    net.conv("x", 2)
    write_ir(net.graph(), tmp_path / "n.ir")
    assert by_verdict(check_model(tmp_path / "n.ir")) == {"supported": ["conv0"]}


def test_what_is_no_model_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    for name, says in (
        ("none.onnx", "cannot be read"),
        (".", "cannot be read"),
        ("notes.txt", "is not a model file"),
    ):
        with pytest.raises(CompileError, match=says):
            check_model(tmp_path / name)


MODELS = Path(__file__).parents[2] / "shared" / "models"


@pytest.mark.thorough
@pytest.mark.skipif(not MODELS.exists(), reason="the real models are not here")
@pytest.mark.parametrize("path", sorted(MODELS.glob("*.[to]*[xe]")), ids=lambda p: p.stem)
def test_check_and_the_importers_agree(path: Path) -> None:
    found = check_model(path)
    try:
        read(path)
    except CompileError:
        assert found.problems
    else:
        assert found.supported
        indices = [f.index for f in found.findings]
        assert indices == sorted(indices)


@pytest.mark.skipif(not MODELS.exists(), reason="the real models are not here")
def test_the_two_models_that_are_refused_get_full_lists() -> None:
    lstm = check_model(MODELS / "tflm_mnist_lstm_int8.tflite")
    assert [f.kind for f in lstm.problems] == ["UNIDIRECTIONAL_SEQUENCE_LSTM"]
    assert len(by_verdict(lstm)["supported"]) == 3
    svdf = check_model(MODELS / "tflm_keyword_scrambled_8bit.tflite")
    kinds = [f.kind for f in svdf.problems]
    assert kinds.count("SVDF") == 7
    assert set(kinds) == {"SVDF", "SOFTMAX"}
    assert all(f.problem and f.supported for f in svdf.problems)
    assert np.all(np.diff([f.index for f in svdf.findings]) >= 0)
