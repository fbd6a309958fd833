"""Random networks as C, some side by side in one compilation: the C against `run_graph` on every rung.

    PYTHONPATH=. .venv/bin/python tests/c_fuzz.py KIND FIRST COUNT RUNG... [--state FILE]

KIND is tflite or onnx; the networks are those of `tflite_fuzz.py any` and `onnx_fuzz.py any`. A rung is gcc or
clang, which build for this machine under sanitizers, or a target with an emulated board. Networks that are not
refused are compared byte for byte.
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
from long_run import begun, parser
from onnx_fuzz import odd
from tflite_any import draw_any
from tflite_files import write
from tflite_fuzz import outputs, profile

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import PROFILES
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.target import load_target

GROUP, BLOCK = 8, 20
"""Networks in one compilation, and seeds of which these are taken."""


def network(kind: str, seed: int, folder: Path) -> Graph | None:
    """The network of a seed, or None where it is refused."""
    try:
        if kind == "onnx":
            path = odd(seed, folder)
            graph = normalize(load(path)) if path else None
        else:
            chain = draw_any(seed)
            wanted, numerics = outputs(chain), profile(chain)
            path = write(folder / "any.tflite", chain.tensors, chain.ops, chain.inputs, wanted)
            graph = normalize(load(path, numerics))
    except CompileError:
        return None
    return graph and replace(graph, pruned=())


def problem(graphs: Sequence[Graph], rungs: Sequence[str]) -> str:
    """What differs or fails where networks are compiled together; "" where nothing does."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            climb(join(graphs), Path(folder), rungs=rungs)
        except Exception as error:  # every kind is a find
            where = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} {' '.join(str(error).split())[:500]} ({where.filename}:{where.lineno})"
    return ""


def verdict(graph: Graph, rungs: Sequence[str]) -> str:
    """How a network ends that is compiled alone: "equal", "refused", or what differs or fails."""
    try:
        build(graph, load_target("host"), "net")
    except CompileError:
        return "refused"
    return problem([graph], rungs) or "equal"


def block(kind: str, seeds: range, rungs: Sequence[str]) -> Iterator[tuple[int, str, bool]]:
    """Seeds, how they end, and whether that is a find; networks of one arithmetic are compiled together."""
    with tempfile.TemporaryDirectory() as folder:
        networks = {seed: network(kind, seed, Path(folder)) for seed in seeds}
    ends = dict.fromkeys(seeds, "refused") | {seed: "equal" for seed, graph in networks.items() if graph}
    for numerics in PROFILES:
        alike = [(seed, graph) for seed, graph in networks.items() if graph and graph.numerics == numerics]
        for start in range(0, len(alike), GROUP):
            group = dict(alike[start : start + GROUP])
            together = problem(list(group.values()), rungs)
            if together:
                alone = {seed: verdict(graph, rungs) for seed, graph in group.items()}
                ends |= alone
                if set(alone.values()) == {"equal"}:
                    ends[min(group)] = f"together: {together}"
    for seed, end in ends.items():
        yield seed, end, end not in ("refused", "equal")


def main() -> int:
    """Compares networks; 1 where one is wrong."""
    options = parser(__doc__, ("tflite", "onnx"))
    options.add_argument("rungs", nargs="+", metavar="RUNG")
    given = options.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    long = begun(given)
    seeds = long.seeds
    for start in range(seeds.start, seeds.stop, BLOCK):
        for seed, end, find in block(given.kind, range(start, min(start + BLOCK, seeds.stop)), given.rungs):
            long.note(seed, end, find=find)
    return long.finish()


if __name__ == "__main__":
    sys.exit(main())
