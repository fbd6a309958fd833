"""A reference framework in a process of its own: its C++ may abort on what it refuses, or run for too long.

The parent writes a question into a temporary folder; the process answers input by input, each answer a file of its
own. Where the process dies, it is started again behind the input on which it died.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers import trace
from ircompile.importers.places import Place, Places
from ircompile.ir.bindings import from_graph
from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.ops import Flip
from ircompile.verification.per_layer import LayerComparison, codes_of
from ircompile.verification.references import Reference, open_reference
from ircompile.verification.references.base import Array
from ircompile.verification.references.tflite_file import TfliteFile

SECONDS = 60.0
"""How long all answers of a compilation may take, together."""
POLL = 0.01


class NoCodes(CompileError):
    """The framework runs the model, but has no codes of a tensor at which it was cut."""

    def __init__(self, tensor: str, why: str) -> None:
        super().__init__(tensor, f"{why}, so that its codes cannot be compared")
        self.args = (tensor, why)  # what makes it anew, as pickle does


@dataclass(frozen=True)
class Question:
    """A model's file, the framework to run it in, and inputs as the framework takes them.

    With `outputs` the model is cut at these tensors. With `layers`, the answer to each is what every layer alone
    gave so far; else the model's outputs. With `restart`, inputs are calls of a model with memory, which begins
    again before every so many. `start` is the first input to be answered.
    """

    model: Path
    reference: str
    feeds: tuple[tuple[Array, ...], ...]
    outputs: tuple[str, ...] = ()
    layers: bool = False
    restart: int = 0
    start: int = 0


class Asked:
    """A question that a process is answering; a context manager, which ends it."""

    def __init__(self, question: Question, seconds: float = SECONDS) -> None:
        self.question = question
        self._folder = tempfile.TemporaryDirectory(prefix="ircompile-reference-")
        self._end = time.monotonic() + seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._start(0)

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()

    def answers(self) -> list[Any]:
        """One answer an input; None where the framework died of it, or where the time was up.

        Raises CompileError where the framework refuses the model or is not installed, NoCodes where it runs it and
        an output that was asked for is nowhere in it.
        """
        found: list[Any] = []
        while len(found) < len(self.question.feeds):
            answer = self._await(len(found))
            if isinstance(answer, CompileError):
                raise answer
            found.append(answer)
            if answer is None:
                if time.monotonic() > self._end:
                    return found + [None] * (len(self.question.feeds) - len(found))
                self._start(len(found))
        return found

    def _await(self, number: int) -> Any:
        """The answer to an input; None where the process ended without one."""
        assert self._process is not None
        place = _place(Path(self._folder.name), number)
        while not place.exists():
            ended = self._process.poll() is not None
            if time.monotonic() > self._end or (ended and not place.exists()):
                self._stop()
                return None
            time.sleep(POLL)
        return pickle.loads(place.read_bytes())

    def _start(self, number: int) -> None:
        folder = Path(self._folder.name)
        (folder / "question").write_bytes(pickle.dumps(replace(self.question, start=number)))
        command = [sys.executable, "-c", f"from {__name__} import answer; answer({str(folder)!r})"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _place(folder: Path, number: int) -> Path:
    return folder / f"{number}.answer"


def answer(folder: str) -> None:
    """What the process does: answers the question of a folder, input by input."""
    question: Question = pickle.loads((Path(folder) / "question").read_bytes())
    try:
        traced = trace(question.model, question.reference, question.outputs)
        if question.layers:
            isolated = LayerComparison(traced, open_reference(question.reference, question.model))
        else:
            runner = _Runner(traced.graph, traced.places, question, Path(folder))
        for number in range(question.start, len(question.feeds)):
            feeds = question.feeds[number]
            if question.restart and number % question.restart == 0:
                runner = _Runner(traced.graph, traced.places, question, Path(folder))
            if question.layers:
                isolated.run(feeds)
                found: Any = [asdict(layer) for layer in isolated.layers]
            else:
                found = runner.run(feeds)
            _write(Path(folder), number, found)
    except NoCodes as unseen:
        _write(Path(folder), question.start, unseen)
    except CompileError as error:
        said = CompileError(str(question.model), error.problem, error.supported, error.hint)
        _write(Path(folder), question.start, said)


def _write(folder: Path, number: int, found: object) -> None:
    fresh = folder / "fresh"
    fresh.write_bytes(pickle.dumps(found))
    fresh.replace(_place(folder, number))


class _Runner:
    """Runs a model up to the tensors that are the graph's outputs, which need not be the file's."""

    def __init__(self, graph: Graph, places: Places, question: Question, folder: Path) -> None:
        self.graph, self.places = graph, places
        self.keys = [_key(graph, places, binding) for binding in graph.outputs]
        self.oracle = open_reference(question.reference, question.model)
        self.cut = bool(question.outputs)
        self.wanted = list(dict.fromkeys(key for key in self.keys if key is not None))
        file: TfliteFile | None = getattr(self.oracle, "file", None)
        names = [binding.name for binding in graph.outputs]
        self.whole = file is None or (not self.cut and [file.tensor_name(i) for i in file.outputs] == names)
        if file is not None and not self.whole:
            inputs = [binding.name for binding in graph.inputs]
            part = folder / "part.tflite"
            part.write_bytes(file.upto([int(key) for key in self.wanted], inputs))
            self.oracle = open_reference(question.reference, part)

    def run(self, feeds: Sequence[Array]) -> list[Array]:
        """An array for each output of the graph, as its binding says."""
        bindings = self.graph.outputs
        if self.oracle.name == "ort":
            return self._of_onnx(self.oracle, feeds)
        results = self.oracle.run(feeds)
        if self.whole:
            return list(results)
        by_key = dict(zip(self.wanted, results, strict=True))
        return [self._bound(b, key, by_key[key or ""]) for b, key in zip(bindings, self.keys, strict=True)]

    def _of_onnx(self, oracle: Reference, feeds: Sequence[Array]) -> list[Array]:
        """Every tensor has a name there, also one before a cut."""
        inner = oracle.intermediates(feeds)
        whole: list[Array] | None = None
        found = []
        for number, (binding, key) in enumerate(zip(self.graph.outputs, self.keys, strict=True)):
            if binding.name in inner:
                found.append(inner[binding.name])
            elif key is not None and key in inner:
                found.append(self._bound(binding, key, inner[key]))
            elif self.cut:
                raise NoCodes(binding.name, "ONNX Runtime fuses the tensor with its neighbours")
            else:
                whole = whole if whole is not None else list(oracle.run(feeds))
                found.append(whole[number])
        return found

    def _bound(self, binding: IoBinding, key: str | None, array: Array) -> Array:
        """The framework's codes of a tensor as the binding of an output has them."""
        place = self.places[key or ""]
        held, tensor = self.graph.tensors[place.tensor], self.graph.tensors[binding.tensor]
        codes = codes_of(held, place, array)
        if codes is None:
            raise NoCodes(binding.name, "the framework does not quantize the tensor")
        if tensor.dtype == "uint8" and held.dtype == "int8":
            codes = codes.view(np.uint8) ^ np.uint8(128)
        return from_graph(binding, tensor, codes)


def _key(graph: Graph, places: Places, binding: IoBinding) -> str | None:
    """The framework's key of the tensor that an output is, or of the int8 one that a uint8 one is made of."""
    made_of = {node.output: node.inputs[0] for node in graph.nodes if isinstance(node.op, Flip)}
    wanted = {binding.tensor, made_of.get(binding.tensor, binding.tensor)}
    return next((key for key, place in places.items() if place.tensor in wanted and _whole(graph, place)), None)


def _whole(graph: Graph, place: Place) -> bool:
    return place.positions.size == int(np.prod(graph.tensors[place.tensor].shape))
