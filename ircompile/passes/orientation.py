"""A network over one axis, the other way round: time as rows or as columns.

    x (1, 186, 3)                                  x (186, 1, 3)
    y = Conv(1 x 5, stride (1, 2)) (x)     <->     y = Conv(5 x 1, stride (2, 1)) (x)

Every code stays where it was, as height or width of every tensor is 1. As rows, a few of them are all that must be
kept, and they can be pushed one by one; as columns, kernels have more to do at once.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from ircompile.ir import ops
from ircompile.ir.graph import Graph, IoBinding, Node
from ircompile.ir.tensor import Array, Shape
from ircompile.ir.validate import validate

AXES: dict[str, Literal["h", "w", "hw"]] = {"h": "w", "w": "h", "hw": "hw"}
ALONG_CHANNELS = (
    ops.Copy, ops.Flip, ops.L2Normalization, ops.PixelTable, ops.Rescale, ops.Sigmoid, ops.Softmax, ops.Table,
)  # fmt: skip


def transposed(graph: Graph) -> Graph | None:
    """The graph with height and width exchanged; None where it has two axes, or an op that is not known here."""
    shapes = [tensor.shape for tensor in graph.tensors.values()]
    long = any(max(shape[:2]) > 1 for shape in shapes)
    if graph.states or not long or (any(s[0] > 1 for s in shapes) and any(s[1] > 1 for s in shapes)):
        return None
    consts: dict[str, Array] = dict(graph.consts)
    nodes = []
    for node in graph.nodes:
        op = _transposed(node, graph, consts)
        if op is None:
            return None
        nodes.append(replace(node, op=op))
    tensors = {name: replace(tensor, shape=_swapped(tensor.shape)) for name, tensor in graph.tensors.items()}
    inputs, outputs = (tuple(map(_bound, side)) for side in (graph.inputs, graph.outputs))
    made = replace(graph, nodes=tuple(nodes), tensors=tensors, consts=consts, inputs=inputs, outputs=outputs)
    return validate(made)


def upright(graph: Graph) -> Graph:
    """The graph with the only axis of its tensors as rows; as it is, where it has two."""
    flat = all(tensor.height == 1 for tensor in graph.tensors.values())
    return (transposed(graph) if flat else None) or graph


def _transposed(node: Node, graph: Graph, consts: dict[str, Array]) -> ops.Op | None:
    """A node's op over the other axis; weights are transposed in `consts`."""
    match node.op:
        case ops.Conv() as op:
            consts[op.weights] = np.ascontiguousarray(graph.consts[op.weights].swapaxes(1, 2))
            return replace(op, window=_window(op.window))
        case ops.Depthwise() as op:
            consts[op.weights] = np.ascontiguousarray(graph.consts[op.weights].swapaxes(0, 1))
            return replace(op, window=_window(op.window))
        case ops.MaxPool() | ops.AveragePool() as op:
            return replace(op, window=_window(op.window))
        case ops.Mean() | ops.Extreme() as op:
            return replace(op, axes=AXES[op.axes])
        case ops.Reshape() as op:
            return replace(op, shape=_swapped(op.shape))
        case ops.Slice() as op:
            return replace(op, begin=_swapped(op.begin), shape=_swapped(op.shape), stride=_swapped(op.stride))
        case ops.Pad() as op:
            return replace(op, before=_swapped(op.before), after=_swapped(op.after))
        case ops.Concat() as op:
            return replace(op, axis=(1, 0, 2)[op.axis])
        case ops.Binary() as op if op.constant is None or max(graph.consts[op.constant.name].shape[:2]) == 1:
            return op
        case op if isinstance(op, ALONG_CHANNELS):
            return op
        case _:
            return None


def _swapped(shape: Shape) -> Shape:
    return (shape[1], shape[0], shape[2])


def _window(window: ops.Window) -> ops.Window:
    top, bottom, left, right = window.padding
    return ops.Window(window.kernel[::-1], window.stride[::-1], (left, right, top, bottom), window.dilation[::-1])


def _bound(binding: IoBinding) -> IoBinding:
    height, width, channels = binding.axes
    return replace(binding, axes=(width, height, channels))
