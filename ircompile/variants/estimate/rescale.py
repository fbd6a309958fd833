"""The same network at another input size, to ask what it would need: weights do not depend on the size."""

from __future__ import annotations

from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph, IoBinding, Node, validate
from ircompile.ir.tensor import Shape, Tensor


def rescale(graph: Graph, height: int, width: int) -> Graph:
    """The graph with its first input `height` x `width`; raises CompileError where an op keeps to its size."""
    first = graph.input_names[0]
    tensors = dict(graph.tensors)
    tensors[first] = replace(tensors[first], shape=(height, width, tensors[first].channels))
    nodes = []
    for node in graph.nodes:
        site = graph.site(node)
        inputs = tuple(tensors[name] for name in node.inputs)
        op = _fitted(node, site.inputs, site.output, inputs)
        shape = op.infer(inputs, graph.consts)
        if min(shape) < 1:
            raise CompileError(node.source or node.name, f"gives shape {shape}", "sizes of 1 and more")
        tensors[node.output] = replace(tensors[node.output], shape=shape)
        nodes.append(replace(node, op=op))
    ends = [tuple(_resized(e, tensors[e.tensor].shape) for e in side) for side in (graph.inputs, graph.outputs)]
    return validate(replace(graph, nodes=tuple(nodes), tensors=tensors, inputs=ends[0], outputs=ends[1]))


def _fitted(node: Node, old: tuple[Tensor, ...], old_output: Tensor, new: tuple[Tensor, ...]) -> ops.Op:
    """The op with the sizes it names in proportion; raises CompileError where they cannot be."""
    op = node.op
    before, after = old[0].shape, new[0].shape
    if before == after:
        return op
    match op:
        case ops.AveragePool(window=window) | ops.MaxPool(window=window) if window.kernel == before[:2]:
            return replace(op, window=replace(window, kernel=after[:2]))  # global
        case ops.Resize(size=size):
            return replace(op, size=(_scaled(node, size[0], before[0], after[0]),
                                     _scaled(node, size[1], before[1], after[1])))  # fmt: skip
        case ops.Reshape(shape=shape):
            return replace(op, shape=_reshaped(node, before, after, shape))
        case ops.Conv(window=window) if window.kernel == before[:2] and old_output.shape[:2] == (1, 1):
            raise CompileError(node.source or node.name, "its kernel spans the whole map", "size-independent ops")
        case ops.Slice(begin=begin, shape=shape) if begin[:2] == (0, 0) and shape[:2] == before[:2]:
            return replace(op, shape=(*after[:2], shape[2]))
        case _:
            return op


def _scaled(node: Node, size: int, before: int, after: int) -> int:
    scaled, rest = divmod(size * after, before)
    if rest:
        raise CompileError(node.source or node.name, f"{size} of {before} is no whole number of {after}")
    return scaled


def _reshaped(node: Node, before: Shape, after: Shape, shape: Shape) -> Shape:
    """A map that was flattened, channels kept, is flattened again."""
    if before[2] == shape[2] and before[0] * before[1] == shape[0] * shape[1]:
        count = after[0] * after[1]
        if shape[1] == 1:
            return (count, 1, shape[2])
        if shape[0] == 1:
            return (1, count, shape[2])
    raise CompileError(node.source or node.name, f"reshapes {before} to {shape}", "size-independent ops")


def _resized(external: IoBinding, shape: Shape) -> IoBinding:
    sizes = list(external.shape)
    for axis, size in zip(external.axes, shape, strict=True):
        if axis >= 0:
            sizes[axis] = size
    return replace(external, shape=tuple(sizes))
