"""The story, top to bottom: a file becomes a graph, a plan, a program, C."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ircompile.checks import Checked, check
from ircompile.checks.emitted import check_emitted
from ircompile.emit import POINTER_BYTES, emit, interface_of
from ircompile.emit.writing import write_files
from ircompile.importers import cut, load
from ircompile.interface import InputMode, Interface, c_name
from ircompile.ir.graph import Graph
from ircompile.kernels.model import Lowered, Prefer, Program
from ircompile.kernels.pack import pack
from ircompile.options import Options
from ircompile.passes import normalize
from ircompile.passes.fold_pixels import fold_pixels
from ircompile.passes.orientation import upright
from ircompile.passes.stream_in_time import stream_in_time
from ircompile.passes.tie_states import tie_states
from ircompile.plan import Plan
from ircompile.target import MemoryRegion, Target, distinct
from ircompile.variants.choose import Ram, choose_plan
from ircompile.variants.orientation import choose_orientation


@dataclass(frozen=True)
class Compiled:
    """One compilation, every stage of it: the normalized graph, the program, what was checked, and the files of C.

    `source` is the name of the model's file. With `blob`, the weights are a file of their own. Of the arena,
    `in_turn` bytes are taken so that layers take turns, which waits less for weights in slow flash.
    """

    source: str
    name: str
    graph: Graph
    program: Program
    checked: Checked
    emitted: Mapping[str, str | bytes]
    blob: bool = False
    in_turn: int = 0

    @property
    def target(self) -> Target:
        """What it was compiled for."""
        return self.program.target

    @property
    def lowered(self) -> Lowered:
        """The graph with its kernels."""
        return self.program.lowered

    @property
    def plan(self) -> Plan:
        """Where every row lives, and when."""
        return self.program.plan

    @property
    def interface(self) -> Interface:
        """The C interface."""
        return interface_of(self.plan, self.name, self.blob)

    def files(self) -> dict[str, str | bytes]:
        """File name to contents: the emitted C, and the blob of weights if there is one."""
        return dict(self.emitted)

    def write(self, directory: Path) -> list[Path]:
        """Writes the emitted C into a folder, all or nothing; returns the paths. The folder is made if need be."""
        return write_files(directory, self.files())


def build(
    model: Path | Graph,
    target: Target,
    name: str,
    input_mode: InputMode = "resident",
    source: str = "",
    blob: bool = False,
    ram: Ram = "auto",
    memory: Sequence[MemoryRegion] = (),
    flash: Sequence[MemoryRegion] = (),
    unverified: bool = False,
    may_transpose: bool = False,
    prefer: Prefer = "speed",
) -> Compiled:
    """The whole story: a model becomes C, a line a stage. `ircompile dump` prints what stands behind each line.

    `model` is a file, or a graph that is in its normal form already, as `read` returns it.
    `ram` is "auto" (the fastest of the small plans), "min" (the least bytes without computing windows anew) or
    a number of bytes to fit in. `memory` are the RAMs to plan for and `flash` the memories for constants, the
    fastest first (default: the target's). With `blob`, the weights become a file to be bound at run time.
    With `prefer` "size" constants are as small as they can be, at a cost in instructions.
    `source` and `unverified` stand in the C: where it is from, and that its framework was not asked. With
    `may_transpose`, a network over one axis, and its `graph`, may have height and width exchanged
    (`choose_orientation`).

    Raises CompileError where the model is not supported or nothing fits, and InternalError where a check of what
    was made finds a mistake.
    """
    memories, flashes = distinct(memory or target.memory), distinct(flash or target.flash)
    pointer = POINTER_BYTES if blob else 0  # it stands behind the plan's bytes

    graph = normalize(load(model)) if isinstance(model, Path) else model
    choose = partial(
        choose_plan, target=target, input_mode=input_mode, ram=ram, memory=memories, reserved=pointer, prefer=prefer
    )
    chosen, graph = choose_orientation(graph, choose, input_mode, ram) if may_transpose else (choose(graph), graph)
    program = pack(chosen.lowered, chosen.plan, target, () if blob else flashes, prefer)
    checked = check(program, graph.pruned)
    source = source or graph.name
    files = emit(program, name, source, blob, unverified)
    checked = replace(checked, numbers=check_emitted(files, name, program))
    return Compiled(source, name, graph, program, checked, files, blob, chosen.in_turn)


def build_with_options(graph: Graph, target: Target, options: Options, path: Path | None = None) -> Compiled:
    """What `build` makes, as the options ask, of a graph that `read` returned; `path` is its file, if any."""
    name, source = (path.stem, path.name) if path else (graph.name, graph.name)
    return build(
        graph, target, c_name(options.name, name), options.input, source, options.weights == "blob", options.ram,
        options.memory, options.flash, options.unverified and path is not None, path is not None, options.prefer,
    )  # fmt: skip


def read(model: Path | Graph, options: Options = Options(), prune: bool = True) -> Graph:  # noqa: B008
    """The first two stages, with what may be asked of them: a file, or a graph in memory, in the normal form.

    Without `prune`, channels that are of no use stay. Raises CompileError where the model is not supported, or the
    options ask for what it has not.
    """
    outside = isinstance(model, Path)
    if isinstance(model, Path):
        graph = load(model, options.numerics, options.outputs)
    else:
        graph = cut(model, model.name, options.numerics, options.outputs)
    graph = normalize(tie_states(graph, options.state), prune=prune)
    graph = normalize(fold_pixels(graph, *options.pixels), prune=prune) if options.pixels else graph
    return stream_in_time(upright(graph) if outside else graph, options.stream) if options.stream else graph
