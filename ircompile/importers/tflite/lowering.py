"""What the lowering of one operator needs: values so far, and ways to add tensors, constants and nodes."""

import math
from typing import TYPE_CHECKING

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.tflite.layout import Activation, Axes, Stored, default_axes, default_shape, holds
from ircompile.importers.tflite.reader import TfModel, TfOperator, TfTensor
from ircompile.importers.tflite.values import Batched, Floating, FloatInput, Value
from ircompile.ir.builder import GraphBuilder
from ircompile.ir.graph import IoBinding
from ircompile.ir.names import short
from ircompile.ir.ops import Op, Reshape, Transpose
from ircompile.ir.tensor import Array, Shape, Tensor
from ircompile.qtype import ACTIVATIONS, FLIP

CODES = ("int8", "uint8", "int16", "int32")
"""Types of quantized tensors; int32 only as what a QUANTIZE reads."""

if TYPE_CHECKING:
    from ircompile.importers.tflite.variables import Variable


class Lowering(GraphBuilder):
    """The graph as far as it is built. One instance imports one model."""

    def __init__(self, model: TfModel, numerics: str) -> None:
        super().__init__()
        self.model, self.numerics = model, numerics
        self.values: dict[int, Value] = {}
        self.folded: dict[int, Array] = {}
        self.inputs: dict[int, IoBinding] = {}
        self.variables: dict[str, Variable] = {}
        self.initials: dict[str, TfTensor] = {}
        # Constants may grow (to dense weights, to tables), but a small file cannot ask for gigabytes.
        self._bytes_left = 2**26 + 32 * model.size
        self._moved: dict[tuple[str, Op], Tensor] = {}

    # Errors

    def error(self, op: TfOperator, problem: str, supported: str = "", hint: str = "") -> CompileError:
        """What is wrong with an operator."""
        return CompileError(f"{self.model.path.name} {self.model.where(op)}", problem, supported, hint)

    # Reading

    def file_tensor(self, op: TfOperator, position: int) -> TfTensor | None:
        """The file's tensor at an input position; None where it is left out."""
        if position >= len(op.inputs) or op.inputs[position] < 0:
            return None
        return self.model.tensors[op.inputs[position]]

    def constant_of(self, index: int) -> Array | None:
        """The value of a tensor that is known now: in the file, or folded."""
        if index in self.folded:
            return self.folded[index]
        return self.model.tensors[index].constant() if index not in self.values else None

    def constant(self, op: TfOperator, position: int, what: str) -> Array:
        """A constant operand; fails where it is computed or missing."""
        tensor = self.file_tensor(op, position)
        value = self.constant_of(tensor.index) if tensor is not None else None
        if value is None:
            raise self.error(op, f"{what} is not a constant", f"constant {what}")
        return value

    def _held(self, op: TfOperator, index: int) -> Activation:
        """The value of a tensor that must be an activation, in whatever layout it has."""
        tensor, value = self.model.tensors[index], self.values.get(index)
        if isinstance(value, Activation):
            return value
        if isinstance(value, Floating | FloatInput) or tensor.dtype == "float32":
            raise self.error(
                op, f"input {tensor.name!r} is float32", "quantized tensors",
                "quantize the whole model: TFLite converter with int8 ops, inputs and outputs may stay float",
            )  # fmt: skip
        if isinstance(value, Batched):
            raise self.error(op, "works between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND", "a convolution there")
        if self.constant_of(index) is not None:
            raise self.error(op, f"input {tensor.name!r} is constant", "an activation here")
        raise self.error(
            op, f"input {tensor.name!r} is computed by no operator before it", "operators in execution order"
        )

    def _index(self, op: TfOperator, position: int) -> int:
        tensor = self.file_tensor(op, position)
        if tensor is None:
            raise self.error(op, f"input {position} is missing")
        return tensor.index

    def shape(self, op: TfOperator, position: int) -> tuple[int, ...]:
        """The framework's shape of an input."""
        return self.model.tensors[self._index(op, position)].shape

    # An activation may be stored in another order than the framework's. A rule that counts elements or axes gets it
    # in the framework's order, from `source`, `ordered` or `pixels`; one that does not mind gets no tensor that it
    # could read, but what is `stored`, and lowers with `in_place` or `relabel`.

    def source(self, op: TfOperator, position: int, shape: Shape | None = None) -> Tensor:
        """The graph tensor at an input position, in the framework's order, as H x W x C or as `shape`."""
        return self.reshape(op, self.ordered(op, position), shape or default_shape(self.shape(op, position)))

    def ordered(self, op: TfOperator, position: int) -> Tensor:
        """The graph tensor at an input position, in the framework's order, of any H x W x C."""
        return self._in_order(op, self._held(op, self._index(op, position)))

    def picture(self, op: TfOperator, position: int) -> Tensor:
        """The map at an input position: a tensor of four axes, the first of which has one element."""
        return self.picture_of(op, self._index(op, position))

    def picture_of(self, op: TfOperator, index: int) -> Tensor:
        """The map that a tensor of the file is."""
        shape, held = self.model.tensors[index].shape, self._held(op, index)
        if len(shape) != 4 or shape[0] != 1:
            raise self.error(op, f"input of shape {list(shape)}", "1 x height x width x channels")
        return self.reshape(op, self._in_order(op, held), default_shape(shape))

    def _in_order(self, op: TfOperator, held: Activation) -> Tensor:
        tensor, order = self.tensors[held.tensor], held.order
        if order is None:
            return tensor
        return self.move(op, Transpose(order), tensor, _permuted(tensor.shape, order))

    def stored(self, op: TfOperator, position: int) -> Stored:
        """How the tensor at an input position is quantized and stored."""
        held = self._held(op, self._index(op, position))
        tensor = self.tensors[held.tensor]
        return Stored(like(tensor, tensor.shape), held.axes)

    def in_place(self, op: TfOperator, node: Op, output: Tensor, axes: Axes, order: Axes = (0, 1, 2)) -> None:
        """Lowers an operator on its first input as it is stored, or by `order` transposed; `axes`: the output's."""
        tensor = self.tensors[self._held(op, self._index(op, 0)).tensor]
        if order != (0, 1, 2):
            tensor = self.move(op, Transpose(order), tensor, _permuted(tensor.shape, order))
        self.finish(op, self.emit(op, node, [tensor], output), axes=axes)

    def relabel(self, op: TfOperator, axes: Axes) -> None:
        """Lowers an operator whose output is its first input as that is stored, under other axes."""
        self.finish(op, self.tensors[self._held(op, self._index(op, 0)).tensor], axes=axes)

    def reshape(self, op: TfOperator, tensor: Tensor, shape: Shape) -> Tensor:
        """The tensor under another shape: a Reshape node."""
        if tensor.shape == shape:
            return tensor
        if math.prod(tensor.shape) != math.prod(shape):
            raise self.error(op, f"shape {tensor.shape} where {shape} was declared", "consistent shapes")
        return self.move(op, Reshape(shape), tensor, shape)

    def move(self, op: TfOperator, node: Op, tensor: Tensor, shape: Shape) -> Tensor:
        """The output of a Reshape or Transpose of a tensor, made once."""
        key = (tensor.name, node)
        if key not in self._moved:
            kind = type(node).__name__.lower()
            self._moved[key] = self.emit(op, node, [tensor], like(tensor, shape), f"{tensor.name}_{kind}")
        return self._moved[key]

    # Writing

    def target(self, op: TfOperator, shape: Shape | None = None, position: int = 0) -> Tensor:
        """The tensor that the operator's output will be, uint8 as int8 with a zero point 128 less; no name yet."""
        tensor = self.model.tensors[op.outputs[position]]
        scale, zero_point = self.quantization(op, tensor)
        return Tensor("", shape or default_shape(tensor.shape), held_type(tensor), scale, zero_point)

    def quantization(self, place: TfOperator | str, tensor: TfTensor) -> tuple[float, int]:
        """Scale and zero point, as `held_type` has it, of a per-tensor quantized tensor of codes."""
        where = place if isinstance(place, str) else f"{self.model.path.name} {self.model.where(place)}"
        what = f"tensor {tensor.index} {tensor.name!r}"
        if tensor.dtype not in CODES or (tensor.dtype == "int16" and self.numerics != "tflm"):
            supported = "int8, uint8 and int16 quantized tensors, int16 with --numerics tflm"
            raise CompileError(where, f"{what} is {tensor.dtype}", supported, _hint(tensor))
        if not tensor.quantized:
            raise CompileError(where, f"{what} has no quantization", "a scale and a zero point for every tensor")
        scale = float(tensor.scales[0])
        if len(tensor.scales) != 1:
            raise CompileError(where, f"{what} has {len(tensor.scales)} scales", "one scale an activation")
        if not (np.isfinite(scale) and scale > 0):
            raise CompileError(where, f"{what} has scale {scale}", "finite scales above 0")
        zero_point = int(tensor.zero_points[0]) if len(tensor.zero_points) else 0
        low, high = (0, 0) if tensor.dtype in ("int16", "int32") else ACTIVATIONS[tensor.dtype].range
        if not low <= zero_point <= high:
            raise CompileError(where, f"{what} has zero point {zero_point}", f"{low} to {high}")
        return scale, zero_point - FLIP if tensor.dtype == "uint8" else zero_point

    def emit(self, op: TfOperator, node: Op, inputs: list[Tensor], output: Tensor, name: str = "") -> Tensor:
        """Adds a node; returns its output tensor, named after it."""
        if not name:
            name = self.name_of(op)
        tensor = self.tensor(name, output.shape, output.dtype, output.scale, output.zero_point)
        return self.node(node, [t.name for t in inputs], tensor, self.model.where(op))

    def define(self, op: TfOperator, value: Value, position: int = 0) -> None:
        """Gives an output of the operator its value; fails where it has one."""
        index = op.outputs[position]
        if index in self.values or index in self.folded:
            raise self.error(
                op, f"writes {self.model.tensors[index].name!r} a second time", "operators in execution order"
            )
        self.values[index] = value

    def finish(self, op: TfOperator, tensor: Tensor, position: int = 0, axes: Axes | None = None) -> None:
        """Declares that `tensor` holds the operator's output: in the framework's order, or as `axes` say."""
        shape = self.model.tensors[op.outputs[position]].shape
        if not holds((-1, -1, -1) if axes is None else axes, tensor.shape, shape):
            raise self.error(
                op, f"gives shape {tensor.shape} where the file says {list(shape)}", "consistent shapes"
            )
        if axes is None:
            tensor = self.reshape(op, tensor, default_shape(shape))
        self.define(op, Activation(tensor.name, default_axes(shape) if axes is None else axes), position)

    def check_same(self, op: TfOperator, source: Tensor, target: Tensor) -> None:
        """Fails where an operator that moves codes would have to requantize them."""
        if source.quantization != target.quantization:
            raise self.error(
                op,
                f"input (scale {source.scale:g}, zero point {source.zero_point}) and output (scale "
                f"{target.scale:g}, zero point {target.zero_point}) are quantized differently",
                "equal quantization",
            )

    def name_of(self, op: TfOperator, position: int = 0) -> str:
        """A readable name for the node that computes an output of the operator."""
        kind = op.kind.lower().removesuffix("_2d").replace("depthwise_conv", "dw").replace("fully_connected", "fc")
        name = self.model.tensors[op.outputs[position]].name if op.outputs else ""
        return short(name, f"{kind.replace(' ', '_')[:20]}_{op.index}")

    def store(self, op: TfOperator, suffix: str, array: Array) -> str:
        """Adds a constant; returns its name."""
        return self.store_as(op, f"{self.name_of(op)}_{suffix}", array)

    def store_as(self, op: TfOperator, name: str, array: Array) -> str:
        """Adds a constant by this name, or one like it; returns its name."""
        self.spend(op, array)
        return self.const(name, array)

    def spend(self, op: TfOperator, array: Array) -> None:
        """Counts a constant's bytes; fails where they are out of all proportion to the file."""
        self._bytes_left -= array.nbytes
        if self._bytes_left < 0:
            raise self.error(op, "needs constants many times the size of the file", "constants in the file")


def _permuted(shape: Shape, order: Axes) -> Shape:
    return shape[order[0]], shape[order[1]], shape[order[2]]


def like(tensor: Tensor, shape: Shape) -> Tensor:
    """A nameless tensor with the quantization of another."""
    return Tensor("", shape, tensor.dtype, tensor.scale, tensor.zero_point)


def _hint(tensor: TfTensor) -> str:
    if tensor.dtype == "float32":
        return "quantize the model: post-training integer quantization in the TFLite converter"
    return ""


def held_type(tensor: TfTensor) -> str:
    """The type of the graph's tensor that holds a quantized one of the file."""
    return "int8" if tensor.dtype == "uint8" else tensor.dtype
