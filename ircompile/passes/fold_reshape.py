"""Flattening before a fully connected layer, and chains of reshapes."""

from dataclasses import replace

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Conv, Reshape, Window
from ircompile.ir.rewrite import unique, writers
from ircompile.ir.tensor import Array


def fold_reshape(graph: Graph) -> Graph:
    """Lets a fully connected layer read the map itself, and a reshape the tensor before another.

    r = Reshape(1, 1, 3200) (x)      x: 20 x 20 x 8
    y = Conv(1x1) (r)           ->   y = Conv(20x20) (x)
    """
    written = writers(graph)
    nodes: list[Node] = []
    consts: dict[str, Array] = {}
    for node in graph.nodes:
        before = written.get(node.inputs[0]) if node.inputs else None
        if before is None or not isinstance(before.op, Reshape) or not _same_codes(graph, before):
            nodes.append(node)
        elif isinstance(node.op, Reshape):
            nodes.append(replace(node, inputs=before.inputs))
            written[node.output] = nodes[-1]
        elif isinstance(node.op, Conv) and _flattens(graph, before, node.op):
            nodes.append(replace(node, op=_over_map(graph, before, node.op, consts), inputs=before.inputs))
        else:
            nodes.append(node)
    return graph.rebuilt(nodes, consts={**graph.consts, **consts})


def _same_codes(graph: Graph, node: Node) -> bool:
    source, target = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    return source.quantization == target.quantization


def _flattens(graph: Graph, reshape: Node, conv: Conv) -> bool:
    height, width, _ = graph.tensors[reshape.output].shape
    return (height, width) == (1, 1) and conv.window == Window((1, 1))


def _over_map(graph: Graph, reshape: Node, conv: Conv, consts: dict[str, Array]) -> Conv:
    shape = graph.tensors[reshape.inputs[0]].shape
    weights = graph.consts[conv.weights]
    name = unique(f"{conv.weights}_map", graph.consts)
    consts[name] = weights.reshape(len(weights), *shape)
    return replace(conv, window=Window(shape[:2]), weights=name)
