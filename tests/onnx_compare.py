"""Compares an imported graph with ONNX Runtime, node by node, each node fed ONNX Runtime's own tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ircompile.external import from_graph, to_graph
from ircompile.graph import Graph, Node
from ircompile.importers.onnx import trace_onnx
from ircompile.importers.onnx.views import View
from ircompile.references.ort import OrtReference
from ircompile.simulate import run_graph
from ircompile.tensor import Array, Rows

# What ONNX Runtime computes in integers with one documented rounding: nothing may differ.
EXACT = {"QLinearConv", "QGemm", "QLinearMatMul", "MaxPool", "QLinearConcat", "Transpose", "Reshape", "Resize"}


@dataclass
class Tally:
    """Elements compared, how many differ, and by how much at most."""

    elements: int = 0
    differing: int = 0
    largest: int = 0

    def add(self, ours: Array, theirs: Array) -> None:
        distance = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
        self.elements += distance.size
        self.differing += int((distance > 0).sum())
        self.largest = max(self.largest, int(distance.max(initial=0)))


class Comparison:
    """One model in both worlds."""

    def __init__(self, path: Path, **options: Mapping[str, tuple[int, ...]]) -> None:
        self.graph, self.views = trace_onnx(path, **options)
        self.reference = OrtReference(path)
        self.kinds = {name: operator.kind for operator in self.reference.operators for name in operator.outputs}
        self.tallies: dict[str, Tally] = {}
        self.exact: dict[str, Tally] = {}
        self.ends = Tally()

    def inputs(self, seed: int) -> list[Array]:
        """Random inputs that reach every code of the graph's inputs."""
        rng = np.random.default_rng(seed)
        found = []
        for external in self.graph.inputs:
            tensor = self.graph.tensors[external.tensor]
            low = 0 if tensor.dtype == "uint8" else -128
            codes = rng.integers(low, low + 256, external.shape)
            real = ((codes - tensor.zero_point) * np.float32(tensor.scale)).astype(np.float32)
            found.append(real if external.dtype == "float32" else codes.astype(external.dtype))
        return found

    def run(self, inputs: list[Array]) -> None:
        """Compares every node that has a counterpart, and the outputs, on one set of inputs."""
        theirs = self.reference.intermediates(inputs)
        known = self._known(theirs)
        ours = {
            e.tensor: to_graph(e, self.graph.tensors[e.tensor], a)
            for e, a in zip(self.graph.inputs, inputs, strict=True)
        }
        isolated = dict(ours)
        for node in self.graph.nodes:
            value = self._simulate(node, isolated)
            if node.output in known:
                kind, codes = known[node.output]
                self.tallies.setdefault(type(node.op).__name__, Tally()).add(value, codes)
                if kind in EXACT:
                    self.exact.setdefault(kind, Tally()).add(value, codes)
                value = codes
            isolated[node.output] = value
        self._ends(run_graph(self.graph, ours), theirs)

    def _simulate(self, node: Node, values: Mapping[str, Array]) -> Array:
        site = self.graph.site(node)
        return np.asarray(node.op.simulate(site, [Rows(values[i]) for i in node.inputs], 0, site.output.height))

    def _known(self, theirs: Mapping[str, Array]) -> dict[str, tuple[str, Array]]:
        """ONNX Runtime's kind of operator and codes for each graph tensor that it has, too."""
        found: dict[str, tuple[str, Array]] = {}
        for name, view in self.views.items():
            array = theirs.get(name)
            if array is None or array.dtype.itemsize > 1 or view.tensor not in self.graph.tensors:
                continue
            if array.size == view.index.size and view.tensor not in found:
                found[view.tensor] = self.kinds.get(name, ""), placed(self.graph, view, array)
        return found

    def _ends(self, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> None:
        for external in self.graph.outputs:
            if external.name in theirs and not any("no QuantizeLinear" in text for text in self.graph.notices):
                tensor = self.graph.tensors[external.tensor]
                step = tensor.scale if external.dtype == "float32" else 1
                value = from_graph(external, tensor, ours[external.tensor])
                self.ends.add(np.rint(value / step), np.rint(theirs[external.name] / step))


def placed(graph: Graph, view: View, array: Array) -> Array:
    """An ONNX tensor of codes as the graph's tensor holds it."""
    codes = array if array.dtype == np.int8 else (array.view(np.uint8) ^ np.uint8(128)).view(np.int8)
    flat = np.empty(array.size, np.int8)
    flat[view.index.reshape(-1)] = codes.reshape(-1)
    return flat.reshape(graph.tensors[view.tensor].shape)


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
