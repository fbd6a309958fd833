"""An output that is to be an input of the next call, as a state."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph, IoBinding, Node, State
from ircompile.ir.names import Names
from ircompile.ir.ops import Flip, Slice
from ircompile.ir.validate import validate

Pair = tuple[str, str]
"""The names that an input and an output have in the model's file."""


def tie_states(graph: Graph, pairs: Sequence[Pair]) -> Graph:
    """The graph as it is read, without these inputs and outputs: what the output was, the next call's input is.

    input h, output y                      state s (2 rows of h's, one of them of the call before)
    y = Binary(add) (x, h)           ->    h = Slice(row 0) (s)
                                           y = Binary(add) (x, h)
                                           s = Slice(row 0) (y)

    At first the input is real zeros. Raises CompileError where a name is unknown, or the two differ in shape or
    quantization.
    """
    for pair in pairs:
        graph = _tied(graph, *pair)
    if pairs and not (graph.inputs and graph.outputs):
        raise CompileError("--state", "leaves no input or no output", "one of each that is no state")
    return validate(graph) if pairs else graph


def _tied(graph: Graph, given: str, taken: str) -> Graph:
    where = f"--state {given}={taken}"
    entry, exit_ = _named(where, "input", graph.inputs, given), _named(where, "output", graph.outputs, taken)
    source, made = _inner_input(graph, entry.tensor), _inner_output(graph, exit_.tensor)
    before, after = graph.tensors[source], graph.tensors[made]
    if before.shape != after.shape or entry.axes != exit_.axes or before.dtype != after.dtype:
        raise CompileError(
            where,
            f"input {entry.shape} {before.dtype}, output {exit_.shape} {after.dtype}",
            "equal shapes and types",
        )
    if before.quantization != after.quantization:
        raise CompileError(
            where,
            f"input (scale {before.scale:g}, zero point {before.zero_point}), output (scale {after.scale:g}, zero "
            f"point {after.zero_point}): quantized differently",
            "equal quantization",
            "quantize both with one scale, as one calibrates an addition's operands that are concatenated",
        )
    names = Names()
    for known in (*graph.tensors, *graph.consts):
        names.unique(known)
    name, initial = names.unique(f"{source}_state"), names.unique(f"{source}_initial")
    tensor = replace(before, name=name, shape=(2 * before.height, *before.shape[1:]))
    whole = Slice((0, 0, 0), before.shape)
    reading = Node(source, whole, (name,), source, f"state {given!r}")
    writing = Node(name, whole, (made,), name, f"state {taken!r}")
    nodes = [node for node in graph.nodes if node.output != source]
    return replace(
        graph,
        tensors={**graph.tensors, name: tensor},
        consts={**graph.consts, initial: np.full(before.shape, before.zero_point, before.dtype)},
        states=(*graph.states, State(name, before.height, initial)),
        inputs=tuple(other for other in graph.inputs if other != entry),
        outputs=tuple(other for other in graph.outputs if other != exit_),
    ).rebuilt([reading, *nodes, writing])


def _named(where: str, kind: str, bindings: Sequence[IoBinding], name: str) -> IoBinding:
    found = next((binding for binding in bindings if binding.name == name), None)
    if found is None:
        raise CompileError(where, f"no {kind} is called {name!r}", ", ".join(b.name for b in bindings))
    return found


def _inner_input(graph: Graph, name: str) -> str:
    """The int8 tensor that is made of a uint8 input; the input itself of any other."""
    readers = graph.consumers()[name]
    return readers[0].output if len(readers) == 1 and isinstance(readers[0].op, Flip) else name


def _inner_output(graph: Graph, name: str) -> str:
    """The int8 tensor of which a uint8 output is made."""
    writer = next((node for node in graph.nodes if node.output == name), None)
    return writer.inputs[0] if writer is not None and isinstance(writer.op, Flip) else name
