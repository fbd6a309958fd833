"""The model as in its file, where the compiled graph takes other inputs: pixels, new rows, no states."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array
from ircompile.options import Options
from ircompile.passes.fold_pixels import codes_of_pixels
from ircompile.passes.orientation import upright
from ircompile.pipeline import read
from ircompile.verification.ladder import Codes
from ircompile.verification.sequences import restart_after

Original = tuple[Graph, Callable[[Sequence[Codes]], list[Codes]]]
"""The graph whose inputs are the file's own, and its codes of the compiled graph's."""


def original(path: Path, options: Options) -> Original | None:
    """What a framework runs for a graph that `pipeline.read` made with these options; None if it is the same."""
    pixels, stream, states = options.pixels, options.stream, options.state
    if pixels is None and not stream and not states:
        return None
    graph = read(path, options.as_in_file)
    graph = upright(graph) if stream else graph
    if states:
        tied = read(path, options)
        return graph, lambda vectors: fed_back(graph, tied, states, vectors)
    whole = upright(read(path, replace(options, stream=0))) if pixels else graph
    streamed = read(path, options) if stream else whole
    name = graph.input_names[0]

    def own(vectors: Sequence[Codes]) -> list[Codes]:
        windows = windows_of(whole, streamed, vectors) if stream else list(vectors)
        return [{name: codes_of_pixels(graph, *pixels, codes[name])} for codes in windows] if pixels else windows

    return graph, own


def fed_back(
    own: Graph, tied: Graph, pairs: Sequence[tuple[str, str]], calls: Sequence[Mapping[str, Array]]
) -> list[dict[str, Array]]:
    """The inputs (H, W, C) of `own`, the model as it is, for each call of `tied`: its own and those fed back.

    A framework knows nothing of `--state`.
    """
    inputs = {binding.name: binding.tensor for binding in own.inputs}
    outputs = {binding.name: binding.tensor for binding in own.outputs}
    first = {name: own.tensors[inputs[name]] for name, _ in pairs}
    held: dict[str, Array] = {}
    restart, found = restart_after(tied, len(calls)), list[dict[str, Array]]()
    for number, call in enumerate(calls):
        if not held or (restart and number % restart == 0):
            held = {inputs[n]: np.full(t.shape, t.zero_point, t.dtype) for n, t in first.items()}
        given = {inputs[b.name]: call[b.tensor].reshape(own.tensors[inputs[b.name]].shape) for b in tied.inputs}
        found.append({**given, **held})
        results = run_graph(own, found[-1])
        held = {inputs[given_name]: results[outputs[taken]] for given_name, taken in pairs}
    return found


def windows_of(whole: Graph, streamed: Graph, calls: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
    """The input (H, W, C) of `whole` that ends with the rows of each call of `streamed`; at first real zeros."""
    name, other = whole.input_names[0], streamed.input_names[0]
    tensor, restart = whole.tensors[name], restart_after(streamed, len(calls))
    silence = np.full(tensor.shape, tensor.zero_point, tensor.dtype)
    window, windows = silence, list[dict[str, Array]]()
    for number, call in enumerate(calls):
        if restart and number % restart == 0:
            window = silence
        window = np.concatenate([window, call[other]])[-tensor.height :]
        windows.append({name: window})
    return windows
