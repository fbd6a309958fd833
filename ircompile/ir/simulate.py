"""What a graph means: every node computed whole, in NumPy, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array, Rows


def run_graph(graph: Graph, inputs: Mapping[str, Array], keep_all: bool = False) -> dict[str, Array]:
    """Runs a graph on codes (H, W, C) by tensor name; returns its outputs, or every tensor if `keep_all`."""
    values: dict[str, Array] = {}
    for name in graph.input_names:
        tensor = graph.tensors[name]
        if inputs[name].shape != tensor.shape or inputs[name].dtype != tensor.dtype:
            raise ValueError(f"input {name}: {inputs[name].dtype} {inputs[name].shape}, expected {tensor}")
        values[name] = inputs[name]
    for node in graph.nodes:
        site = graph.site(node)
        rows = [Rows(values[name]) for name in node.inputs]
        values[node.output] = np.asarray(node.op.simulate(site, rows, 0, site.output.height))
    return values if keep_all else {name: values[name] for name in graph.output_names}
