"""Networks with memory in Python and in `verify`: stream=, state=, sequences of calls, accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nets import Net
from passes.test_tie_states import recurrent
from tflite_files import Op, T, const, write

import ircompile
from ircompile.compilation import codes_of
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.importers.ir import write_ir
from ircompile.ir.graph import Graph
from ircompile.pipeline import read
from ircompile.verification.inputs import read_calls

DIGITS = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"
Q = {"scale": 0.5, "zero": 3}


def window_of_time() -> Graph:
    net = Net((12, 3, 4))
    x = net.depthwise("x", (3, 3), (1, 1), (0, 0, 1, 1))
    return net.graph(net.conv(x, 5, (4, 3), (2, 1), (0, 0, 0, 0)))


def adds_up(path: Path, rows: int = 1) -> Path:
    """A file whose output is the sum of its inputs so far, beginning with 0, 1, 2 ..."""
    shape, handle = (1, rows, 1, 3), T((), "resource")
    tensors = [T(shape, **Q), handle, T(shape, **Q), T(shape, **Q)]
    body = [
        Op("CALL_ONCE", (), (), {"InitSubgraphIndex": 1}),
        Op("VAR_HANDLE", (), (1,), {"SharedName": "sum", "Container": ""}),
        Op("READ_VARIABLE", (1,), (2,)),
        Op("ADD", (2, 0), (3,)),
        Op("ASSIGN_VARIABLE", (1, 3), ()),
    ]
    begin = [handle, const(np.arange(3 * rows).reshape(shape), "int8", scale=Q["scale"], zero=Q["zero"])]
    first = [Op("VAR_HANDLE", (), (0,), {"SharedName": "sum", "Container": ""}), Op("ASSIGN_VARIABLE", (0, 1), ())]
    return write(path, tensors, body, [0], [3], [(begin, first)])


def test_stream(tmp_path: Path) -> None:
    """The same of a file and of a graph in memory; analyze knows it, too."""
    path = tmp_path / "window.ir"
    write_ir(window_of_time(), path)
    for model in (path, window_of_time()):
        result = ircompile.compile(model, "host", stream=2, unverified=True)
        assert result.compiled.graph.fresh(result.compiled.graph.input_names[0]).height == 2
        assert result.compiled.graph.states
        assert result.verify(on=["numpy"], random=8).equal
    whole, part = (ircompile.analyze(path, "cortex-m4", advise=False, stream=hop) for hop in (0, 2))
    assert part.instructions < whole.instructions
    assert part.constants == whole.constants + 5, "a first row of the last layer; those of the others are one code"
    with pytest.raises(CompileError, match="--stream 12"):
        ircompile.compile(path, "host", stream=12)


@pytest.mark.thorough
def test_state(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = recurrent(tmp_path)
    pairs = [("h", load(path).outputs[0].name)]
    result = ircompile.compile(path, "host", state=pairs)
    assert len(result.compiled.graph.states) == 1
    assert result.verify(on=["numpy"], against="ort", random=6).equal


@pytest.mark.thorough
def test_a_framework_is_given_whole_windows() -> None:
    pytest.importorskip("onnxruntime")
    found = ircompile.verify(DIGITS, on=["numpy"], against="ort", random=3, stream=4)
    assert [(rung.name, rung.vectors, rung.differing) for rung in found.rungs] == [("ort", 7, 0), ("numpy", 7, 0)]


def test_calls_in_files_and_arrays(tmp_path: Path) -> None:
    """An axis in front, codes or the model's own shape, or the rows of many calls: all say the same."""
    graph = read(adds_up(tmp_path / "sum.tflite", rows=2))
    calls = np.random.default_rng(0).integers(-128, 128, (6, 2, 1, 3)).astype(np.int8)
    wanted = [call.tolist() for call in calls]
    for number, given in enumerate((calls, calls[:, np.newaxis], calls.reshape(1, 12, 1, 3))):
        assert [call[graph.input_names[0]].tolist() for call in codes_of(graph, given)] == wanted
        np.save(tmp_path / f"{number}.npy", given)
        assert [c[graph.input_names[0]].tolist() for c in read_calls(graph, tmp_path / f"{number}.npy")] == wanted
    assert len(codes_of(graph, calls[0])) == len(codes_of(graph, calls[:1])) == 1
    with pytest.raises(CompileError, match="shape"):
        codes_of(graph, np.zeros((1, 13, 1, 3), np.int8))
    still = window_of_time()
    with pytest.raises(CompileError):
        codes_of(still, np.zeros((2, 12, 3, 4), np.int8))


@pytest.mark.toolchain
def test_a_sequence_is_verified(tmp_path: Path) -> None:
    calls = np.random.default_rng(1).integers(-128, 128, (9, 1, 1, 1, 3)).astype(np.int8)
    found = ircompile.verify(adds_up(tmp_path / "sum.tflite"), inputs=[calls], random=0)
    assert [(rung.name, rung.vectors, rung.differing) for rung in found.rungs] == [("numpy", 9, 0), ("host", 9, 0)]


@pytest.mark.toolchain
def test_accuracy_begins_anew_with_each_file(tmp_path: Path) -> None:
    """The class is that of the sum of all calls of a file, and of no others."""
    pytest.importorskip("tflite_micro")
    rng, folder = np.random.default_rng(2), tmp_path / "data"
    folder.mkdir()
    lines, right = [], 0
    for number in range(12):
        calls = rng.integers(-20, 26, (1 + number % 4, 1, 1, 3)).astype(np.int8)
        np.save(folder / f"{number}.npy", calls)
        total = np.arange(3)
        for call in calls:
            total = np.clip(total + call.reshape(-1) - 3, -128, 127)
        label = int(total.argmax()) if number % 3 else 0
        right += label == int(total.argmax())
        lines.append(f"{number}.npy,{label}")
    (folder / "labels.csv").write_text("\n".join(lines))
    found = ircompile.compile(adds_up(tmp_path / "sum.tflite"), "host").accuracy(folder)
    assert (found.samples, found.right, found.reference_right, found.differing) == (12, right, right, 0)
    assert found.decision == "its greatest score's class, of the last call"


def test_accuracy_of_windows_asks_for_the_whole_model(tmp_path: Path) -> None:
    path = tmp_path / "window.ir"
    write_ir(window_of_time(), path)
    with pytest.raises(CompileError, match="streamed in time"):
        ircompile.compile(path, "host", stream=2, unverified=True).accuracy(tmp_path)
