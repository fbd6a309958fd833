"""Layers alone against the framework: what is compared, and that a difference stays in the layer that makes it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tflite_compare import reference
from tflite_files import Op, T, const, write

from ircompile.cli import main
from ircompile.errors import CompileError
from ircompile.importers import trace
from ircompile.ir.bindings import from_graph
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.verification.per_layer import NO_CODE, LayerComparison, by_kind

ROOT = Path(__file__).parents[1]
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"


def feeds(graph: Graph, seed: int = 0) -> list[Array]:
    """Random inputs as the framework takes them."""
    rng, found = np.random.default_rng(seed), []
    for external in graph.inputs:
        tensor = graph.tensors[external.tensor]
        info = np.iinfo(tensor.dtype)
        codes = rng.integers(info.min, info.max + 1, tensor.shape).astype(tensor.dtype)
        found.append(from_graph(external, tensor, codes))
    return found


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Two convolutions, a reshape and a fully connected layer, uint8 at the ends."""
    rng = np.random.default_rng(3)
    tensors = [
        T((1, 6, 5, 3), "uint8", 0.5, 120),
        const(rng.integers(-127, 128, (4, 3, 3, 3)), "int8", [0.01, 0.02, 0.03, 0.04]),
        const(rng.integers(-900, 900, 4), "int32"),
        T((1, 6, 5, 3), "int8", 0.5, -8),
        T((1, 6, 5, 4), "int8", 0.7, 9),
        const([1, 120], "int32"),
        T((1, 120), "int8", 0.7, 9),
        const(rng.integers(-127, 128, (7, 120)), "int8", 0.02),
        const(rng.integers(-900, 900, 7), "int32"),
        T((1, 7), "int8", 2.0, -4),
        T((1, 7), "uint8", 2.0, 124),
    ]
    ops = [
        Op("QUANTIZE", [0], [3]),
        Op("CONV_2D", [3, 1, 2], [4], {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}),
        Op("RESHAPE", [4, 5], [6]),
        Op("FULLY_CONNECTED", [6, 7, 8], [9]),
        Op("QUANTIZE", [9], [10]),
    ]
    return write(tmp_path / "net.tflite", tensors, ops, [0], [10])


@pytest.mark.parametrize("profile", ["tflm", "litert-ref"])
def test_a_tflite_network_layer_by_layer(network: Path, profile: str) -> None:
    traced = trace(network, profile)
    found = LayerComparison(traced, reference(profile, network))
    for seed in range(2):
        found.run(feeds(traced.graph, seed))
    assert [(layer.kind, layer.compared) for layer in found.layers] == [
        ("QUANTIZE", 180),
        ("CONV_2D", 240),
        ("RESHAPE", 240),
        ("FULLY_CONNECTED", 14),
        ("QUANTIZE", 14),
    ]
    assert [layer.differing for layer in found.layers] == [0] * 5
    assert found.missing == {}


def test_a_difference_stays_in_its_layer() -> None:
    traced = trace(DIGITS)
    graph = traced.graph
    target = next(node for node in graph.nodes if type(node.op).__name__ == "Depthwise")
    wrong = {**graph.consts, target.op.bias: graph.consts[target.op.bias] + 400}  # type: ignore[union-attr]
    found = LayerComparison(traced._replace(graph=replace(graph, consts=wrong)), reference("ort", DIGITS))
    found.run(feeds(graph))
    differing = [layer for layer in found.layers if layer.differing]
    assert [layer.name for layer in differing] == [target.name]
    assert differing[0].unexplained == differing[0].differing
    assert differing[0].largest > 1
    (row,) = [kind for kind in by_kind(found.layers) if kind.differing]
    assert (row.op, row.differing, row.largest) == ("Depthwise", differing[0].differing, differing[0].largest)


def test_every_layer_of_the_example_has_a_counterpart() -> None:
    traced = trace(DIGITS)
    found = LayerComparison(traced, reference("ort", DIGITS))
    found.run(feeds(traced.graph))
    assert {node.name for node in traced.graph.nodes} <= {layer.name for layer in found.layers}
    assert all(layer.compared > 0 and layer.differing == 0 for layer in found.layers)
    assert [layer.kind for layer in found.layers if layer.op == NO_CODE] == ["Flatten"]
    assert found.missing == {"DequantizeLinear": 1}


def test_own_files_have_no_framework(tmp_path: Path) -> None:
    (tmp_path / "net.ir").write_text("graph net numerics=tflm\n")
    with pytest.raises(CompileError, match="no framework"):
        trace(tmp_path / "net.ir")


@pytest.mark.thorough
def test_the_command_line_shows_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    words = ["verify", str(DIGITS), "--target", "host", "--on", "numpy", "--random", "1", "--isolated"]
    assert main(words) == 0
    table = capsys.readouterr().out
    assert "QLinearConv\tDepthwise\t" in table
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["rungs"][0]["name"] == "numpy"
    kinds, layers = data["isolated"]["kinds"], data["isolated"]["layers"]
    assert sum(kind["compared"] for kind in kinds) == sum(layer["compared"] for layer in layers) > 0


@pytest.mark.thorough
def test_a_difference_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    from ircompile.verification.references.ort import OrtReference

    plain = OrtReference.intermediates

    def shifted(self: OrtReference, inputs: list[Array]) -> dict[str, Array]:
        found = plain(self, inputs)
        (output,) = [operator.outputs[0] for operator in self.operators if operator.kind == "QGemm"]
        return {**found, output: found[output] ^ np.int8(2)}

    monkeypatch.setattr(OrtReference, "intermediates", shifted)
    words = ["verify", str(DIGITS), "--target", "host", "--on", "numpy", "--random", "1", "--isolated"]
    assert main(words) == 1
    assert "50 of 50 differ, by 2 at most" in capsys.readouterr().out


@pytest.mark.thorough
def test_the_report_has_the_section(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert main([str(DIGITS), "--target", "host", "-o", str(tmp_path), "--isolated", "--json"]) == 0
    page = (tmp_path / "digits.html").read_text()
    assert "Layers alone" in page
    assert "QLinearGlobalAveragePool" in page


@pytest.mark.thorough
def test_raw_pixels_are_compared_as_what_they_stand_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    words = ["--target", "host", "-o", str(tmp_path), "--mean", "20", "--std", "12.5", "--isolated", "--json"]
    assert main([str(DIGITS), *words]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["interface"]["inputs"][0]["dtype"] == "uint8"
    assert sum(kind["compared"] for kind in data["isolated"]["kinds"]) > 10_000
    assert all(kind["differing"] == kind["ties"] for kind in data["isolated"]["kinds"])
