"""Runs a TFLite file through importer, passes and simulator, and in a reference framework."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_files import T

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.passes import each_pass
from ircompile.verification.references import open_reference

Array = Any
PATTERNS = ("random", "ends", "lowest", "highest")


def simulate(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a graph, in the framework's shapes and types."""
    given = {e.tensor: to_graph(e, graph.tensors[e.tensor], a) for e, a in zip(graph.inputs, inputs, strict=True)}
    found = run_graph(graph, given)
    return [from_graph(e, graph.tensors[e.tensor], found[e.tensor]) for e in graph.outputs]


def patterned(rng: np.random.Generator, shape: tuple[int, ...], dtype: str, pattern: str) -> Array:
    """An input: random, only lowest and highest codes, all lowest, or all highest."""
    info = np.iinfo(dtype)
    if pattern == "random":
        return rng.integers(info.min, info.max + 1, shape).astype(dtype)
    if pattern == "ends":
        return rng.choice([info.min, info.max], shape).astype(dtype)
    return np.full(shape, info.min if pattern == "lowest" else info.max, dtype)


def reference(name: str, path: Path) -> Any:
    """A reference framework, or a skip where it is not installed."""
    try:
        return open_reference(name, path)
    except CompileError as error:
        if "needs the Python package" in error.problem:
            pytest.skip(str(error))
        raise


def assert_equal_to(name: str, path: Path, inputs: Sequence[T], seed: int = 0) -> Graph:
    """The file's outputs equal the reference's on every pattern, byte for byte; also before the passes."""
    oracle, plain = reference(name, path), load(path, name)
    *_, (_, graph) = each_pass(plain)  # also where no operator is left
    rng = np.random.default_rng(seed)
    for pattern in PATTERNS:
        given = [patterned(rng, t.shape, t.dtype, pattern) for t in inputs]
        expected = oracle.run(given)
        for form in (plain, graph):
            for ours, theirs in zip(simulate(form, given), expected, strict=True):
                assert ours.dtype == theirs.dtype
                np.testing.assert_array_equal(
                    ours.reshape(-1), theirs.reshape(-1), err_msg=f"{pattern} {path.name}"
                )
    return graph
