"""Nodes that give out what they take in."""

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Flip
from ircompile.ir.rewrite import redirected, writers


def drop_identities(graph: Graph) -> Graph:
    """Removes moves that move nothing, identity tables, and flips of flips.

    r = Reshape(1, 1, 64) (x)        x: 1 x 1 x 64
    y = Conv (r)                ->   y = Conv (x)

    A node whose output is quantized otherwise than its input stays: its readers would compute something else. So
    does one that gives out a tensor with a state, which is no output itself.
    """
    renames: dict[str, str] = {}
    kept: list[Node] = []
    written = writers(graph)
    for node in graph.nodes:
        before = written.get(node.inputs[0]) if node.inputs else None
        if isinstance(node.op, Flip) and before is not None and isinstance(before.op, Flip):
            renames[node.output] = before.inputs[0]
        elif _is_identity(graph, node) and not (node.output in graph.lasting and node.inputs[0] in graph.history):
            renames[node.output] = node.inputs[0]
        else:
            kept.append(node)
    return redirected(graph, kept, renames) if renames else graph


def _is_identity(graph: Graph, node: Node) -> bool:
    source, target = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    same = (source.shape, source.dtype, source.quantization) == (target.shape, target.dtype, target.quantization)
    return same and node.op.is_identity(graph.site(node))
