"""What a graph means: every node computed whole, in NumPy, one after the other; and call after call."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array, Rows


def run_graph(graph: Graph, inputs: Mapping[str, Array], keep_all: bool = False) -> dict[str, Array]:
    """Runs a graph on codes (H, W, C) by tensor name; returns its outputs, or every tensor if `keep_all`.

    Of a graph with states it is the first call.
    """
    values = _call(graph, inputs, initial_state(graph))
    return values if keep_all else {name: values[name] for name in graph.output_names}


def run_calls(graph: Graph, calls: Iterable[Mapping[str, Array]], restart: int = 0) -> Iterator[dict[str, Array]]:
    """The outputs of call after call; each begins with the state that the one before it left.

    With `restart`, the first state comes back before every so many calls. Without states, calls are independent.
    """
    held = initial_state(graph)
    for number, inputs in enumerate(calls):
        if restart and number % restart == 0:
            held = initial_state(graph)
        values = _call(graph, inputs, held)
        held = {state.tensor: values[state.tensor][-state.rows :] for state in graph.states}
        yield {name: values[name] for name in graph.output_names}


def initial_state(graph: Graph) -> dict[str, Array]:
    """The rows (rows, W, C) that each tensor with a state has before the first call."""
    return {state.tensor: graph.consts[state.initial] for state in graph.states}


def _call(graph: Graph, inputs: Mapping[str, Array], held: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of one call."""
    values = dict(held)
    for name in graph.input_names:
        tensor = graph.fresh(name)
        if inputs[name].shape != tensor.shape or inputs[name].dtype != tensor.dtype:
            raise ValueError(f"input {name}: {inputs[name].dtype} {inputs[name].shape}, expected {tensor}")
        values[name] = np.concatenate([held[name], inputs[name]]) if name in held else inputs[name]
    for node in graph.nodes:
        site = graph.site(node)
        rows = [Rows(values[name]) for name in node.inputs]
        found = np.asarray(node.op.simulate(site, rows, 0, site.output.height))
        name = node.output
        values[name] = np.concatenate([held[name], found]) if name in held else found
    return values
