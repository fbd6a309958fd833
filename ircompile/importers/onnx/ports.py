"""Inputs and outputs of the model: float ends are cut off, uint8 ends get a Flip."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ircompile.errors import CompileError
from ircompile.importers.onnx.builder import Builder
from ircompile.importers.onnx.ends import leaves_of
from ircompile.importers.onnx.functions import ELEMENTWISE
from ircompile.importers.onnx.layout import (
    Axes,
    axes_of,
    natural_axes,
    order_of,
    row_major_axes,
    size_along,
    view_of,
)
from ircompile.importers.onnx.model import Model, Port
from ircompile.importers.onnx.values import Codes, Entry, Quant, Real
from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.names import sanitize
from ircompile.ir.ops import Flip

if TYPE_CHECKING:
    from ircompile.importers.onnx.reader import Reader

THROUGH = frozenset({*ELEMENTWISE, "QuantizeLinear", "DequantizeLinear", "Cast", "Identity", "Dropout"})


def enter(reader: Reader, port: Port) -> IoBinding:
    """Adds a graph input."""
    if port.dtype not in ("float32", "int8", "uint8"):
        raise CompileError(f"input {port.name!r}", f"is of type {port.dtype}", "float32, int8, uint8")
    axes = input_axes(reader.model, port.name, len(port.shape))
    sized = [size for axis, size in enumerate(port.shape) if axis not in axes]
    if any(size != 1 for size in sized):
        raise CompileError(
            f"input {port.name!r}", f"has shape {list(port.shape)}", "batch 1 and up to three further axes",
            "export the model with batch 1",
        )  # fmt: skip
    builder, shape = reader.builder, size_along(port.shape, axes)
    dtype = "uint8" if port.dtype == "uint8" else "int8"
    tensor = builder.activation(sanitize(port.name, "input"), shape, None, dtype)
    external = IoBinding(tensor, port.name, port.shape, port.dtype, axes, half_even=port.dtype == "float32")
    if port.dtype == "float32":
        reader.values[port.name] = Entry(view_of(tensor, port.shape, axes))
        return external
    if dtype == "uint8":
        flipped = builder.tensor(f"{tensor}_int8", shape, zero_point=-128)
        tensor = builder.node(Flip(), [tensor], flipped, f"input {port.name!r}").name
    reader.values[port.name] = Codes(view_of(tensor, port.shape, axes), dtype == "uint8", None)
    reader.open(tensor)
    return external


def meaning(builder: Builder, tensor: str, quant: Quant) -> None:
    """Sets the scale of an integer input, of its uint8 original too."""
    builder.quantize(tensor, quant)
    for node in builder.nodes:
        if node.output == tensor and isinstance(node.op, Flip):
            builder.quantize(node.inputs[0], Quant(quant.scale, quant.zero + 128))


def input_axes(model: Model, name: str, rank: int) -> Axes:
    """Height, width and channels of an input, as the first operator that cares sees them."""
    order, current = list(range(rank)), {name}
    for raw in model.nodes:
        if not raw.inputs or raw.inputs[0] not in current:
            continue
        if raw.kind == "Transpose" and sorted(raw.get("perm") or ()) == list(range(rank)):
            order = [order[a] for a in raw.get("perm")]
        elif raw.kind in ("MatMul", "Reshape", "Flatten", "Softmax", "QLinearMatMul"):
            return _through(order, row_major_axes(rank))
        elif raw.kind not in THROUGH:
            break
        current = set(raw.outputs)
    return _through(order, natural_axes(rank))


def _through(order: list[int], axes: Axes) -> Axes:
    height, width, channels = (order[a] if a >= 0 else a for a in axes)
    return height, width, channels


def leave(reader: Reader, port: Port) -> list[IoBinding]:
    """Adds what an output of the model becomes; a float tail of it is cut off with a notice."""
    value = reader.values.get(port.name)
    if isinstance(value, Codes):
        return [_integer(reader, port, value)]
    leaves = leaves_of(reader.context, port.name, value)
    known = {id(v): name for name, v in reader.values.items()} | {id(value): port.name}
    spare = [port.name] + [f"{port.name}_{number}" for number in range(1, len(leaves))]
    return [
        replace(_float(reader, known.get(id(leaf.value), name), leaf.real), rounded=leaf.rounded)
        for name, leaf in zip(spare, leaves, strict=True)
    ]


def _place(reader: Reader, name: str, value: Codes | Real) -> tuple[str, Axes]:
    """A tensor and the axes of it that an output of ONNX shape `value.view.shape` needs."""
    view, builder = value.view, reader.builder
    raw = reader.model.nodes[-1]
    axes = axes_of(view, builder.tensors[view.tensor].shape)
    if axes is not None:
        return view.tensor, axes
    axes = row_major_axes(view.rank)
    if order_of(view, axes) is None or builder.tensors[view.tensor].dtype == "int32":
        raise CompileError(
            f"output {name!r}", f"has shape {list(view.shape)}", "batch 1 and up to three further axes"
        )
    return builder.arrange(raw, view, axes), axes


def _float(reader: Reader, name: str, real: Real) -> IoBinding:
    real = replace(real, view=reader.context.settled(real, reader.model.nodes[-1]))
    tensor, axes = _place(reader, name, real)
    return IoBinding(tensor, name, real.view.shape, "float32", axes, half_even=True)


def _integer(reader: Reader, port: Port, codes: Codes) -> IoBinding:
    tensor, axes = _place(reader, port.name, codes)
    builder, found = reader.builder, reader.builder.tensors[tensor]
    if found.dtype == "int32":
        return IoBinding(tensor, port.name, codes.view.shape, port.dtype or "int64", axes)
    if not codes.unsigned:
        return IoBinding(tensor, port.name, codes.view.shape, "int8", axes)
    outer = builder.tensor(f"{tensor}_uint8", found.shape, "uint8", found.scale, found.zero_point + 128)
    flipped = builder.node(Flip(), [tensor], outer, f"output {port.name!r}").name
    return IoBinding(flipped, port.name, codes.view.shape, "uint8", axes)


def finished(graph: Graph) -> Graph:
    """The graph without what nothing reads."""
    wanted, nodes = set(graph.output_names), []
    for node in reversed(graph.nodes):
        if node.output in wanted:
            wanted.update(node.inputs)
            nodes.append(node)
    return replace(graph.rebuilt(nodes[::-1]), notices=graph.notices)
