"""Seconds that planning takes, printed only: they are this machine's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph
from ircompile.pipeline import read
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from nets import long_chain

CHAIN = 1000  # operators


def print_planning(folder: Path) -> None:
    """Plans every model of a folder, and a long chain, and prints the seconds of each."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".tflite", ".onnx"))
    nets: dict[str, Callable[[], Graph]] = {path.name: lambda path=path: read(path) for path in files}
    nets[f"a chain of {CHAIN} operators"] = lambda: long_chain(CHAIN)
    for name, make in nets.items():
        try:
            graph = make()
        except CompileError:
            continue  # it is among the models to be refused
        print(f"planning {name}: {seconds_of(graph)}", file=sys.stderr)


def seconds_of(graph: Graph) -> str:
    """Seconds of the default plan and of the least, in both input modes."""
    target, said = load_target("cortex-m4"), []
    for mode in ("resident", "rows") if len(graph.inputs) == 1 else ("resident",):
        for ram in ("auto", "min"):
            begin = time.perf_counter()
            choose_plan(graph, target, mode, ram)
            said.append(f"{mode} {ram} {time.perf_counter() - begin:.1f} s")
    return ", ".join(said)
