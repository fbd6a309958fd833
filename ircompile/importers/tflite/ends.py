"""The two ends of a model: inputs and outputs of any type, and what is cut off behind the last quantized tensor."""

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.findings import HINT_FLOAT
from ircompile.importers.tflite.layout import Activation, default_axes, default_shape
from ircompile.importers.tflite.lowering import CODES, Lowering, held_type
from ircompile.importers.tflite.reader import TfModel, TfOperator, TfTensor
from ircompile.importers.tflite.values import Batched, Cut, Floating, FloatInput
from ircompile.importers.tflite.variables import close_variables
from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.names import sanitize
from ircompile.ir.ops import Flip
from ircompile.ir.tensor import Array, Tensor

INSTEAD = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "train a network of convolutions over time, with variables, or unroll it",
    "LSTM": "train a network of convolutions over time, with variables, or unroll it",
    "BASIC_LSTM": "train a network of convolutions over time, with variables, or unroll it",
    "SVDF": "train depthwise convolutions over time, with variables, in its place: the same memory",
    "CUSTOM Signal": "call the audio front end's own C and push its features into the network behind it",
}
"""What to do about operators that remember, or that belong to an audio front end, by how their names begin."""


def check_quantized(model: TfModel) -> None:
    """Raises CompileError for a float network: float32 is computed, and no input and nothing computed has codes."""
    computed = [model.tensors[index] for operator in model.operators for index in operator.outputs]
    ends = [*computed, *(model.tensors[index] for index in model.inputs)]
    if any(each.dtype == "float32" for each in computed) and not any(each.quantized for each in ends):
        problem = "is a float network: none of its operators computes codes"
        hint = f"{HINT_FLOAT}; or post-training integer quantization in the TFLite converter"
        raise CompileError(str(model.path), problem, "quantized networks", hint)


def open_inputs(low: Lowering) -> None:
    """Declares the model's inputs."""
    for index in low.model.inputs:
        open_input(low, index)


def open_input(low: Lowering, index: int) -> None:
    """Declares one input; a uint8 one is followed by a Flip, a shape that the file knows is none."""
    tensor = low.model.tensors[index]
    known = known_shape(low, index)
    if known is not None:
        low.folded[index] = known
        return
    _check_input(low, tensor)
    if tensor.dtype == "float32":
        low.values[index] = FloatInput(index)
        return
    scale, zero_point = low.quantization(f"{low.model.path.name} input {tensor.name!r}", tensor)
    held = _input_tensor(low, tensor, held_type(tensor), scale, zero_point)
    if tensor.dtype == "uint8":
        outer = low.tensor(f"{held.name}_uint8", held.shape, "uint8", scale, zero_point + 128)
        low.node(Flip(), [outer.name], held, f"input {tensor.name!r}")
        _external_input(low, tensor, outer.name)
    else:
        _external_input(low, tensor, held.name)
    low.values[index] = Activation(held.name, default_axes(tensor.shape))


def known_shape(low: Lowering, index: int) -> Array | None:
    """The shape that an input asks TRANSPOSE_CONV for, where that is all it does: the output's, which is static."""
    readers = [op for op in low.model.operators if index in op.inputs]
    shapes = {low.model.tensors[op.outputs[0]].shape for op in readers if op.outputs}
    if len(shapes) != 1 or any((op.kind, op.inputs[0]) != ("TRANSPOSE_CONV", index) for op in readers):
        return None
    return np.array(shapes.pop(), np.int32)


def _check_input(low: Lowering, tensor: TfTensor) -> None:
    where = f"{low.model.path.name} input {tensor.name!r}"
    if tensor.variable or tensor.data is not None:
        raise CompileError(where, "is a variable or a constant", "plain inputs")
    if any(tensor.shape[axis] != 1 or axis > 0 for axis in tensor.dynamic):
        raise CompileError(
            where, f"has dynamic axes {tensor.dynamic}", "static shapes", "convert with a fixed shape"
        )
    if tensor.dtype not in (*CODES, "float32"):
        raise CompileError(where, f"is {tensor.dtype}", f"{', '.join(CODES)} and float32")
    if (len(tensor.shape) >= 4 and tensor.shape[0] != 1) or min(tensor.shape, default=1) < 1:
        raise CompileError(where, f"has shape {list(tensor.shape)}", "batch 1, sizes of 1 and more")


def _input_tensor(low: Lowering, tensor: TfTensor, dtype: str, scale: float, zero_point: int) -> Tensor:
    name = sanitize(tensor.name.split(":")[0], "input")
    return low.tensor(name, default_shape(tensor.shape), dtype, scale, zero_point)


def _external_input(low: Lowering, tensor: TfTensor, name: str) -> None:
    axes = default_axes(tensor.shape)
    low.inputs[tensor.index] = IoBinding(name, tensor.name, tensor.shape, tensor.dtype, axes)


