"""A compiled model in a Python program: its figures, its C, its reports, and comparisons of what it computes."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ircompile.emit.writing import write_files
from ircompile.errors import CompileError
from ircompile.export.selftest import selftest_files
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.options import Options
from ircompile.pipeline import Compiled, build_with_options, read
from ircompile.plan.work import macs
from ircompile.report import html_report, memory_map, memory_picture, report_data
from ircompile.target import Target
from ircompile.timing.board import Board
from ircompile.verification import confirm, ladder
from ircompile.verification.accuracy import Accuracy, measure_accuracy
from ircompile.verification.bench import timing_of
from ircompile.verification.confirm import Comparison, Confirmation
from ircompile.verification.inputs import calls_of, read_calls
from ircompile.verification.original import Original, original
from ircompile.verification.runners.build import Sizes

Input = str | os.PathLike[str] | Array | Mapping[str, Array]
Rungs = Sequence[Literal["numpy", "host", "qemu"]]
Doing = Callable[[str], AbstractContextManager[object]]
"""Says what is being done, while it is."""


@dataclass(frozen=True)
class Verification:
    """What was compared, rung by rung of the equality ladder; see `Rung` for elements and the first difference."""

    rungs: tuple[ladder.Rung, ...]

    @property
    def equal(self) -> bool:
        """Whether no element differs anywhere."""
        return not any(rung.differing for rung in self.rungs)


@dataclass(frozen=True)
class Compilation:
    """A compiled model: its figures, its C files, and its memory map where a notebook shows it. It can be pickled.

    `compiled` has every stage of it; `path` is the model's file, None for a graph in memory. `options` are what was
    asked for, `board` the board that it is for, if one was named. `comparison` says how it was compared with the
    model's own framework.
    """

    compiled: Compiled
    path: Path | None = None
    options: Options = Options()  # noqa: RUF009
    board: Board | None = None
    comparison: Comparison | None = None

    def __repr__(self) -> str:
        figures = f"{self.arena_bytes:,} bytes of arena, {self.constant_bytes:,} of constants in flash"
        return f"<Compilation of {self.name} for {self.compiled.target.name}: {figures}>"

    @property
    def name(self) -> str:
        """The prefix of all C names."""
        return self.compiled.name

    @property
    def arena_bytes(self) -> int:
        """Bytes of RAM that the C is handed: everything but the stack."""
        return self.compiled.interface.arena_bytes

    @property
    def lower_bound(self) -> int:
        """Bytes below which no plan of these layers can go that computes each row once."""
        return self.compiled.plan.lower_bound

    @property
    def constant_bytes(self) -> int:
        """Bytes of constants in flash; code comes on top."""
        return int(self.report()["flash"]["weights"])

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, those computed anew counted each time."""
        return macs(self.compiled.plan)

    @property
    def original(self) -> Original | None:
        """What the model's own framework runs, where that is not what was compiled."""
        return original(self.path, self.options) if self.path else None

    def files(self, selftest: bool = False) -> dict[str, str | bytes]:
        """File name to contents of the emitted C, and of the blob of weights if there is one.

        With `selftest` also NAME_selftest.h and .c: seeded inputs and their outputs, to be run on the device.
        """
        return self.compiled.files() | (selftest_files(self.compiled) if selftest else {})

    def timing(self, counts: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The time of one inference on the board, as plain values; None where no board was named.

        It comes of what `count_instructions` counted, or of the plan's estimate of instructions.
        """
        return timing_of(self.compiled, self.board, counts).data if self.board else None

    def report(self, sizes: Sizes | None = None, command: str = "") -> dict[str, Any]:
        """Everything known of the compilation, as plain values: docs/schema/compile.json describes it.

        `sizes` of code are known where a compiler measured them.
        """
        data = report_data(self.compiled, sizes, command)
        return {**data, "timing": self.timing(), "compared": self.comparison and asdict(self.comparison)}

    def html(self) -> str:
        """The report as one self-contained page."""
        return html_report(self.report(), memory_map(self.compiled.plan))

    def write(self, folder: str | os.PathLike[str], selftest: bool = False) -> list[Path]:
        """Writes `files` into a folder, all or nothing; returns their paths. The folder is made if need be."""
        return write_files(Path(folder), self.files(selftest))

    def verify(
        self,
        on: Rungs = ("numpy", "host"),
        against: str | None = None,
        inputs: Sequence[Input] = (),
        random: int = 5,
        seed: int = 0,
    ) -> Verification:
        """Climbs the equality ladder; see `ircompile.verify`."""
        if isinstance(on, str):
            raise CompileError("on", f"is one string, {on!r}", f"a list of {', '.join(ladder.RUNNERS)}")
        unknown = [rung for rung in on if rung not in ladder.RUNNERS]
        if unknown:
            raise CompileError("on", f"unknown rung {unknown[0]!r}", ", ".join(ladder.RUNNERS))
        graph = self.compiled.graph
        vectors = [call for each in inputs for call in codes_of(graph, each)]
        vectors += ladder.vectors_for(graph, random, seed) if random > 0 else []
        if not vectors:
            raise CompileError("inputs", "no inputs to verify with", "inputs, or random of 1 and more")
        rungs = []
        if against:
            rungs.append(self.against(against, vectors))
        return Verification((*rungs, *ladder.climb(self.compiled, on, vectors)))

    def against(self, reference: str, vectors: Sequence[ladder.Codes]) -> ladder.Rung:
        """Compares the simulated graph with a reference framework; see `confirm.against`."""
        if self.path is None:
            raise CompileError("against", f"{reference} runs files, not graphs in memory", "a model's file")
        outputs = self.options.outputs
        return confirm.against(self.compiled.graph, self.path, reference, vectors, self.original, outputs)

    def accuracy(
        self,
        folder: str | os.PathLike[str],
        labels: str | os.PathLike[str] | None = None,
        against: str | None = None,
    ) -> Accuracy:
        """Classifies the files of a data set by the C on this machine and by a framework, and compares.

        `folder` has a folder for each class, or a list of names and labels (`labels`, or labels.csv in it). Files
        are pictures, or arrays as for `verify`. `against` is a framework (default: the model's own).

        Raises CompileError where the output is no score for each class, a label is unknown, a file does not fit
        or a tool is missing.
        """
        if self.options.outputs:
            problem = "classifies by the model's own outputs, which --outputs cuts off"
            raise CompileError("--accuracy", problem, "the whole model")
        if self.path is None:
            raise CompileError("accuracy", "frameworks run files, not graphs in memory", "a model's file")
        listed = None if labels is None else Path(labels)
        return measure_accuracy(self.compiled, self.path, Path(folder), listed, against, self.original)

    def _repr_html_(self) -> str:
        return memory_picture(memory_map(self.compiled.plan), self.report())


def compile_model(
    model: Path | Graph,
    core: Target,
    options: Options,
    board: Board | None = None,
    doing: Doing = nullcontext,
) -> Compilation:
    """Reads and compiles a model; its file is compared with its framework meanwhile.

    Raises CompileError where they differ, unless the options leave that out.
    """
    path = model if isinstance(model, Path) else None
    with doing(f"reading {path.name if path else 'a graph'}"):
        graph = read(model, options)

    def compiled() -> Compiled:
        with doing(f"planning {len(graph.nodes)} layers"):
            return build_with_options(graph, core, options, path)

    if path is None or options.unverified:
        why = Comparison(why="not compared: --unverified") if path else None
        return Compilation(compiled(), path, options, board, why)
    with Confirmation(graph, path, original(path, options), options.outputs) as confirmation:
        made = compiled()
        with doing("comparing with the model's framework"):
            return Compilation(made, path, options, board, confirmation.result())


def codes_of(graph: Graph, given: Input) -> list[dict[str, Array]]:
    """The graph's codes of a set of inputs (a file, an array, or arrays by input name), call by call."""
    if isinstance(given, str | os.PathLike):
        return read_calls(graph, Path(given))
    return calls_of(graph, given if isinstance(given, Mapping) else {graph.inputs[0].name: given})
