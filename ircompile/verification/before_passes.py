"""A model's operators as its file has them, one by one: what all passes together must not change.

A framework's answers show that, too; where there is none, these are compared with the network that is compiled.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from ircompile.importers import load
from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.passes import each_pass
from ircompile.verification.sequences import run_vectors

Answers = list[list[Array]]
Feeds = Sequence[Sequence[Array]]
"""Of each call the input arrays, in the file's shapes and types: passes may lay out a graph's inputs anew."""


def answers_before_passes(model: Path, numerics: str, outputs: Sequence[str], feeds: Feeds) -> Answers:
    """The outputs of a file for each of its inputs, both as its framework would have them, before any pass."""
    return _answers(load(model, numerics, outputs=outputs), feeds)


def guilty_pass(model: Path, numerics: str, outputs: Sequence[str], feeds: Feeds) -> str:
    """The first of the passes behind which the outputs are others; "" where none changes any."""
    plain = load(model, numerics, outputs=outputs)
    wanted = _answers(plain, feeds)
    for name, graph in each_pass(plain):
        found = _answers(graph, feeds)
        if not all(map(np.array_equal, chain(*found), chain(*wanted))):
            return name
    return ""


def _answers(graph: Graph, feeds: Feeds) -> Answers:
    codes = [
        {
            b.tensor: to_graph(b, graph.tensors[b.tensor], array)
            for b, array in zip(graph.inputs, arrays, strict=True)
        }
        for arrays in feeds
    ]
    return [
        [from_graph(binding, graph.tensors[binding.tensor], found[binding.tensor]) for binding in graph.outputs]
        for found in run_vectors(graph, codes)
    ]
