"""Every compilation is compared with the model's own framework, where that is installed.

A few seeded and extreme inputs go through the framework, in a process of its own while the plan is made, and
through `run_graph`. A difference that docs/numerics.md does not name is an error.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from ircompile.emit import graph_hash
from ircompile.errors import CompileError, InternalError
from ircompile.importers import kind_of
from ircompile.ir.bindings import from_graph
from ircompile.ir.graph import Graph
from ircompile.ir.ops import OPS
from ircompile.ir.tensor import Array
from ircompile.options import Options
from ircompile.pipeline import read
from ircompile.verification.before_passes import answers_before_passes, guilty_pass
from ircompile.verification.differences import Found, coded
from ircompile.verification.ladder import EXTREMES, Codes, Rung, vectors_for
from ircompile.verification.original import Original
from ircompile.verification.reference_process import SECONDS, Asked, NoCodes, Question
from ircompile.verification.references.base import INSTALL_HINT
from ircompile.verification.sequences import CALLS, restart_after, run_vectors

NAMES = {"tflm": "TensorFlow Lite Micro", "litert-ref": "LiteRT's reference kernels", "ort": "ONNX Runtime"}
MODULES = {"tflm": "tflite_micro", "litert-ref": "ai_edge_litert", "ort": "onnxruntime"}
RUNS = {"tflite": ("tflm", "litert-ref"), "onnx": ("ort",)}
OTHERS = {"tflm": ("tflm", "litert-ref")}
"""What runs a file where its own framework is not installed or refuses it; with the rounding of that one."""
OFF_BY_ONE = {op.__name__ for op in OPS if op.off_by_one}
"""Ops whose results docs/numerics.md says are at most 1 off those of ONNX Runtime."""
INPUTS = 5
"""Of a network without memory, of which EXTREMES are extreme; CALLS of one with memory."""
MACS = 100_000_000
"""Of all inputs together: about two seconds in the reference kernels. One input is compared in any case."""

Layers = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """What was compared. `reference` is the framework, "" where there was none, and `why` says what is to be known.

    `elements` of all outputs over all `inputs`; `differing` of them differ as docs/numerics.md says they may.
    """

    reference: str = ""
    inputs: int = 0
    elements: int = 0
    differing: int = 0
    why: str = ""


_KNOWN: dict[tuple[str, ...], Comparison] = {}
"""What this process has compared: a search over targets and budgets need not do so again."""


class Confirmation:
    """A comparison under way: it begins when it is made; a context manager, which ends it.

    With `original` the graph's inputs are not the file's: the graph whose inputs are, and how its codes come of the
    others'. With `outputs` the model is cut at these tensors. `reference` is a framework and `vectors` are inputs
    to compare on, as long as it takes.
    """

    def __init__(
        self,
        graph: Graph,
        model: Path,
        original: Original | None = None,
        outputs: Sequence[str] = (),
        reference: str | None = None,
        vectors: Sequence[Codes] = (),
    ) -> None:
        self.graph, self.model, self.original, self.outputs = graph, model, original, tuple(outputs)
        self.own = reference or graph.numerics
        self.vectors, self.seconds = list(vectors), SECONDS if reference is None else inf
        if reference is None:
            random = (CALLS if graph.states else INPUTS) - EXTREMES
            some = vectors_for(graph, random)[::-1]  # random ones first: extremes hide errors of layout
            self.vectors = some[: max(1, min(len(some), MACS // max(graph.macs(), 1)))]
        kind = kind_of(model, None)
        if reference and kind != "ir" and (reference == "ort") != (kind == "onnx"):
            raise CompileError("--against", f"{NAMES[reference]} runs no {kind} files", ", ".join(RUNS[kind]))
        profiles = OTHERS.get(self.own, (self.own,)) if kind != "ir" else ()
        self.profiles = [n for n in profiles if n == reference or importlib.util.find_spec(MODULES[n]) is not None]
        self._key = self._known_as()
        known = self._key in _KNOWN
        self._asked = self._ask(self.profiles[0]) if self.profiles and not known else None

    def _known_as(self) -> tuple[str, ...]:
        """What a comparison depends on: the file, the graph, and what is installed."""
        try:
            file = hashlib.sha256(self.model.read_bytes()).hexdigest()
        except OSError:
            file = ""
        return (file, graph_hash(self.graph), self.own, str(self.seconds), *self.profiles)

    def __enter__(self) -> Confirmation:
        return self

    def __exit__(self, *_: object) -> None:
        if self._asked:
            self._asked.__exit__()

    def result(self) -> Comparison:
        """What was compared; raises CompileError where anything differs that docs/numerics.md does not name.

        Where no framework answers, the graph is compared with the operators of its file, before all passes.
        """
        if self._key not in _KNOWN:
            _KNOWN[self._key] = self._result()
        return _KNOWN[self._key]

    def _result(self) -> Comparison:
        name, answers, note = self._first_answers()
        if answers is None:
            return Comparison(why=f"{note or self._missing()}; {self._passes_alone()}")
        found = self._compared(name, answers)
        if found.first:
            self._explain(name, found)
        return Comparison(name, found.inputs, found.elements, found.differing, note)

    def rung(self) -> Rung:
        """What was compared, as a rung of the ladder; raises CompileError where no framework runs the model."""
        name, answers, note = self._first_answers()
        if answers is None:
            why = note or "no framework runs this file"
            raise CompileError(str(self.model), why, "models which their framework runs")
        found = self._compared(name, answers)
        notes = [note] if note else []
        if found.first:
            try:
                self._explain(name, found)
                notes.append("every operator alone is equal but for what docs/numerics.md names")
            except CompileError as error:
                notes.append(f"{error.where.removeprefix(f'{self.model.name} ')} {error.problem}")
        dead = len(answers) - found.inputs
        if dead:
            notes.append(f"{NAMES[name]} gave no result for {dead} of the inputs")
        return Rung(name, found.inputs, found.elements, found.differing, found.first, "; ".join(notes))

    def _first_answers(self) -> tuple[str, list[Any] | None, str]:
        """The framework that runs the model, its answers, and what is to be said of those that do not run it.

        Raises CompileError where a framework was asked for by name and none runs the model.
        """
        note, first = "", None
        for name in self.profiles:
            answers = self._answers(name)
            if isinstance(answers, CompileError):
                first = first or answers
                runs = isinstance(answers, NoCodes)
                note = f"{answers.where}: {answers.problem}" if runs else f"{NAMES[name]} does not run the model"
            elif all(answer is None for answer in answers) or (self.graph.states and None in answers):
                note = f"{NAMES[name]} gave no result"
            elif note:
                return (
                    name,
                    answers,
                    f"{note}; {NAMES[name]} did, and for that the model was read with its rounding",
                )
            else:
                return name, answers, ""
        if first and self.seconds == inf:
            raise first
        return "", None, note

    def _passes_alone(self) -> str:
        """Compares the file's operators with the graph; raises InternalError where a pass changed their results."""
        model = self.model, self.own, self.outputs
        feeds = self._feeds(self.own)
        found = self._compared(self.own, answers_before_passes(*model, feeds))
        if found.first:
            where = guilty_pass(*model, feeds) or "what follows the passes"
            problem = (
                f"{found.differing:,} of {found.elements:,} elements of the outputs are not those of the file's"
            )
            raise InternalError(where, f"{problem} operators, the first of {found.first.where!r}")
        return f"the file's operators one by one give the same, {found.elements:,} elements"

    def _missing(self) -> str:
        if kind_of(self.model, None) == "ir":
            return "no framework runs this file"
        return f"not compared with {NAMES[self.graph.numerics]}: {INSTALL_HINT}"

    def _ask(self, name: str, layers: bool = False, feeds: Sequence[Sequence[Array]] | None = None) -> Asked:
        given = self._feeds(name) if feeds is None else feeds
        restart = restart_after(self.graph, len(given))
        return Asked(
            Question(self.model, name, tuple(map(tuple, given)), self.outputs, layers, restart), self.seconds
        )

    def _answers(self, name: str) -> list[Any] | CompileError:
        asked = self._asked or self._ask(name)
        self._asked = None
        with asked:
            try:
                return asked.answers()
            except CompileError as refusal:
                return refusal

    def _sides(self, name: str) -> tuple[Graph, Graph, list[Codes], list[Codes]]:
        """The graph whose inputs are the file's, the graph to be compared, and the codes of either's inputs."""
        source, codes = self.graph, self.vectors
        if self.original:
            source, codes = self.original[0], self.original[1](self.vectors)
        if name == self.own:
            return source, self.graph, codes, self.vectors
        other = read(self.model, Options(numerics=name, outputs=self.outputs))
        # a network over one axis may be compiled with height and width changed over: codes stay where they are
        shapes = [other.tensors[n].shape for n in other.input_names]
        renamed = [
            {n: own.reshape(shape) for n, shape, own in zip(other.input_names, shapes, each.values(), strict=True)}
            for each in codes
        ]
        return other, other, renamed, renamed

    def _feeds(self, name: str) -> list[list[Array]]:
        source, _, codes, _ = self._sides(name)
        return [[from_graph(b, source.tensors[b.tensor], own[b.tensor]) for b in source.inputs] for own in codes]

    def _compared(self, name: str, answers: Sequence[list[Array] | None]) -> Found:
        """Counts what differs over all inputs that the framework answered."""
        source, graph, _, vectors = self._sides(name)
        theirs_of = [external.name for external in source.outputs]
        found = Found()
        for number, (answer, codes) in enumerate(zip(answers, run_vectors(graph, vectors), strict=True)):
            if answer is None:
                continue
            found.inputs += 1
            for place, binding in enumerate(graph.outputs):
                theirs = answer[place if len(answer) == len(graph.outputs) else theirs_of.index(binding.name)]
                tensor = graph.tensors[binding.tensor]
                ours = from_graph(binding, tensor, codes[binding.tensor])
                if binding.dtype == "float32" and theirs.shape == ours.shape:
                    theirs = coded(theirs, ours, tensor, binding.rounded)
                found.add(number, binding.name, ours, theirs)
        return found

    def _explain(self, name: str, found: Found) -> None:
        """Raises CompileError unless every layer alone differs in what docs/numerics.md names, and one does."""
        feeds = self._feeds(name)
        with self._ask(name, True, [feeds[number] for number in found.wrong[:2]]) as asked:
            try:
                layers: Layers = next((each for each in reversed(asked.answers()) if each), [])
            except CompileError:
                layers = []
        guilty = next((layer for layer in layers if unexplained(name, layer)), None)
        if guilty is None and name == "ort" and any(layer["differing"] for layer in layers):
            return
        where = guilty["source"] or guilty["name"] if guilty else "the graph as a whole"
        alone = f"; {guilty['differing']:,} of {guilty['compared']:,} of this operator alone" if guilty else ""
        assert found.first
        raise CompileError(
            f"{self.model.name} {where}",
            f"differs from {NAMES[name]}: {found.differing:,} of {found.elements:,} elements of the outputs, "
            f"the first of {found.first.where!r}{alone}",
            "models whose every result is that of their framework",
            "please report it with the model; --unverified compiles it all the same",
        )


def against(
    graph: Graph,
    model: Path,
    reference: str,
    vectors: Sequence[Codes],
    original: Original | None = None,
    outputs: Sequence[str] = (),
) -> Rung:
    """Compares run_graph with a reference framework on the model's own file.

    Where a float end was cut off, the tensor before the cut is compared. Where the framework does not run the file
    and another does, that one is taken, and the rung says so. Raises CompileError where none does.
    """
    with Confirmation(graph, model, original, outputs, reference, vectors) as confirmation:
        return confirmation.rung()


def unexplained(reference: str, layer: dict[str, Any]) -> bool:
    """Whether a layer alone differs in a way that docs/numerics.md does not name."""
    if reference != "ort":
        return bool(layer["differing"])
    if layer["op"] in OFF_BY_ONE and layer["largest"] <= 1:
        return False
    return bool(layer["differing"] > layer["ties"])
