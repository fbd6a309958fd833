"""The story, top to bottom: a file becomes a graph, a plan, a program, C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ircompile import emit
from ircompile.checks import NOTHING_CHECKED, Checked, check
from ircompile.emit.writing import write_files
from ircompile.importers import load
from ircompile.interface import InputMode, Interface
from ircompile.ir.graph import Graph
from ircompile.kernels.model import Lowered, Program
from ircompile.kernels.pack import pack
from ircompile.passes import normalize, working
from ircompile.passes.fold_pixels import fold_pixels
from ircompile.passes.stream_in_time import stream_in_time
from ircompile.passes.tie_states import Pair, tie_states
from ircompile.plan import Plan
from ircompile.target import MemoryRegion, Target, check_names
from ircompile.variants.choose import Ram, fit

Pixels = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of pixels, in units of 0 to 255: one value for all channels or one a channel."""


@dataclass(frozen=True)
class Compiled:
    """One compilation, every stage of it.

    `unverified`: by wish it was not compared with its framework. `checked`: how much of it was checked.
    """

    source: str
    name: str
    target: Target
    graph: Graph
    lowered: Lowered
    plan: Plan
    program: Program
    blob: bool = False
    flash: tuple[MemoryRegion, ...] = ()
    unverified: bool = False
    checked: Checked = NOTHING_CHECKED

    @property
    def interface(self) -> Interface:
        """The C interface."""
        return emit.interface_of(self.plan, self.name, self.blob)

    def files(self) -> dict[str, str | bytes]:
        """File name to contents: the emitted C, and the blob of weights if there is one."""
        return emit.emit(self.program, self.name, self.source, self.blob, self.flash, self.unverified)

    def write(self, directory: Path) -> list[Path]:
        """Writes the emitted C into a folder, all or nothing; returns the paths. The folder is made if need be."""
        return write_files(directory, self.files())


def read(
    path: Path,
    numerics: str | None = None,
    pixels: Pixels | None = None,
    outputs: Sequence[str] = (),
    stream: int = 0,
    states: Sequence[Pair] = (),
) -> Graph:
    """The model in the normal form that planning relies on; with `pixels`, its input is raw 8-bit pixels.

    With `outputs`, names of tensors of the file, it is cut there. With `stream`, it takes so many new rows a call.
    `states` are pairs of an input and the output that is this input of the next call, by their names in the file.
    """
    graph = working(normalize(tie_states(load(path, numerics, outputs=outputs), states)))
    graph = normalize(fold_pixels(graph, *pixels)) if pixels else graph
    return stream_in_time(graph, stream) if stream else graph


def build(
    graph: Graph,
    target: Target,
    name: str,
    input_mode: InputMode = "resident",
    source: str = "",
    blob: bool = False,
    ram: Ram = "auto",
    memory: Sequence[MemoryRegion] = (),
    flash: Sequence[MemoryRegion] = (),
) -> Compiled:
    """Compiles a normalized graph; with `blob`, the weights become a file to be bound at run time.

    `ram` is "auto" (the fastest of the small plans), "min" (the least bytes without computing windows anew) or
    a number of bytes to fit in. `memory` are the RAMs to plan for and `flash` the memories for constants, the
    fastest first (default: the target's). Raises CompileError where nothing fits, and InternalError where a check
    of what was made finds a mistake.
    """
    graph, pruned = replace(graph, pruned=()), graph.pruned
    memory, flash = tuple(memory or target.memory), tuple(flash or target.flash)
    check_names(memory)
    check_names(flash)
    pointer = emit.POINTER_BYTES if blob else 0  # it stands behind the plan's bytes
    fitted = fit(graph, target, input_mode, ram, memory, pointer)
    lowered, plan = fitted.lowered, fitted.plan
    program = pack(lowered, plan, target)
    checked = check(program, pruned)
    return Compiled(source or graph.name, name, target, graph, lowered, plan, program, blob, flash, checked=checked)
