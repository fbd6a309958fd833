"""ONNX's own node tests with quantizers around their operator: equal to ONNX Runtime, or refused."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_compare import Comparison
from onnx_fuzz import verdict
from onnx_wrapping import wrapped

from ircompile.errors import CompileError
from ircompile.ir.tensor import Array
from ircompile.verification.references.ort import OrtReference

pytest.importorskip("onnxruntime")
PARTS = 8


@cache
def cases() -> list[Any]:
    """The tests of one operator whose first input is float32 and whose other inputs and outputs are arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        found = collect_testcases(None)
    return [case for case in found if len(case.model.graph.node) == 1 and _arrays(case)]


def _arrays(case: Any) -> bool:
    inputs, outputs = case.data_sets[0]
    arrays = all(isinstance(array, np.ndarray) for array in (*inputs, *outputs))
    return arrays and len(inputs) > 0 and inputs[0].dtype == np.float32 and inputs[0].ndim > 0


def single_batch(case: Any) -> tuple[Any, dict[str, Array]]:
    """The model with batch 1 and constants in place of all inputs but the first; and that input.

    A tensor of rank 3 and less gets a batch in front, which Reshape nodes take away and put back.
    """
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph, (inputs, outputs) = model.graph, case.data_sets[0]
    names = [value.name for value in graph.input]
    graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in list(zip(names, inputs, strict=False))[1:])
    x = inputs[0][:1] if inputs[0].ndim == 4 else inputs[0]
    if x.ndim <= 3 and x.shape[0] > 1:
        _without_batch(graph, x, outputs)
        x = x[np.newaxis]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(names[0], onnx.TensorProto.FLOAT, x.shape))
    return model, {names[0]: x}


def _without_batch(graph: Any, x: Array, outputs: list[Array]) -> None:
    node, first = graph.node[0], graph.node[0].input[0]
    for place, name in enumerate(node.input):
        node.input[place] = "inner" if name == first else name
    graph.initializer.append(numpy_helper.from_array(np.array(x.shape, np.int64), "inner_shape"))
    nodes = [
        helper.make_node("Reshape", [first, "inner_shape"], ["inner"]),
        onnx.NodeProto.FromString(node.SerializeToString()),
    ]
    ends = []
    for output, array in zip(list(graph.output), outputs, strict=False):
        if array.dtype == np.float32 and array.ndim <= 3:
            graph.initializer.append(
                numpy_helper.from_array(np.array((1, *array.shape), np.int64), f"{output.name}_shape")
            )
            nodes.append(helper.make_node("Reshape", [output.name, f"{output.name}_shape"], [f"{output.name}_out"]))
            ends.append(helper.make_tensor_value_info(f"{output.name}_out", onnx.TensorProto.FLOAT, None))
    del graph.node[:]
    graph.node.extend(nodes)
    if ends:
        del graph.output[:]
        graph.output.extend(ends)


def judge(case: Any, folder: Path) -> str:
    """ "equal" and the like, "refused", or "not run" where ONNX Runtime itself does not run it."""
    path = folder / "net.onnx"
    try:
        model, feeds = single_batch(case)
        onnx.save(wrapped(model, feeds, 7), path)
        OrtReference(path)
    except Exception:  # errors of onnx and of ONNX Runtime have no common base
        return "not run"
    try:
        comparison = Comparison(path)
    except CompileError:
        return "refused"
    for seed in range(2):
        comparison.run(comparison.inputs(seed))
    return verdict(comparison)


@pytest.mark.slow  # making the tests' data takes seconds
@pytest.mark.parametrize("part", range(PARTS))
def test_node_tests(part: int, tmp_path: Path) -> None:
    found = [judge(case, tmp_path) for case in cases()[part::PARTS]]
    assert "equal" in found
