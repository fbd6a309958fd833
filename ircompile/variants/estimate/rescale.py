"""The same network at another input size, to ask what it would need: weights do not depend on the size."""

from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph, IoBinding, Node
from ircompile.ir.ops import Op
from ircompile.ir.tensor import Shape, Site
from ircompile.ir.validate import validate


def rescale(graph: Graph, height: int, width: int) -> Graph:
    """The graph with its first input `height` x `width`; raises CompileError where an op keeps to its size."""
    first = graph.input_names[0]
    tensors = dict(graph.tensors)
    tensors[first] = replace(tensors[first], shape=(height, width, tensors[first].channels))
    nodes = []
    for node in graph.nodes:
        site = graph.site(node)
        inputs = tuple(tensors[name] for name in node.inputs)
        op = _fitted(node, site, inputs[0].shape)
        shape = op.infer(inputs, graph.consts)
        if min(shape) < 1:
            raise CompileError(node.source or node.name, f"gives shape {shape}", "sizes of 1 and more")
        tensors[node.output] = replace(tensors[node.output], shape=shape)
        nodes.append(replace(node, op=op))
    ends = [tuple(_resized(e, tensors[e.tensor].shape) for e in side) for side in (graph.inputs, graph.outputs)]
    return validate(replace(graph, nodes=tuple(nodes), tensors=tensors, inputs=ends[0], outputs=ends[1]))


def _fitted(node: Node, site: Site, after: Shape) -> Op:
    """The op with the sizes it names in proportion; raises CompileError where they cannot be."""
    before = site.inputs[0].shape
    try:
        return node.op if before == after else node.op.resized(before, after, site.output.shape)
    except CompileError as error:
        raise error.at(node.source or node.name) from None


def _resized(external: IoBinding, shape: Shape) -> IoBinding:
    sizes = list(external.shape)
    for axis, size in zip(external.axes, shape, strict=True):
        if axis >= 0:
            sizes[axis] = size
    return replace(external, shape=tuple(sizes))
