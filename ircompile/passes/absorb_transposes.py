"""Transposes at the ends of a model that only tell the caller's layout."""

from collections.abc import Container
from dataclasses import replace

from ircompile.ir.graph import Graph, IoBinding, Node
from ircompile.ir.ops import Flip, Transpose
from ircompile.ir.rewrite import redirected, writers
from ircompile.ir.tensor import Tensor


def absorb_transposes(graph: Graph) -> Graph:
    """Lets an input or output have the layout in which the network works; `IoBinding.axes` keeps the caller's.

    input x (3, 96, 96), axes (1, 2, 3)
    t = Transpose(1, 2, 0) (x)
    y = Conv (t)                          ->    input t (96, 96, 3), axes (2, 3, 1); y = Conv (t)
    """
    return _outputs(_inputs(graph))


def _inputs(graph: Graph) -> Graph:
    tensors, readers = dict(graph.tensors), graph.consumers()
    inputs, renames = list(graph.inputs), dict[str, str]()
    for place, external in enumerate(graph.inputs):
        flip = _only(readers[external.tensor], Flip)
        name = flip.output if flip is not None else external.tensor
        if {name, external.tensor} & graph.lasting or not _told(external, tensors[name]):
            continue
        moves = [node.op.order for node in readers[name] if isinstance(node.op, Transpose)]
        if not moves or len(moves) != len(readers[name]) or any(order != moves[0] for order in moves):
            continue
        order = moves[0]
        for moved in {name, external.tensor}:
            tensors[moved] = _permuted(tensors[moved], order)
        axes = tuple(external.axes[axis] for axis in order)
        inputs[place] = replace(external, axes=(axes[0], axes[1], axes[2]))
        renames |= {node.output: name for node in readers[name]}
    nodes = [node for node in graph.nodes if node.output not in renames]
    if not renames:
        return graph
    return redirected(replace(graph, tensors=tensors, inputs=tuple(inputs)), nodes, renames)


def _only(nodes: list[Node], kind: type) -> Node | None:
    return nodes[0] if len(nodes) == 1 and isinstance(nodes[0].op, kind) else None


def _permuted(tensor: Tensor, order: tuple[int, int, int]) -> Tensor:
    shape = tuple(tensor.shape[axis] for axis in order)
    return replace(tensor, shape=(shape[0], shape[1], shape[2]))


def _outputs(graph: Graph) -> Graph:
    written = writers(graph)
    outputs = [
        _outward(external, graph.tensors[external.tensor], written, graph.history) for external in graph.outputs
    ]
    return graph if tuple(outputs) == graph.outputs else graph.rebuilt(graph.nodes, outputs=tuple(outputs))


def _told(external: IoBinding, tensor: Tensor) -> bool:
    """Whether `axes` says where every axis stands; with more than three some are folded together."""
    return all(
        external.shape[axis] == size if axis >= 0 else size == 1
        for axis, size in zip(external.axes, tensor.shape, strict=True)
    )


def _outward(external: IoBinding, tensor: Tensor, written: dict[str, Node], kept: Container[str]) -> IoBinding:
    node = written.get(external.tensor)
    if node is None or not isinstance(node.op, Transpose) or not _told(external, tensor) or node.inputs[0] in kept:
        return external
    axes = [-1, -1, -1]
    for place, axis in enumerate(node.op.order):
        axes[axis] = external.axes[place]
    return replace(external, tensor=node.inputs[0], axes=(axes[0], axes[1], axes[2]))
