"""The two ends of a model: inputs and outputs of any type, and what is cut off behind the last quantized tensor."""

from __future__ import annotations

from typing import NoReturn

from ircompile.errors import CompileError
from ircompile.graph import External, Graph, Node
from ircompile.importers.names import sanitize
from ircompile.importers.tflite.lowering import (
    Activation,
    Batched,
    Cut,
    Floating,
    FloatInput,
    Lowering,
    default_axes,
    default_shape,
)
from ircompile.importers.tflite.reader import TfOperator, TfTensor
from ircompile.ops import Flip
from ircompile.tensor import Tensor


class Ends(Lowering):
    """A lowering that knows how the model meets its caller."""

    def open(self) -> None:
        """Declares the model's inputs."""
        for index in self.model.inputs:
            tensor = self.model.tensors[index]
            self._check_input(tensor)
            if tensor.dtype == "float32":
                self.values[index] = FloatInput(index)
                continue
            scale, zero_point = self.quantization(None, tensor)
            name = self.names.unique(sanitize(tensor.name.split(":")[0], "input"))
            held = Tensor(name, default_shape(tensor.shape), "int8", scale, zero_point)
            if tensor.dtype == "uint8":
                outer = self.names.unique(f"{name}_uint8")
                self.tensors[outer] = Tensor(outer, held.shape, "uint8", scale, zero_point + 128)
                self.nodes.append(Node(name, Flip(), (outer,), name, f"input {tensor.name!r}"))
                self._external_input(tensor, outer)
            else:
                self._external_input(tensor, name)
            self.tensors[name] = held
            self.values[index] = Activation(name, default_axes(tensor.shape))

    def _check_input(self, tensor: TfTensor) -> None:
        if tensor.variable or tensor.data is not None:
            self._refuse(tensor, "is a variable or a constant", "plain inputs")
        if any(tensor.shape[axis] != 1 or axis > 0 for axis in tensor.dynamic):
            self._refuse(
                tensor, f"has dynamic axes {tensor.dynamic}", "static shapes", "convert with a fixed shape"
            )
        if tensor.dtype not in ("int8", "uint8", "float32"):
            self._refuse(tensor, f"is {tensor.dtype}", "int8, uint8 and float32")
        if len(tensor.shape) >= 4 and tensor.shape[0] != 1:
            self._refuse(tensor, f"has shape {list(tensor.shape)}", "batch 1")

    def _refuse(self, tensor: TfTensor, problem: str, supported: str, hint: str = "") -> NoReturn:
        raise CompileError(f"{self.model.path.name} input {tensor.name!r}", problem, supported, hint)

    def _external_input(self, tensor: TfTensor, name: str) -> None:
        axes = default_axes(tensor.shape)
        self.inputs[tensor.index] = External(name, tensor.name, tensor.shape, tensor.dtype, axes)

    def quantize_input(self, op: TfOperator, value: FloatInput) -> None:
        """A float32 input of the model: its quantized form becomes the graph's input."""
        tensor = self.model.tensors[value.index]
        target = self.target(op)
        if value.index in self.inputs:
            held = self.tensors[self.inputs[value.index].tensor]
            if (held.scale, held.zero_point) != (target.scale, target.zero_point):
                self.fail(op, "quantizes an input a second time, otherwise", "one QUANTIZE an input")
        else:
            name = self.names.unique(sanitize(tensor.name.split(":")[0], "input"))
            held = Tensor(name, default_shape(tensor.shape), "int8", target.scale, target.zero_point)
            self.tensors[name] = held
            self._external_input(tensor, name)
        self.values[op.outputs[0]] = Activation(held.name, default_axes(tensor.shape))

    def cut(self, op: TfOperator) -> None:
        """Leaves an operator behind the last quantized tensor to the caller."""
        if op.kind == "QUANTIZE":
            self.fail(
                op, "float32 arithmetic in the middle of the model", "float32 at its ends only",
                "quantize the operators between the last DEQUANTIZE and this QUANTIZE",
            )  # fmt: skip
        sources: list[int] = []
        for index in op.inputs:
            value = self.values.get(index)
            if isinstance(value, Cut):
                sources += value.sources
            elif value is not None:
                sources.append(index)
        for index in op.outputs:
            self.values[index] = Cut(tuple(dict.fromkeys(sources)))
        self.notice(f"{self.model.where(op)}: left to the caller, behind the last quantized tensor")

    def unsupported(self, op: TfOperator, supported: list[str]) -> None:
        """Cuts a custom operator at the tail; refuses any other."""
        inputs = [self.values.get(index) for index in op.inputs if index >= 0]
        if op.kind.startswith("CUSTOM") and any(isinstance(value, Activation) for value in inputs):
            self.cut(op)
            return
        self.fail(op, "is not a supported operator", ", ".join(supported), "replace it, or cut the model before it")

    def close(self, name: str) -> Graph:
        """The finished graph."""
        for index in self.model.inputs:
            if index not in self.inputs:
                self._refuse(self.model.tensors[index], "is float32 and never quantized", "a QUANTIZE on it")
        outputs: list[int] = []
        for index in self.model.outputs:
            value = self.values.get(index)
            outputs += value.sources if isinstance(value, Cut) else [index]
        if any(isinstance(self.values.get(index), Cut) for index in self.model.outputs):
            outputs = list(dict.fromkeys(outputs))
        externals = tuple(self._output(index) for index in outputs)
        graph = Graph(
            name, (), self.tensors, self.consts, tuple(self.inputs[i] for i in self.model.inputs), externals,
            self.numerics, tuple(self.notices),
        )  # fmt: skip
        return graph.rebuilt(self.nodes)

    def _output(self, index: int) -> External:
        tensor = self.model.tensors[index]
        value = self.values.get(index)
        if isinstance(value, Floating):
            held = self.values[value.source]
            assert isinstance(held, Activation)
            return External(held.tensor, tensor.name, tensor.shape, "float32", held.axes)
        if isinstance(value, Activation):
            name = self._outward(value.tensor) if tensor.dtype == "uint8" else value.tensor
            return External(name, tensor.name, tensor.shape, tensor.dtype, value.axes)
        what = "between two batch operators" if isinstance(value, Batched) else "computed by no operator"
        if isinstance(value, FloatInput):
            what = "a float32 input"
        raise CompileError(f"{self.model.path.name} output {tensor.name!r}", f"is {what}", "quantized tensors")

    def _outward(self, name: str) -> str:
        """The uint8 form of an int8 tensor, made once."""
        if name not in self._outer:
            held = self.tensors[name]
            outer = self.names.unique(f"{name}_uint8")
            self.tensors[outer] = Tensor(outer, held.shape, "uint8", held.scale, held.zero_point + 128)
            self.nodes.append(Node(outer, Flip(), (name,), outer, f"output {name!r}"))
            self._outer[name] = outer
        return self._outer[name]
