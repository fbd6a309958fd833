"""Random networks as C, some side by side in one compilation: the C against `run_graph` on every rung.

    PYTHONPATH=. .venv/bin/python tests/c_fuzz.py KIND FIRST COUNT RUNG...

KIND is tflite or onnx; the networks are those of `tflite_fuzz.py any` and `onnx_fuzz.py any`. A rung is gcc or
clang, which build for this machine under sanitizers, or a target with an emulated board. COUNT networks are
compared, byte for byte; those that are refused are passed over.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ladder import climb, join
from onnx_fuzz import odd
from tflite_any import draw_any
from tflite_files import write
from tflite_fuzz import outputs, profile

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.graph import Graph
from ircompile.passes import normalize, working
from ircompile.pipeline import build
from ircompile.target import load_target

GROUP = 8


def network(kind: str, seed: int, folder: Path) -> Graph | None:
    """The network of a seed, or None where it is refused."""
    try:
        if kind == "onnx":
            path = odd(seed, folder)
            graph = working(normalize(load(path))) if path else None
        else:
            chain = draw_any(seed)
            wanted, numerics = outputs(chain), profile(chain)
            path = write(folder / "any.tflite", chain.tensors, chain.ops, chain.inputs, wanted)
            graph = working(normalize(load(path, numerics)))
        if graph:
            build(graph, load_target("host"), "net")
    except CompileError:
        return None
    return graph and replace(graph, pruned=())


def groups(kind: str, first: int, count: int) -> Iterator[dict[int, Graph]]:
    """Networks of one arithmetic by their seeds, a few at a time, `count` of them in all."""
    waiting: dict[str, dict[int, Graph]] = {}
    seed, found = first, 0
    with tempfile.TemporaryDirectory() as folder:
        while found < count:
            graph = network(kind, seed, Path(folder))
            if graph:
                found += 1
                group = waiting.setdefault(graph.numerics, {})
                group[seed] = graph
                if len(group) == GROUP:
                    yield waiting.pop(graph.numerics)
            seed += 1
    yield from waiting.values()


def problem(graphs: Sequence[Graph], rungs: Sequence[str]) -> str:
    """What differs or fails where networks are compiled together; "" where nothing does."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            climb(join(graphs), Path(folder), rungs=rungs)
        except Exception as error:  # every kind is a find
            where = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} {' '.join(str(error).split())[:500]} ({where.filename}:{where.lineno})"
    return ""


def main(kind: str, first: int, count: int, rungs: Sequence[str]) -> int:
    """Compares networks; 1 where one is wrong."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    done = wrong = 0
    for group in groups(kind, first, count):
        done += len(group)
        found = problem(list(group.values()), rungs)
        if found:
            alone = {seed: problem([graph], rungs) for seed, graph in group.items()}
            guilty = {seed: text for seed, text in alone.items() if text} or {min(group): f"together: {found}"}
            wrong += len(guilty)
            for seed, text in guilty.items():
                print(f"{kind} seed {seed}: {text}", flush=True)
        print(f"{done} networks to seed {max(group)}, {wrong} wrong", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
