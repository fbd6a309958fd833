"""What quantization costs: the float network, the framework's 8 bits and our C on the samples held out."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.tensor import Array
from ircompile.pipeline import Compiled
from ircompile.quantization.float_model import FloatModel, open_network
from ircompile.quantization.samples import Reading
from ircompile.verification.accuracy import real_values
from ircompile.verification.dataset import Sample
from ircompile.verification.ladder import framework_outputs
from ircompile.verification.references import open_reference
from ircompile.verification.runners.host import host_program

BATCH = 64
"""Inputs in memory at once, and run by one process of the C."""


@dataclass(frozen=True)
class Evaluation:
    """What came of `samples` held out.

    `right` counts samples classified rightly by the float network, the framework's 8 bits and the C (None without
    labels). `error` is the mean squared error of each network's first output against its input where both have as
    many elements (an autoencoder), else against the float network's output; that of the C is None where a float
    end, such as a softmax, is left to its caller. `differing` counts outputs of the C that are not what the
    framework has there, of all `compared` elements.
    """

    samples: int
    right: tuple[int, int, int] | None
    error: tuple[float, float, float | None]
    differing: int
    compared: int


@dataclass(frozen=True)
class LayerNoise:
    """The signal-to-noise ratio of a layer's output in decibels: 8 bits against float, over some samples."""

    name: str
    decibels: float


def evaluate(
    model: FloatModel, compiled: Compiled, quantized: Path, reading: Reading, samples: Sequence[Sample]
) -> Evaluation:
    """Runs the samples through all three; `compiled` is `quantized`, compiled for this machine."""
    labelled = all(sample.label >= 0 for sample in samples)
    right, error, differing, compared, whole = np.zeros(3, int), np.zeros(3), 0, 0, True
    for sample, x, outputs in _outputs(model, compiled, quantized, reading, samples):
        differing += int(np.count_nonzero(outputs.theirs != outputs.ours))
        compared += outputs.ours.size
        whole &= np.array_equal(outputs.theirs, outputs.end)
        reals = (outputs.real, outputs.end, outputs.ours)
        wanted = x.reshape(-1) if x.size == outputs.real.size else outputs.real
        error += [float(np.mean((real - wanted) ** 2)) if real.size == wanted.size else np.nan for real in reals]
        right += [_class_of(real) == sample.label for real in reals]
    count = len(samples)
    of_float, of_framework, of_c = (float(total) / count for total in error)
    shares = (int(right[0]), int(right[1]), int(right[2])) if labelled else None
    return Evaluation(count, shares, (of_float, of_framework, of_c if whole else None), differing, compared)


class _Outputs(NamedTuple):
    """Outputs for one sample as flat real values.

    `real` is the float network's, `end` the framework's in 8 bits, `theirs` what the framework has where the C's
    output `ours` is.
    """

    real: Array
    end: Array
    theirs: Array
    ours: Array


def _class_of(scores: Array) -> int:
    """The class of the greatest score; of a single score, whether it is above one half."""
    return int(np.argmax(scores)) if scores.size > 1 else int(scores[0] > 0.5)


def _outputs(
    model: FloatModel, compiled: Compiled, quantized: Path, reading: Reading, samples: Sequence[Sample]
) -> Iterator[tuple[Sample, Array, _Outputs]]:
    """Every sample, its input, and its outputs."""
    graph, oracle = compiled.graph, open_reference(compiled.graph.numerics, quantized)
    given, taken = graph.inputs[0], graph.outputs[0]
    entry, end = graph.tensors[given.tensor], graph.tensors[taken.tensor]
    with tempfile.TemporaryDirectory() as folder:
        compiled.write(Path(folder))
        with host_program(Path(folder), compiled.interface, sanitize=False) as program:
            for start in range(0, len(samples), BATCH):
                batch = samples[start : start + BATCH]
                inputs = [reading.read(sample.path) for sample in batch]
                codes = [to_graph(replace(given, dtype="float32"), entry, x) for x in inputs]
                ran = program.run([[code] for code in codes])
                for sample, x, code, outputs in zip(batch, inputs, codes, ran.outputs, strict=True):
                    feeds = [from_graph(given, entry, code)]
                    theirs = framework_outputs(graph, oracle, feeds)[0]
                    ours = from_graph(taken, end, outputs[0])
                    reals = (real_values(array, end) for array in (oracle.run(feeds)[0], theirs, ours))
                    yield sample, x, _Outputs(np.asarray(model.run(x), np.float32).reshape(-1), *reals)


def layer_noise(model: FloatModel, quantized: Path, inputs: Sequence[Array]) -> list[LayerNoise]:
    """The signal-to-noise ratio of every layer that both networks name alike, the noisiest first."""
    other = open_network(quantized)
    signal: dict[str, float] = {}
    noise: dict[str, float] = {}
    for x in inputs:
        theirs = other.trace(x)
        for name, values in model.trace(x).items():
            if name in theirs and theirs[name].shape == values.shape:
                wanted = values.astype(np.float64)
                signal[name] = signal.get(name, 0.0) + float(np.sum(wanted**2))
                noise[name] = noise.get(name, 0.0) + float(np.sum((theirs[name] - wanted) ** 2))
    ratios = {name: 10 * np.log10(signal[name] / noise[name]) for name in signal if noise[name] and signal[name]}
    return [LayerNoise(name, float(ratio)) for name, ratio in sorted(ratios.items(), key=lambda pair: pair[1])]
