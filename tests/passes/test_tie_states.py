"""Outputs that are inputs of the next call: `--state IN=OUT`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_files
import pytest
from remembering import calls_for

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_calls, run_graph
from ircompile.options import Options
from ircompile.pipeline import build, read
from ircompile.plan.simulate import new_arena, run_plan
from ircompile.target import load_target
from ircompile.verification.confirm import Confirmation
from ircompile.verification.original import fed_back


def recurrent(folder: Path, scale: float = 0.05, size: int = 6) -> Path:
    """y is a convolution of x beside h, and another one is h of the next call, as a hidden map is exported."""
    net = onnx_files.Net(seed=4)
    x, h = net.qdq(net.input((1, 4, 5, 6)), 0.05, -2), net.qdq(net.input((1, 4, 5, 6), name="h"), 0.05, -2)
    both = net.qdq(net.node("Concat", x, h, axis=1), 0.05, -2)
    hidden = net.qdq(net.node("Conv", both, net.weights(4, 8, 3, 3), pads=[1, 1, 1, 1]), scale, -2)
    y = net.qdq(net.node("Conv", both, net.weights(size, 8, 1, 1)), 0.07, 5)
    net.output(hidden)
    net.output(y)
    return net.save(folder)


def outputs(path: Path) -> list[str]:
    return [binding.name for binding in load(path).outputs]


def tied(path: Path) -> tuple[Graph, list[tuple[str, str]]]:
    pairs = [("h", outputs(path)[0])]
    return read(path, Options(state=pairs)), pairs


def test_each_call_gets_what_the_one_before_gave(tmp_path: Path) -> None:
    path = recurrent(tmp_path)
    graph, pairs = tied(path)
    assert len(graph.inputs) == len(graph.outputs) == len(graph.states) == 1
    own, calls = read(path), calls_for(graph, 20)
    fed = fed_back(own, graph, pairs, calls)
    name = own.outputs[1].tensor
    plan = build(graph, load_target("cortex-m4"), "net").plan
    arena = new_arena(plan)
    for number, found in enumerate(run_calls(graph, calls, 10)):
        want = run_graph(own, fed[number])[name]
        np.testing.assert_array_equal(found[graph.output_names[0]], want)
        if number % 10 == 0:
            arena = new_arena(plan)
        np.testing.assert_array_equal(
            run_plan(plan, calls[number], arena, number % 10)[graph.output_names[0]], want
        )


@pytest.mark.thorough
def test_it_is_what_onnx_runtime_gives(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = recurrent(tmp_path)
    graph, pairs = tied(path)
    own = read(path)
    original = (own, lambda vectors: fed_back(own, graph, pairs, vectors))
    with Confirmation(graph, path, original) as confirmation:
        compared = confirmation.result()
    assert (compared.reference, compared.differing) == ("ort", 0)
    assert compared.elements == 40 * 6 * 5 * 6


@pytest.mark.parametrize(
    ("pair", "scale", "words"),
    [
        (("g", ""), 0.05, "no input is called"),
        (("h", "z"), 0.05, "no output"),
        (("h", ""), 0.04, "quantized differ"),
    ],
)
def test_refusals(tmp_path: Path, pair: tuple[str, str], scale: float, words: str) -> None:
    path = recurrent(tmp_path, scale)
    with pytest.raises(CompileError, match=words):
        read(path, Options(state=[(pair[0], pair[1] or outputs(path)[0])]))


def test_shapes_must_be_equal(tmp_path: Path) -> None:
    path = recurrent(tmp_path)
    with pytest.raises(CompileError, match="equal shapes"):
        read(path, Options(state=[("h", outputs(path)[1])]))
