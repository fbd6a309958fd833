"""A compiled model in a Python program: its figures, its C, its reports, and comparisons of what it computes."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.pipeline import Compiled
from ircompile.plan.work import macs
from ircompile.report import html_report, memory_map, memory_picture, report_data
from ircompile.verification import confirm, ladder
from ircompile.verification.accuracy import Accuracy, measure_accuracy
from ircompile.verification.confirm import Comparison
from ircompile.verification.inputs import calls_of, read_calls
from ircompile.verification.original import Original, original

Input = str | os.PathLike[str] | Array | Mapping[str, Array]
Rungs = Sequence[Literal["numpy", "host", "qemu"]]


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

    `compiled` has every stage of it; `path` is the model's file, None for a graph in memory. `comparison` says how
    it was compared with the model's own framework, `outputs` at which tensors the file was cut; `stream`, `state`
    and `numerics` are what `compile` was given.
    """

    compiled: Compiled
    path: Path | None = None
    comparison: Comparison | None = None
    outputs: tuple[str, ...] = ()
    stream: int = 0
    state: tuple[tuple[str, str], ...] = ()
    numerics: str | None = None

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

    def files(self) -> dict[str, str | bytes]:
        """File name to contents of the emitted C, and of the blob of weights if there is one."""
        return self.compiled.files()

    def report(self) -> dict[str, Any]:
        """Everything known of the compilation, as plain values: docs/schema/compile.json describes it."""
        return {**report_data(self.compiled), "compared": self.comparison and asdict(self.comparison)}

    def html(self) -> str:
        """The report as one self-contained page."""
        return html_report(self.report(), memory_map(self.compiled.plan))

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes the C files into a folder, made if need be; returns their paths."""
        return self.compiled.write(Path(folder))

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
            if self.path is None:
                raise CompileError("against", f"{against} runs files, not graphs in memory", "a model's file")
            rungs.append(confirm.against(graph, self.path, against, vectors, self._original(), self.outputs))
        return Verification((*rungs, *ladder.climb(self.compiled, on, vectors)))

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
        if self.outputs:
            raise CompileError("accuracy", "classifies by the model's own outputs, which are cut off")
        if self.path is None:
            raise CompileError("accuracy", "frameworks run files, not graphs in memory", "a model's file")
        listed = None if labels is None else Path(labels)
        return measure_accuracy(self.compiled, self.path, Path(folder), listed, against, self._original())

    def _original(self) -> Original | None:
        """What the model's own framework runs, where that is not what was compiled."""
        if self.path is None:
            return None
        return original(self.path, self.numerics, None, self.outputs, self.stream, self.state)

    def _repr_html_(self) -> str:
        return memory_picture(memory_map(self.compiled.plan), self.report())


def codes_of(graph: Graph, given: Input) -> list[dict[str, Array]]:
    """The graph's codes of a set of inputs (a file, an array, or arrays by input name), call by call."""
    if isinstance(given, str | os.PathLike):
        return read_calls(graph, Path(given))
    return calls_of(graph, given if isinstance(given, Mapping) else {graph.inputs[0].name: given})