def quantize_input(low: Lowering, op: TfOperator, value: FloatInput) -> None:
    """A float32 input of the model: its quantized form becomes the graph's input."""
    tensor, target = low.model.tensors[value.index], low.target(op)
    if value.index not in low.inputs:
        held = _input_tensor(low, tensor, target.dtype, target.scale, target.zero_point)
        _external_input(low, tensor, held.name)
    held = low.tensors[low.inputs[value.index].tensor]
    if (held.dtype, held.quantization) != (target.dtype, target.quantization):
        raise low.error(op, "quantizes an input a second time, otherwise", "one QUANTIZE an input")
    low.finish(op, held)


def cut(low: Lowering, op: TfOperator) -> None:
    """Leaves an operator behind the last quantized tensor to the caller."""
    if op.kind == "QUANTIZE":
        raise low.error(
            op, "float32 arithmetic in the middle of the model", "float32 at its ends only",
            "quantize the operators between the last DEQUANTIZE and this QUANTIZE",
        )  # fmt: skip
    sources: list[int] = []
    for index in op.inputs:
        value = low.values.get(index)
        if isinstance(value, Cut):
            sources += value.sources
        elif value is not None:
            sources.append(index)
    for position in range(len(op.outputs)):
        low.define(op, Cut(tuple(dict.fromkeys(sources))), position)
    low.notice(f"{low.model.where(op)}: left to the caller, behind the last quantized tensor")


def refuse(low: Lowering, op: TfOperator, supported: list[str]) -> None:
    """Cuts a custom operator off at the tail; refuses any other that is unknown."""
    if op.kind == "CUSTOM ethos-u":
        raise low.error(
            op, "is a network that Vela has compiled for an Ethos-U: its operators are in the file no more",
            "the .tflite file that Vela was given", "compile the file from before Vela ran",
        )  # fmt: skip
    instead = next((hint for begin, hint in INSTEAD.items() if op.kind.startswith(begin)), "replace it")
    known = any(isinstance(low.values.get(i), Activation) for i in op.inputs)
    if op.kind.startswith("CUSTOM") and instead == "replace it" and known:
        cut(low, op)
        return
    raise low.error(
        op, "is not a supported operator", ", ".join(supported),
        f"{instead}, or cut the model before it: --outputs {before}" if (before := _before(low, op)) else instead,
    )  # fmt: skip


def _before(low: Lowering, op: TfOperator) -> str:
    """The tensors that an operator reads and others compute, as --outputs takes them; "" where there are none."""
    computed = [i for i in op.inputs if i >= 0 and i in low.values and i not in low.model.inputs]
    return ",".join(low.model.tensors[i].name for i in computed)


def close(low: Lowering, name: str) -> Graph:
    """The finished graph."""
    close_variables(low)
    for index in low.model.inputs:
        if index not in low.inputs and index not in low.folded:
            where = f"{low.model.path.name} input {low.model.tensors[index].name!r}"
            raise CompileError(where, "is float32 and never quantized", "a QUANTIZE on it")
    outputs: list[int] = []
    for index in low.model.outputs:
        value = low.values.get(index)
        outputs += value.sources if isinstance(value, Cut) else [index]
    if len(outputs) != len(low.model.outputs) or any(isinstance(low.values.get(i), Cut) for i in low.model.outputs):
        outputs = list(dict.fromkeys(outputs))
    outer: dict[str, str] = {}
    externals = tuple(_output(low, index, outer) for index in outputs)
    inputs = tuple(low.inputs[i] for i in low.model.inputs if i in low.inputs)
    return low.build(name, inputs, externals, low.numerics)


def _output(low: Lowering, index: int, outer: dict[str, str]) -> IoBinding:
    tensor = low.model.tensors[index]
    value = low.values.get(index)
    if isinstance(value, Floating):
        held = low.values[value.source]
        assert isinstance(held, Activation)
        return IoBinding(held.tensor, tensor.name, tensor.shape, "float32", held.axes)
    if isinstance(value, Activation):
        name = _outward(low, value.tensor, outer) if tensor.dtype == "uint8" else value.tensor
        return IoBinding(name, tensor.name, tensor.shape, tensor.dtype, value.axes)
    what = "between two batch operators" if isinstance(value, Batched) else "computed by no operator"
    if isinstance(value, FloatInput):
        what = "a float32 input"
    raise CompileError(f"{low.model.path.name} output {tensor.name!r}", f"is {what}", "quantized tensors")


def _outward(low: Lowering, name: str, outer: dict[str, str]) -> str:
    """The uint8 form of an int8 tensor, made once."""
    if name not in outer:
        held = low.tensors[name]
        flipped = low.tensor(f"{name}_uint8", held.shape, "uint8", held.scale, held.zero_point + 128)
        outer[name] = low.node(Flip(), [name], flipped, f"output {name!r}").name
    return outer[name]
