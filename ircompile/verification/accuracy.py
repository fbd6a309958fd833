"""A data set through the C on this machine and through the model's own framework, one against the other."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.bindings import from_graph
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array, Tensor
from ircompile.pipeline import Compiled
from ircompile.verification.dataset import DataSet, Sample, read_dataset
from ircompile.verification.inputs import read_calls, reading_rule
from ircompile.verification.ladder import Codes, for_host, framework_outputs
from ircompile.verification.original import Original
from ircompile.verification.references import Reference, open_reference
from ircompile.verification.runners.host import host_program

BATCH = 64
"""Inputs in memory at once, and run by one process."""


@dataclass(frozen=True)
class Disagreement:
    """An input of which the C and the framework say different classes, with the score of either (real values)."""

    file: str
    label: int
    ours: int
    our_score: float
    theirs: int
    their_score: float


@dataclass(frozen=True)
class Accuracy:
    """What came of a data set.

    `right` of `samples` are classified rightly by the C, `reference_right` by the framework; `differing` inputs
    have any element of the output that differs. `classes`: names by number, () where labels are numbers. `rule`
    says how classes were numbered, `reading` how files became inputs, `decision` how scores became classes.
    """

    reference: str
    samples: int
    right: int
    reference_right: int
    differing: int
    disagreements: tuple[Disagreement, ...]
    classes: tuple[str, ...]
    rule: str
    reading: str
    decision: str

    def name(self, index: int) -> str:
        """A class as people call it."""
        return self.classes[index] if self.classes else str(index)


@dataclass(frozen=True)
class _Decision:
    """How scores become a class: the first of the greatest; of a single score, whether it is above a threshold."""

    count: int
    threshold: float | None
    remembers: bool = False

    @property
    def text(self) -> str:
        if self.threshold is None:
            return "its greatest score's class" + ", of the last call" * self.remembers
        return f"class 1 where its score is above {self.threshold:g}" + " in any call" * self.remembers

    def of(self, scores: Array) -> tuple[int, float]:
        """The class and its score, of scores (calls, classes): the last call's, or the greatest single one."""
        if self.threshold is not None:
            greatest = float(scores.max())
            return int(greatest > self.threshold), greatest
        best = int(np.argmax(scores[-1]))
        return best, float(scores[-1][best])


def measure_accuracy(
    compiled: Compiled,
    model: Path,
    folder: Path,
    labels: Path | None = None,
    reference: str | None = None,
    original: Original | None = None,
) -> Accuracy:
    """Runs the data set of a folder (see `read_dataset`) through the C and through a framework.

    `reference` is the framework (default: the model's own). Raises CompileError where the model's output is no
    scores of classes, where a file does not fit its input, or where a tool is missing.
    """
    if compiled.graph.states and original:
        raise CompileError(
            "--accuracy", "the model is streamed in time, or its outputs are fed back", "the model as it is",
            "with --stream each output is that of the whole window: leave it out",
        )  # fmt: skip
    decision = _decision(compiled.graph)
    data = read_dataset(folder, decision.count, labels)
    name = reference or compiled.graph.numerics
    begin = partial(open_reference, name, model)
    right = their_right = differing = 0
    unlike = []
    for sample, ours, theirs in _pairs(compiled, data, begin, original):
        differing += not np.array_equal(ours, theirs)
        (our_class, our_score), (their_class, their_score) = decision.of(ours), decision.of(theirs)
        right += our_class == sample.label
        their_right += their_class == sample.label
        if our_class != their_class:
            unlike.append(Disagreement(sample.name, sample.label, our_class, our_score, their_class, their_score))
    reading = reading_rule(compiled.graph, [sample.path for sample in data.samples])
    return Accuracy(
        reference=name,
        samples=len(data.samples),
        right=right,
        reference_right=their_right,
        differing=differing,
        disagreements=tuple(unlike),
        classes=data.classes,
        rule=data.rule,
        reading=reading,
        decision=decision.text,
    )


def _decision(graph: Graph) -> _Decision:
    """How the only output becomes a class; a single score is a logit where its codes reach below 0."""
    where = f"outputs of {graph.name}"
    if len(graph.outputs) != 1:
        raise CompileError(where, f"{len(graph.outputs)} outputs", "one output, a score for each class")
    tensor = graph.tensors[graph.output_names[0]]
    if tensor.height * tensor.width != 1 or tensor.dtype == "int32":
        raise CompileError(where, f"{tensor.dtype} {tensor.shape}", "int8 or uint8 1 x 1 x classes")
    if tensor.channels > 1:
        return _Decision(tensor.channels, None, bool(graph.states))
    threshold = 0.0 if np.iinfo(tensor.dtype).min < tensor.zero_point else 0.5
    return _Decision(2, threshold, bool(graph.states))


def _pairs(
    compiled: Compiled, data: DataSet, begin: Callable[[], Reference], original: Original | None
) -> Iterator[tuple[Sample, Array, Array]]:
    """Every sample with the scores of the C and of the framework, real values (calls, classes).

    A network with memory begins anew with each sample, whose file may have many calls.
    """
    compiled = for_host(compiled)
    graph, api = compiled.graph, compiled.interface
    end = graph.tensors[graph.output_names[0]]
    with tempfile.TemporaryDirectory() as folder:
        compiled.write(Path(folder))
        with host_program(Path(folder), api, sanitize=False) as program:
            together, oracle = 1 if graph.states else BATCH, begin()
            for start in range(0, len(data.samples), together):
                batch = data.samples[start : start + together]
                codes = [read_calls(graph, sample.path) for sample in batch]
                ran = program.run([[call[name] for name in graph.input_names] for calls in codes for call in calls])
                ours = iter([real_values(scores, end) for (scores,) in ran.outputs])
                for sample, calls in zip(batch, codes, strict=True):
                    oracle = begin() if graph.states else oracle
                    theirs = [_framework_scores(graph, oracle, call, original) for call in calls]
                    yield sample, np.stack([next(ours) for _ in calls]), np.stack(theirs)


def _framework_scores(graph: Graph, oracle: Reference, codes: Codes, original: Original | None) -> Array:
    source, own = (original[0], original[1]([codes])[0]) if original else (graph, codes)
    feeds = [from_graph(e, source.tensors[e.tensor], own[e.tensor]) for e in source.inputs]
    (result,) = framework_outputs(graph, oracle, feeds)
    return real_values(result, graph.tensors[graph.output_names[0]])


def real_values(array: Array, tensor: Tensor) -> Array:
    """The flat real values of a tensor, as the frameworks themselves dequantize in float32; floats as they are."""
    if array.dtype.kind == "f":
        return array.reshape(-1)
    return ((array.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)).reshape(-1)
