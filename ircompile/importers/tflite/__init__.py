"""TFLite files: the only user of the tflite schema.

`reader` turns the flatbuffer into plain data, `lowering` holds the graph while it is built, the other modules
lower one family of operators each; the docstring of a lowering function is its rule in `docs/supported.md`.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.damaged_files import refusing_damage
from ircompile.importers.places import Place, Places, Trace
from ircompile.importers.tflite import (
    convolution,
    elementwise,
    ends,
    functions,
    movement,
    normalization,
    parts,
    pooling,
    reductions,
    resize,
    variables,
)
from ircompile.importers.tflite.cut import cut_at
from ircompile.importers.tflite.folding import fold
from ircompile.importers.tflite.layout import Activation
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator, read_model
from ircompile.importers.tflite.values import Cut, Floating
from ircompile.ir.bindings import from_graph
from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.validate import validate

NUMERICS = ("tflm", "litert-ref")
LOWERINGS: dict[str, Callable[[Lowering, TfOperator], None]] = {
    **convolution.LOWERINGS,
    **pooling.LOWERINGS,
    **elementwise.LOWERINGS,
    **normalization.LOWERINGS,
    **functions.LOWERINGS,
    **movement.LOWERINGS,
    **reductions.LOWERINGS,
    **parts.LOWERINGS,
    **resize.LOWERINGS,
    **variables.LOWERINGS,
}


WITH_FLOATS = ("DEQUANTIZE", "ASSIGN_VARIABLE")
"""Operators that say themselves what a float operand means."""
WITHOUT_OUTPUT = ("CALL_ONCE", "ASSIGN_VARIABLE")


def read_tflite(path: Path, numerics: str = "tflm", outputs: Sequence[str] = ()) -> Graph:
    """The graph of a TFLite file, as the profile `numerics` computes it; cut at the tensors `outputs`, if given."""
    return lowered(path, numerics, outputs)[1]


def trace_tflite(path: Path, numerics: str = "tflm", outputs: Sequence[str] = ()) -> Trace:
    """The same, and where each quantized tensor of the file lies in the graph, by its index."""
    low, graph = lowered(path, numerics, outputs)
    return Trace(graph, places(low, graph), {})


def lowered(path: Path, numerics: str, outputs: Sequence[str] = ()) -> tuple[Lowering, Graph]:
    """The graph of a TFLite file, and all that was known while it was built."""
    if numerics not in NUMERICS:
        raise CompileError(str(path), f"numerics {numerics!r} for a TFLite file", ", ".join(NUMERICS))
    with refusing_damage(path, "whole TFLite flatbuffers"):
        model = read_model(path)
        ends.check_quantized(model)
        low = Lowering(cut_at(model, outputs), numerics)
        ends.open_inputs(low)
        for op in low.model.operators:
            lower(low, op)
        return low, validate(ends.close(low, path.stem))


def places(low: Lowering, graph: Graph) -> Places:
    """Where each quantized tensor of the file lies in the graph."""
    found = {}
    for index, value in low.values.items():
        if isinstance(value, Activation) and value.tensor in graph.tensors:
            tensor, shape = graph.tensors[value.tensor], low.model.tensors[index].shape
            flat = np.arange(math.prod(shape), dtype=np.int32)
            external = IoBinding(tensor.name, "", shape, "int32", value.axes)
            found[str(index)] = Place(tensor.name, from_graph(external, tensor, flat))
    return found


def lower(low: Lowering, op: TfOperator) -> None:
    """Lowers one operator, folds it, or cuts it off where it stands behind the last quantized tensor."""
    if fold(low, op):
        return
    values = [low.values.get(index) for index in op.inputs if index >= 0]
    if any(isinstance(value, Floating | Cut) for value in values) and op.kind not in WITH_FLOATS:
        ends.cut(low, op)
        return
    rule = LOWERINGS.get(op.kind)
    if rule is None:
        ends.refuse(low, op, sorted(LOWERINGS))
        return
    if not op.outputs and op.kind not in WITHOUT_OUTPUT:
        raise low.error(op, "has no output", "one output or more")
    try:
        rule(low, op)
    except CompileError as error:
        here = low.model.where(op)
        raise error if here in error.where else error.at(f"{low.model.path.name} {here}") from None
    except (IndexError, KeyError, ValueError, TypeError, OverflowError, ZeroDivisionError) as error:
        # An operator with operands or options that the schema does not allow.
        raise low.error(op, f"is malformed: {error}", "operators as the TFLite schema defines them") from None


def legality() -> dict[str, str]:
    """Operator name to the rule its lowering states, for `docs/supported.md`."""
    return {kind: " ".join((rule.__doc__ or "").split()) for kind, rule in sorted(LOWERINGS.items())}
