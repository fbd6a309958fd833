"""What `--isolated` does: every layer alone against the model's framework, as a table and as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ircompile.cli.console import OUT, doing, number, print_table
from ircompile.compilation import Compilation
from ircompile.emit.templating import shorten
from ircompile.ir.bindings import from_graph
from ircompile.verification.ladder import Codes
from ircompile.verification.per_layer import by_kind, isolate

TITLES = ("operator", "our op", "compared", "differing", "of them ties", "largest")


def compare(compilation: Compilation, reference: str, vectors: Sequence[Codes]) -> dict[str, Any]:
    """The comparison of a model's layers on codes of its inputs: kinds of operators, layers, what has no layer."""
    graph = compilation.compiled.graph
    if original := compilation.original:
        graph, vectors = original[0], original[1](vectors)
    assert compilation.path
    feeds = [[from_graph(e, graph.tensors[e.tensor], codes[e.tensor]) for e in graph.inputs] for codes in vectors]
    with doing(f"comparing layers with {reference}"):
        found = isolate(compilation.path, graph.numerics, reference, feeds, compilation.options.outputs)
    return {
        "reference": reference,
        "inputs": len(feeds),
        "kinds": [asdict(layer) for layer in by_kind(found.layers)],
        "layers": [asdict(layer) for layer in found.layers],
        "missing": found.missing,
    }


def show(data: dict[str, Any]) -> None:
    """The kinds of operators, and each layer that differs."""
    rows = [_cells(kind, kind["kind"], kind["op"]) for kind in data["kinds"]]
    print_table(TITLES, rows, numeric=(2, 3, 4, 5))
    for layer in data["layers"]:
        if layer["differing"]:
            count = f"{number(layer['differing'])} of {number(layer['compared'])} differ"
            ties = f", {number(layer['ties'])} of them ties" if layer["ties"] else ""
            where = f"{layer['name']} ({shorten(layer['source'])})"
            OUT.print(f"  {where}: {count}{ties}, by {layer['largest']} at most", markup=False)
    if data["missing"]:
        text = ", ".join(f"{kind} {count}" for kind, count in data["missing"].items())
        OUT.print(f"folded, fused or in float: {text}", markup=False)


def _cells(layer: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return (*names, *(number(layer[key]) for key in ("compared", "differing", "ties", "largest")))
