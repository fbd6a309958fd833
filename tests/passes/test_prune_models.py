"""Real models: what pruning saves, the proof, and the pruned graph run against the original."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from planted import codes

from ircompile.analyses.intervals import analyze
from ircompile.checks.pruning import check_pruning
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.graph import Graph
from ircompile.ir.ops import Convolution
from ircompile.ir.simulate import run_graph
from ircompile.passes.notice_overflow import check_overflow
from ircompile.passes.prune_channels import pruning

FOLDER = Path(os.environ.get("IRCOMPILE_MODELS", Path(__file__).parents[3] / "shared" / "models"))
MODELS = sorted(path.name for path in FOLDER.glob("*") if path.suffix in (".tflite", ".onnx"))
pytestmark = pytest.mark.skipif(not MODELS, reason="no models: set IRCOMPILE_MODELS to a folder of them")

# Greatest share of the MACs, and of the weights, that may remain; in per cent.
SHARES = {
    "mlperf_vww_96_int8.tflite": (49.8, 14.0),
    "mcunet_vww_tinyengine.tflite": (94.5, 93.9),
    "mcunet_person_det.tflite": (99.6, 99.8),
    "mcunet_320kb_1mb_imagenet.tflite": (93.4, 95.3),
    "openmv_fomo_face.tflite": (93.9, 99.0),
}


@cache
def graph_of(name: str) -> Graph:
    try:
        return load(FOLDER / name)
    except CompileError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", SHARES)
def test_share_that_remains(name: str) -> None:
    if name not in MODELS:
        pytest.skip(f"{name} is not among the models")
    graph = graph_of(name)
    pruned = pruning(graph).graph
    assert round(100 * pruned.macs() / graph.macs(), 1) <= SHARES[name][0]
    assert round(100 * weight_bytes(pruned) / weight_bytes(graph), 1) <= SHARES[name][1]


def weight_bytes(graph: Graph) -> int:
    """Bytes of all weights of convolutions, each constant counted once."""
    names = {node.op.weights for node in graph.nodes if isinstance(node.op, Convolution)}
    return sum(int(graph.consts[name].nbytes) for name in names)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in SHARES else pytest.mark.slow) for n in MODELS])
def test_proved_equal(name: str) -> None:
    graph = graph_of(name)
    pruned, kept = pruning(graph)
    assert check_pruning(graph, pruned, kept) == ()
    assert check_overflow(graph, analyze(graph)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_runs_equal(name: str) -> None:
    graph = graph_of(name)
    pruned, kept = pruning(graph)
    for inputs in codes(graph, 5):
        expected = run_graph(graph, inputs, keep_all=True)
        for tensor, value in run_graph(pruned, inputs, keep_all=True).items():
            np.testing.assert_array_equal(value, expected[tensor][..., kept[tensor]], err_msg=tensor)


def test_vww_runs_equal() -> None:
    test_runs_equal("mlperf_vww_96_int8.tflite")
