"""Compares an imported graph with ONNX Runtime, node by node, each node fed ONNX Runtime's own tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tflite_compare import patterned

from ircompile.importers.onnx import trace_onnx
from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array
from ircompile.verification.per_layer import NO_CODE, Layer, LayerComparison
from ircompile.verification.references.ort import OrtReference

# What ONNX Runtime computes in integers with one documented rounding: nothing may differ.
EXACT = {"QLinearConv", "QGemm", "QLinearMatMul", "MaxPool", "QLinearConcat", "Transpose", "Reshape", "Resize"}


@dataclass
class Tally:
    """Elements compared, how many differ, how many of them at ties, and by how much at most."""

    elements: int = 0
    differing: int = 0
    ties: int = 0
    largest: int = 0

    def add(self, ours: Array, theirs: Array) -> None:
        distance = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
        self.elements += distance.size
        self.differing += int((distance > 0).sum())
        self.largest = max(self.largest, int(distance.max(initial=0)))


class Comparison:
    """One model in both worlds."""

    def __init__(self, path: Path, **options: Mapping[str, tuple[int, ...]]) -> None:
        traced = trace_onnx(path, **options)
        self.graph = traced.graph
        pytest.importorskip("onnxruntime")
        self.reference = OrtReference(path)
        self.isolated = LayerComparison(traced, self.reference)
        self.ends = Tally()

    @property
    def tallies(self) -> dict[str, Tally]:
        """By the class of our op."""
        return summed((layer.op, layer) for layer in self.isolated.layers if layer.op != NO_CODE)

    @property
    def exact(self) -> dict[str, Tally]:
        """By ONNX Runtime's kind, of the kinds that it computes in integers."""
        return summed((layer.kind, layer) for layer in self.isolated.layers if layer.kind in EXACT)

    def inputs(self, seed: int, pattern: str = "random") -> list[Array]:
        """Random inputs that reach every code of the inputs, or only the lowest, the highest or both."""
        rng = np.random.default_rng(seed)
        found = []
        for external in self.graph.inputs:
            tensor = self.graph.tensors[external.tensor]
            real = external.dtype == "float32"
            codes = patterned(rng, external.shape, tensor.dtype if real else external.dtype, pattern)
            values = (codes.astype(np.int64) - tensor.zero_point) * np.float32(tensor.scale)
            found.append(values.astype(np.float32) if real else codes)
        return found

    def run(self, inputs: list[Array]) -> None:
        """Compares every node that has a counterpart, and the outputs, on one set of inputs."""
        self.isolated.run(inputs)
        given = zip(self.graph.inputs, inputs, strict=True)
        ours = run_graph(self.graph, {e.tensor: to_graph(e, self.graph.tensors[e.tensor], a) for e, a in given})
        self._ends(ours, self.reference.intermediates(inputs))

    def _ends(self, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> None:
        for external in self.graph.outputs:
            if external.name in theirs and not any("no QuantizeLinear" in text for text in self.graph.notices):
                tensor = self.graph.tensors[external.tensor]
                step = tensor.scale if external.dtype == "float32" else 1
                value = from_graph(external, tensor, ours[external.tensor])
                self.ends.add(np.rint(value / step), np.rint(theirs[external.name] / step))


def summed(layers: Iterable[tuple[str, Layer]]) -> dict[str, Tally]:
    """Sums over the layers of one name."""
    sums: dict[str, Tally] = {}
    for name, layer in layers:
        tally = sums.setdefault(name, Tally())
        tally.elements += layer.compared
        tally.differing += layer.differing
        tally.ties += layer.ties
        tally.largest = max(tally.largest, layer.largest)
    return sums


def compared(path: Path, count: int = 2, **options: Mapping[str, tuple[int, ...]]) -> Comparison:
    """The comparison on `count` random inputs; fails where integers differ, or anything by more than one code."""
    comparison = Comparison(path, **options)
    for seed in range(count):
        comparison.run(comparison.inputs(seed))
    assert comparison.tallies, "nothing was compared"
    for kind, tally in comparison.exact.items():
        assert tally.differing == 0, (kind, tally)
    for kind, tally in comparison.tallies.items():
        assert tally.largest <= 1, (kind, tally)
    return comparison


def kinds(graph: Graph) -> list[str]:
    """The operators of a graph, in its order."""
    return [type(node.op).__name__ for node in graph.nodes]


def run(graph: Graph, *arrays: Array) -> list[Array]:
    """The graph's outputs as the framework would have them."""
    tensors = graph.tensors
    inputs = {e.tensor: to_graph(e, tensors[e.tensor], a) for e, a in zip(graph.inputs, arrays, strict=True)}
    out = run_graph(graph, inputs)
    return [from_graph(e, tensors[e.tensor], out[e.tensor]) for e in graph.outputs]
