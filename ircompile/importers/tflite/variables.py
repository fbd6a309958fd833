"""Variables: what a network writes down in one call and reads in the next."""

from dataclasses import dataclass

import numpy as np

from ircompile.importers.tflite.layout import Activation, default_axes, default_shape
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator, TfSubgraph, TfTensor
from ircompile.importers.tflite.values import Handle
from ircompile.ir.graph import State
from ircompile.ir.names import sanitize
from ircompile.ir.ops import Reshape, Slice
from ircompile.ir.tensor import Array, Tensor


@dataclass
class Variable:
    """A variable while the graph is built: its tensor with a state, and the tensor that it holds at this operator.

    The tensor has twice the variable's rows: those of the call before, which readers take, and those of this call,
    which `close_variables` lets the last value written be.
    """

    tensor: Tensor
    held: Tensor
    shape: tuple[int, ...]


def call_once(low: Lowering, op: TfOperator) -> None:
    """A subgraph that gives variables their first value, a constant each; before anything else touches them."""
    called = low.model.called[int(op.option("InitSubgraphIndex"))]
    for inner in called.operators:
        if inner.kind not in ("VAR_HANDLE", "ASSIGN_VARIABLE"):
            raise low.error(op, f"calls a subgraph with {inner.kind}", "variables set to constants")
    keys = {inner.outputs[0]: _key(inner) for inner in called.operators if inner.kind == "VAR_HANDLE"}
    for inner in called.operators:
        if inner.kind == "ASSIGN_VARIABLE":
            key = keys[inner.inputs[0]]
            if key in low.variables:
                raise low.error(
                    op, f"sets the variable {key!r} behind operators that use it", "CALL_ONCE before these"
                )
            low.initials[key] = _constant(low, op, called, inner)


def _constant(low: Lowering, op: TfOperator, called: TfSubgraph, inner: TfOperator) -> TfTensor:
    tensor = called.tensors[inner.inputs[1]]
    if tensor.constant() is None:
        raise low.error(op, f"sets a variable to {tensor.name!r}, which is computed", "variables set to constants")
    return tensor


def _key(op: TfOperator) -> str:
    return f"{op.option('Container', '') or ''}/{op.option('SharedName', '') or ''}"


def var_handle(low: Lowering, op: TfOperator) -> None:
    """A variable, by its container and shared name."""
    low.define(op, Handle(_key(op)))


def read_variable(low: Lowering, op: TfOperator) -> None:
    """What the variable holds at this operator: of this call, or of the one before."""
    tensor = low.model.tensors[op.outputs[0]]
    variable = _variable(low, op, tensor)
    if variable.shape != tensor.shape:
        raise low.error(op, f"reads shape {list(tensor.shape)} of {list(variable.shape)}", "a variable's own shape")
    low.define(op, Activation(variable.held.name, default_axes(tensor.shape)))


def assign_variable(low: Lowering, op: TfOperator) -> None:
    """A value of 8 bits with the shape that the variable begins with; the next call reads the last one written."""
    variable = _variable(low, op, low.model.tensors[op.inputs[1]])
    if low.shape(op, 1) != variable.shape:
        raise low.error(op, f"writes shape {list(low.shape(op, 1))} to {list(variable.shape)}", "equal shapes")
    source, held = low.source(op, 1), variable.tensor
    if source.quantization != held.quantization:  # the bytes stay what they are
        relabelled = Tensor("", source.shape, held.dtype, held.scale, held.zero_point)
        source = low.emit(op, Reshape(source.shape), [source], relabelled, f"{held.name}_bytes")
    variable.held = source


def _variable(low: Lowering, op: TfOperator, like: TfTensor) -> Variable:
    """The variable that an operator names; at the first time it gets its tensor, quantized as `like`."""
    value = low.values.get(op.inputs[0]) if op.inputs else None
    if not isinstance(value, Handle):
        raise low.error(op, "names no variable", "the output of a VAR_HANDLE")
    if value.key not in low.variables:
        low.variables[value.key] = _new(low, op, value.key, like)
    return low.variables[value.key]


def _new(low: Lowering, op: TfOperator, key: str, like: TfTensor) -> Variable:
    first = low.initials.get(key)
    if first is None:
        raise low.error(
            op, f"the variable {key!r} has no first value", "variables that CALL_ONCE sets to constants"
        )
    if first.dtype != like.dtype:
        raise low.error(op, f"the variable {key!r} is {first.dtype} at first, then {like.dtype}", "one type")
    scale, zero_point = low.quantization(op, like)
    height, width, channels = default_shape(first.shape)
    name = sanitize(key.split("/", 1)[1], "variable")
    held = low.tensor(name, (2 * height, width, channels), "int8", scale, zero_point)
    initial = low.store_as(op, f"{held.name}_initial", _codes(first).reshape(height, width, channels))
    low.states.append(State(held.name, height, initial))
    shape = (height, width, channels)
    before = low.emit(
        op, Slice((0, 0, 0), shape), [held], Tensor("", shape, "int8", scale, zero_point), f"{name}_before"
    )
    return Variable(held, before, first.shape)


def _codes(tensor: TfTensor) -> Array:
    values = tensor.constant()
    assert values is not None
    return values.view(np.int8) ^ np.int8(-128) if tensor.dtype == "uint8" else values


def close_variables(low: Lowering) -> None:
    """Every variable's tensor gets, as its new rows, what the variable holds behind the last operator."""
    for variable in low.variables.values():
        shape = variable.held.shape
        low.node(
            Slice((0, 0, 0), shape), [variable.held.name], variable.tensor, f"variable {variable.tensor.name!r}"
        )


LOWERINGS = {
    "CALL_ONCE": call_once,
    "VAR_HANDLE": var_handle,
    "READ_VARIABLE": read_variable,
    "ASSIGN_VARIABLE": assign_variable,
}
