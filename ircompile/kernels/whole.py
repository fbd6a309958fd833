"""Convolutions that take a whole map at once.

One whose only window is the map reads it where it lies, as a fully connected layer does.

Depthwise convolutions go channel by channel over the map, so that they may overwrite it. Worth it where the
output is stored whole anyway, as before a squeeze-and-excite gate: in place of it and a ring of input rows there is
one map. The input is read as pixels of channels, as element-wise kernels write it.
"""

from __future__ import annotations

from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Site
from ircompile.kernels.depthwise import is_direct, is_narrow
from ircompile.passes.compute_twice import dams
from ircompile.target import Target


def with_whole(graph: Graph, target: Target) -> Graph:
    """The graph with `whole` set where that saves memory and the target has the kernel."""
    graph = replace(graph, nodes=tuple(_reading_maps(graph, node) for node in graph.nodes))
    if not target.features.dsp or target.features.mve:
        return graph
    kept = {name for dam in dams(graph) for name in dam.kept}
    consumers = graph.consumers()

    def stored(name: str) -> bool:
        """Whether a tensor, or what is written over it, is stored whole."""
        readers = consumers[name]
        follows = len(readers) == 1 and isinstance(readers[0].op, ops.Table)
        return name in kept or (follows and stored(readers[0].output))

    def replaced(node: Node) -> Node:
        op = node.op
        if not isinstance(op, ops.Depthwise) or not stored(node.output):
            return node
        if {node.output, *node.inputs} & graph.history.keys():
            return node
        alone = len(consumers[node.inputs[0]]) == 1 and node.inputs[0] not in graph.input_names
        return replace(node, op=replace(op, whole=True)) if alone and can_be_whole(op, graph.site(node)) else node

    return replace(graph, nodes=tuple(map(replaced, graph.nodes)))


def _reading_maps(graph: Graph, node: Node) -> Node:
    if not isinstance(node.op, ops.Conv) or node.inputs[0] in graph.history:  # whose rows lie anywhere in a ring
        return node
    height, width, _ = graph.tensors[node.inputs[0]].shape
    one = node.op.window.covers(height, width) and height * width > 1
    return replace(node, op=replace(node.op, whole=True)) if one else node


def can_be_whole(op: ops.Depthwise, site: Site) -> bool:
    """Output rows as long as the input's, no more of them, and most of the input alive at once in any case.

    Every window reaches into the picture. 3 x 3 windows that need no strip are quicker without one.
    """
    source, output, window = site.inputs[0], site.output, op.window
    (top, bottom), rows = window.padding[:2], window.reach[0]
    return (
        source.itemsize == 1
        and output.row_bytes == source.row_bytes
        and output.channels == source.channels
        and window.dilation == (1, 1)
        and max(top, bottom) < rows
        and source.height <= output.height + min(rows, source.height)
        and output.height <= source.height
        and not (is_direct(op, site) or is_narrow(op, site))
    )
