"""The graph under construction, and short names for its nodes.

A node's name is the end of the path that a framework gives it, as much of it as makes it unique:
'/4/body/body.3/Conv' -> 'conv_4_body_3', 'model/conv2d_1/BiasAdd' -> 'conv2d_1', '' -> 'conv_17'
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.importers.onnx.layout import (
    Axes,
    View,
    factored,
    is_identity,
    order_of,
    size_along,
    transposition,
    view_of,
)
from ircompile.importers.onnx.proto import MAX_ELEMENTS, product
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.values import Quant
from ircompile.ir.builder import GraphBuilder
from ircompile.ir.names import GENERIC, sanitize
from ircompile.ir.ops import Op, Reshape, Transpose
from ircompile.ir.tensor import Array, Shape


class Builder(GraphBuilder):
    """Nodes, tensors and constants so far, and the views of the ONNX tensors on them."""

    def __init__(self, labels: Mapping[int, str]) -> None:
        super().__init__()
        self._labels = labels
        self._arranged: dict[tuple[str, str, str], str] = {}
        self.bias_rests: dict[str, Array] = {}

    def activation(self, name: str, shape: Shape, quant: Quant | None, dtype: str = "int8") -> str:
        """Adds a tensor of a quantization that may not be known yet; returns its name, which is unique."""
        scale, zero = (quant.scale, quant.zero) if quant else (1.0, 0)
        return self.tensor(name, shape, dtype, scale, zero).name

    def quantize(self, tensor: str, quant: Quant) -> None:
        """Sets the scale of a tensor that had none."""
        self.tensors[tensor] = replace(self.tensors[tensor], scale=quant.scale, zero_point=quant.zero)

    def quant(self, tensor: str) -> Quant:
        """The scale and zero point of a tensor."""
        found = self.tensors[tensor]
        return Quant(found.scale, found.zero_point)

    def name(self, raw: OnnxNode, suffix: str = "") -> str:
        """A free name for what a node becomes."""
        telling = self._labels.get(raw.index, raw.kind.lower())
        return telling if not suffix else f"{telling}_{suffix}"

    def emit(
        self, raw: OnnxNode, op: Op, inputs: Sequence[str], quant: Quant, suffix: str = "", dtype: str = "int8"
    ) -> str:
        """Adds a node and the tensor that it writes, whose name is returned."""
        shape = self.infer(op, inputs, raw.where)
        if min(shape) < 1 or product(shape) > MAX_ELEMENTS:
            raise CompileError(raw.where, f"gives shape {shape}", "sizes from 1 to 2^26 elements in all")
        name = self.activation(self.name(raw, suffix), shape, quant, dtype)
        return self.node(op, inputs, self.tensors[name], raw.where).name

    def alias(self, raw: OnnxNode, view: View, quant: Quant) -> View:
        """The same codes with another meaning; no byte moves."""
        shape = self.tensors[view.tensor].shape
        return view.on(self.emit(raw, Reshape(shape), [view.tensor], quant, "scale"))

    def arrange(self, raw: OnnxNode, view: View, axes: Axes) -> str:
        """A tensor that holds the view's elements in the order of `axes`: itself, reshaped, or transposed."""
        order = order_of(view, axes)
        if order is None:
            raise CompileError(
                raw.where,
                f"reads a tensor of shape {list(view.shape)}",
                "batch 1, and at most height, width and channels longer than 1",
            )
        return self.ordered(raw, view.tensor, order, size_along(view.shape, axes))

    def ordered(self, raw: OnnxNode, tensor: str, order: Array, shape: Shape) -> str:
        """A tensor of the given shape that lists `tensor`'s elements in `order`."""
        source = self.tensors[tensor]
        if is_identity(order):
            return tensor if source.shape == shape else self.reshape(raw, tensor, shape)
        axes = transposition(order, source.shape)
        parts = factored(order) if axes is None else None
        if parts is not None:
            tensor, axes = self.reshape(raw, tensor, parts[0]), parts[1]
        if axes is None:
            raise CompileError(
                raw.where,
                "needs an order of elements that is no transposition of height, width and channels",
                "Reshape and Transpose that keep a map's axes whole",
            )
        moved = self._once(raw, Transpose(axes), tensor, "nchw")
        return moved if self.tensors[moved].shape == shape else self.reshape(raw, moved, shape)

    def reshape(self, raw: OnnxNode, tensor: str, shape: Shape) -> str:
        """The tensor under another shape, the same bytes."""
        return self._once(raw, Reshape(shape), tensor, "flat")

    def _once(self, raw: OnnxNode, op: Op, tensor: str, suffix: str) -> str:
        key = (repr(op), tensor, suffix)
        if key not in self._arranged:
            self._arranged[key] = self.emit(raw, op, [tensor], self.quant(tensor), suffix)
        return self._arranged[key]

    def view(self, tensor: str, shape: Sequence[int], axes: Axes) -> View:
        """The view of ONNX shape `shape` on a tensor of which `axes` are the height, width and channels."""
        return view_of(tensor, shape, axes)


NOISE = re.compile(r"(_output_\d+|_quantized|_quant|_QuantizeLinear|_DequantizeLinear)(_Output|_Input)?$")
# Names that tools make up where there was none.
MADE_UP = re.compile(r"(PPQ_\w+_|generated_name_|MatMulAddFusion|node_)\w*", re.IGNORECASE)
QUANTIZERS = ("QuantizeLinear", "DequantizeLinear", "Constant")


def labels(nodes: Sequence[OnnxNode]) -> dict[int, str]:
    """A name for every node that computes, by its index."""
    found: dict[int, str] = {}
    waiting = {raw.index: (raw, _parts(raw)) for raw in nodes if raw.kind not in QUANTIZERS}
    for length in range(1, 1 + max((len(parts) for _, parts in waiting.values()), default=0)):
        names = {index: _joined(raw, parts[-length:]) for index, (raw, parts) in waiting.items()}
        count = Counter(names.values())
        for index, name in names.items():
            if count[name] == 1 and name not in found.values():
                found[index] = name
                del waiting[index]
    for index, (raw, _) in waiting.items():
        found[index] = f"{_kind(raw)}_{index}"
    return found


def _kind(raw: OnnxNode) -> str:
    return sanitize(raw.kind.removeprefix("QLinear").lower(), "node")


def _parts(raw: OnnxNode) -> list[str]:
    """The path of a node without an end that only says what operator it is; empty where there is nothing else."""
    for text in (raw.name, raw.outputs[0]):
        parts = [p for p in NOISE.sub("", text.split(";")[0].split(":")[0]).split("/") if p]
        if parts and _says_little(raw, parts[-1]):
            parts = parts[:-1]
        if parts:
            return parts[:8]
    return []


def _says_little(raw: OnnxNode, part: str) -> bool:
    return bool(GENERIC.fullmatch(part) or MADE_UP.fullmatch(part)) or part.lower().split("_")[0] == _kind(raw)


def _joined(raw: OnnxNode, parts: Sequence[str]) -> str:
    kept: list[str] = []
    for part in parts:
        if kept and part.startswith(kept[-1]):  # 'body', 'body.3': say it once
            kept.pop()
        kept.append(part)
    return sanitize("_".join(kept), _kind(raw)) if kept else f"{_kind(raw)}_{raw.index}"
