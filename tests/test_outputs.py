"""Models cut at tensors of their inside: both importers, the graph's own text, every command, the frameworks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_files import Op, T, const, write

import ircompile
from ircompile.cli import main
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.importers.ir import write_ir
from ircompile.report.support import check_model

ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
WINDOW = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}


def network(path: Path) -> Path:
    """Two inputs, two convolutions, their sum, and an operator that nobody supports."""
    rng = np.random.default_rng(1)
    tensors = [
        T((1, 6, 5, 3), "int8", 0.5, -8, name="left"),
        T((1, 6, 5, 3), "int8", 0.5, -8, name="right"),
        const(rng.integers(-127, 128, (4, 3, 3, 3)), "int8", [0.01, 0.02, 0.03, 0.04]),
        const(rng.integers(-900, 900, 4), "int32"),
        T((1, 6, 5, 4), "int8", 0.7, 9, name="first/conv;relu"),
        T((1, 6, 5, 4), "int8", 0.7, 9, name="second/conv"),
        T((1, 6, 5, 4), "int8", 0.9, 9, name="sum"),
        T((1, 6, 5, 4), "int8", 0.9, 9, name="odd"),
    ]
    ops = [
        Op("CONV_2D", [0, 2, 3], [4], WINDOW),
        Op("CONV_2D", [1, 2, 3], [5], WINDOW),
        Op("ADD", [4, 5], [6]),
        Op("BITWISE_XOR", [6, 5], [7]),
    ]
    return write(path, tensors, ops, [0, 1], [7])


def test_the_hint_of_a_refused_operator_names_the_option(tmp_path: Path) -> None:
    path = network(tmp_path / "net.tflite")
    with pytest.raises(CompileError) as error:
        load(path)
    assert "--outputs sum,second/conv" in error.value.hint
    assert [b.name for b in load(path, outputs=("sum", "second/conv")).outputs] == ["sum", "second/conv"]


def test_inputs_that_are_not_needed_are_gone(tmp_path: Path) -> None:
    graph = load(network(tmp_path / "net.tflite"), outputs=("first/conv;relu",))
    assert [binding.name for binding in graph.inputs] == ["left"]
    assert len(graph.nodes) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("outputs", [("sum",), ("second/conv",), ("second/conv", "first/conv;relu")])
def test_a_cut_tflite_file_equals_its_framework(outputs: tuple[str, ...], tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    result = ircompile.compile(network(tmp_path / "net.tflite"), "host", outputs=outputs)
    assert result.comparison
    assert result.comparison.elements == 5 * 120 * len(outputs)
    assert result.verify(on=["numpy"], against="litert-ref").equal


@pytest.mark.thorough
def test_a_cut_onnx_file_equals_its_framework() -> None:
    pytest.importorskip("onnxruntime")
    import onnx

    nodes = onnx.load(DIGITS).graph.node
    names = [node.output[0] for node in nodes if node.op_type == "QuantizeLinear"]
    for name in names[2:-1:3]:
        result = ircompile.compile(DIGITS, "host", outputs=[name])
        assert result.comparison
        assert result.comparison.elements
        assert not result.comparison.differing
        assert [binding.name for binding in result.compiled.graph.outputs] == [name]


@pytest.mark.thorough
def test_a_tensor_without_codes_in_the_framework_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The framework runs the model: it is its output before a QuantizeLinear that is fused with the operator."""
    pytest.importorskip("onnxruntime")
    tensor = "/3/Add_output_0"
    said = f"{tensor}: ONNX Runtime fuses the tensor with its neighbours, so that its codes cannot be compared"
    result = ircompile.compile(DIGITS, "host", outputs=[tensor])
    assert result.comparison
    assert result.comparison.why.startswith(f"{said}; the file's operators one by one give the same, ")
    words = ["verify", str(DIGITS), "--target", "host", "--on", "numpy", "--outputs", tensor, "--against", "ort"]
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_a_graph_as_text_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "net.ir"
    graph = load(network(tmp_path / "net.tflite"), outputs=("sum",))
    write_ir(graph, path)
    inner = graph.nodes[1].output
    cut = load(path, outputs=(inner,))
    assert cut.output_names == (inner,)
    assert [node.output for node in cut.nodes] == [inner]


@pytest.mark.parametrize("suffix", ["tflite", "onnx", "ir"])
def test_a_name_that_is_not_there_is_refused_with_those_near(suffix: str, tmp_path: Path) -> None:
    path = network(tmp_path / "net.tflite")
    if suffix == "ir":
        path = tmp_path / "net.ir"
        write_ir(load(tmp_path / "net.tflite", outputs=("sum",)), path)
    model = DIGITS if suffix == "onnx" else path
    with pytest.raises(CompileError, match="no operator computes a tensor of this name") as error:
        load(model, outputs=("summ",))
    assert "--outputs summ" in str(error.value)
    if suffix == "tflite":
        assert "such as sum" in error.value.supported


def test_the_name_of_a_layer_leads_to_its_tensor(tmp_path: Path) -> None:
    tensors = [T((1, 4, 4, 2), "int8", 0.1, 0), T((1, 4, 4, 2), "int8", 1 / 256, -128, name="net/gate/act/Sigmoid")]
    small = write(tmp_path / "net.tflite", tensors, [Op("LOGISTIC", [0], [1])], [0], [1])
    for path, at in ((DIGITS, 3), (small, 0)):
        layer = load(path).nodes[at]
        with pytest.raises(CompileError, match="is the name of a layer, not of a tensor") as error:
            load(path, outputs=(layer.name,))
        (problem,) = check_model(path, outputs=(layer.name,)).problems
        assert (problem.problem, problem.hint) == (error.value.problem, error.value.hint)
        assert error.value.hint == f"--outputs {error.value.supported}"
        cut = load(path, outputs=(error.value.supported,))
        assert [(cut.nodes[-1].source, b.name) for b in cut.outputs] == [(layer.source, error.value.supported)]


def test_commands_take_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(network(tmp_path / "net.tflite"))
    cut = ["--outputs", "sum"]
    assert main(["check", path]) == 1
    assert main(["check", path, *cut]) == 0
    assert main(["analyze", path, "--target", "m4", *cut]) == 0
    assert main(["dump", path, "--target", "m4", *cut]) == 0
    assert main(["verify", path, "--target", "host", "--on", "numpy", *cut]) == 0
    assert main([path, "--target", "host", "-o", str(tmp_path / "out"), *cut]) == 0
    assert "/* Output 0 (sum)" in (tmp_path / "out" / "net.h").read_text()
    assert main(["verify", path, "--target", "host", "--accuracy", str(tmp_path), *cut]) == 2
    assert "--outputs cuts off" in capsys.readouterr().err
