"""Variables of TFLite files, as TFLite Micro runs them: call after call, and after a new begin."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from remembering import calls_for
from tflite_files import Op, T, const, write

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir import ops
from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.simulate import run_calls
from ircompile.options import Options
from ircompile.pipeline import read
from ircompile.verification.confirm import Confirmation, against

FOLDER = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[3] / "shared" / "models") / "more"
WAKE_WORDS = sorted(FOLDER.glob("mww_*.tflite"))
Q = {"scale": 0.5, "zero": 3}
HANDLE = T((), "resource")


def counter(path: Path, first: object = None, inner: str = "ASSIGN_VARIABLE", early: bool = True) -> Path:
    """A file that adds its input to a variable, reads it again, and gives both."""
    shape = (1, 2, 1, 3)
    tensors = [T(shape, **Q), HANDLE, T(shape, **Q), T(shape, **Q), T(shape, **Q), T(shape, **Q)]
    once = Op("CALL_ONCE", (), (), {"InitSubgraphIndex": 1})
    body = [
        Op("VAR_HANDLE", (), (1,), {"SharedName": "sum", "Container": ""}),
        Op("READ_VARIABLE", (1,), (2,)),
        Op("ADD", (2, 0), (3,)),
        Op("ASSIGN_VARIABLE", (1, 3), ()),
        Op("READ_VARIABLE", (1,), (4,)),
        Op("ADD", (4, 2), (5,)),
    ]
    values = np.arange(6).reshape(shape) if first is None else first
    begin = [HANDLE, const(values, "int8", scale=Q["scale"], zero=Q["zero"])]
    handle = Op("VAR_HANDLE", (), (0,), {"SharedName": "sum", "Container": ""})
    last = Op(inner, (0, 1), ()) if inner == "ASSIGN_VARIABLE" else Op(inner, (1, 1), (1,))
    ordered = [once, *body] if early else [*body[:2], once, *body[2:]]
    return write(path, tensors, ordered, [0], [3, 5], [(begin, [handle, last])])


def test_a_variable_holds_what_was_written_last(tmp_path: Path) -> None:
    """Within a call, and from one call to the next."""
    graph = read(counter(tmp_path / "sum.tflite"))
    calls = calls_for(graph, 5)
    held = np.arange(6).reshape(2, 1, 3)
    for call, found in zip(calls, run_calls(graph, calls), strict=True):
        total = np.clip(held + call[graph.input_names[0]] - 3, -128, 127)
        first, second = (found[name] for name in graph.output_names)
        np.testing.assert_array_equal(first, total)
        np.testing.assert_array_equal(second, np.clip(total + held - 3, -128, 127))
        held = total


@pytest.mark.thorough
def test_it_is_what_tflite_micro_gives(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    path = counter(tmp_path / "sum.tflite")
    rung = against(read(path), path, "tflm", calls_for(read(path), 30))
    assert (rung.vectors, rung.compared, rung.differing) == (30, 360, 0)
    wrong = counter(tmp_path / "other.tflite", np.full((1, 2, 1, 3), 7))
    with pytest.raises(CompileError, match="differs"), Confirmation(read(path), wrong) as confirmation:
        confirmation.result()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"inner": "ADD"}, "calls a subgraph with ADD"), ({"early": False}, "has no first value")],
)
def test_refusals(tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(CompileError, match=words):
        load(counter(tmp_path / "sum.tflite", **options))  # type: ignore[arg-type]


def test_a_variable_without_a_first_value_is_refused(tmp_path: Path) -> None:
    tensors = [T((1, 1, 1, 2), **Q), HANDLE, T((1, 1, 1, 2), **Q), T((1, 1, 1, 2), **Q)]
    body = [Op("VAR_HANDLE", (), (1,), {"SharedName": "a"}), Op("READ_VARIABLE", (1,), (2,))]
    path = write(tmp_path / "v.tflite", tensors, [*body, Op("ADD", (0, 2), (3,))], [0], [3])
    with pytest.raises(CompileError, match="has no first value"):
        load(path)


def test_a_subgraph_that_is_not_there_is_refused(tmp_path: Path) -> None:
    tensors = [T((1, 1, 1, 2), **Q), T((1, 1, 1, 2), **Q)]
    once = Op("CALL_ONCE", (), (), {"InitSubgraphIndex": 4})
    with pytest.raises(CompileError, match="calls subgraphs"):
        load(write(tmp_path / "v.tflite", tensors, [once, Op("ADD", (0, 0), (1,))], [0], [1]))


def test_a_cut_keeps_what_sets_its_variables(tmp_path: Path) -> None:
    path = counter(tmp_path / "sum.tflite")
    graph = read(path, Options(outputs=["t2"]))
    assert graph.states
    assert any(isinstance(node.op, ops.Binary) for node in graph.nodes)


@pytest.mark.skipif(not WAKE_WORDS, reason="the real models are not here (IRCOMPILE_MODELS)")
@pytest.mark.parametrize("path", WAKE_WORDS, ids=lambda path: path.stem)
def test_wake_words_give_the_recorded_probabilities(path: Path) -> None:
    graph = read(path)
    with np.load(FOLDER / "golden" / f"{path.stem}.npz") as archive:
        given, wanted = archive["calls_x0"], archive["calls_y0"]
    binding, output = graph.inputs[0], graph.outputs[0]
    calls = [{binding.tensor: to_graph(binding, graph.fresh(binding.tensor), x)} for x in given]
    for want, found in zip(wanted, run_calls(graph, calls), strict=True):
        codes = from_graph(output, graph.tensors[output.tensor], found[output.tensor])
        np.testing.assert_array_equal(codes, want)
