"""The story, top to bottom: a file becomes a graph, a plan, a program, C."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ircompile import emit
from ircompile.fit import Ram, fit
from ircompile.graph import Graph
from ircompile.importers import load
from ircompile.interface import Interface
from ircompile.kernels.lower import Lowered
from ircompile.kernels.pack import Program, pack
from ircompile.passes import normalize
from ircompile.plan import InputMode, Plan
from ircompile.target import Target


@dataclass(frozen=True)
class Compiled:
    """One compilation, every stage of it."""

    source: str
    name: str
    target: Target
    graph: Graph
    lowered: Lowered
    plan: Plan
    program: Program
    blob: bool = False

    @property
    def interface(self) -> Interface:
        """The C interface."""
        return emit.interface_of(self.plan, self.name, self.blob)

    def files(self) -> dict[str, str | bytes]:
        """File name to contents: the emitted C, and the blob of weights if there is one."""
        return emit.emit(self.program, self.name, self.source, (), self.blob)

    def write(self, directory: Path) -> list[Path]:
        """Writes the emitted C into a folder, which is made if need be; returns the paths."""
        files = self.files()
        directory.mkdir(parents=True, exist_ok=True)
        for name, contents in files.items():
            (directory / name).write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return [directory / name for name in files]


def read(path: Path, numerics: str | None = None) -> Graph:
    """The model in the normal form that planning relies on."""
    return normalize(load(path, numerics))


def build(
    graph: Graph,
    target: Target,
    name: str,
    input_mode: InputMode = "resident",
    source: str = "",
    blob: bool = False,
    ram: Ram = "auto",
) -> Compiled:
    """Compiles a normalized graph; with `blob`, the weights become a file to be bound at run time.

    `ram` is "auto" (the fastest of the small plans), "min" (the least bytes without computing anything twice) or
    a number of bytes to fit in. Raises CompileError where nothing fits.
    """
    fitted = fit(graph, target, input_mode, ram)
    lowered, plan = fitted.lowered, fitted.plan
    return Compiled(source or graph.name, name, target, graph, lowered, plan, pack(lowered, plan, target), blob)
