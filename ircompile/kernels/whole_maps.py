"""Convolutions that take a whole map at once.

One whose only window is the map reads it where it lies, as a fully connected layer does.

Depthwise convolutions go channel by channel over the map, so that they may overwrite it. Worth it where the
output is stored whole anyway, as before a squeeze-and-excite gate: in place of it and a ring of input rows there is
one map. The input is read as pixels of channels, as element-wise kernels write it.
"""

from ircompile.analyses.pipeline_breakers import pipeline_breakers
from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Site
from ircompile.kernels.depthwise import is_direct, is_narrow
from ircompile.target import Target


def whole_layers(graph: Graph, target: Target) -> frozenset[str]:
    """The nodes that take a map at once: those whose window is the map, and those that save memory by it."""
    reading = {node.name for node in graph.nodes if isinstance(node.op, ops.Conv) and _is_map(graph, node, node.op)}
    if not target.features.dsp or target.features.mve:
        return frozenset(reading)
    kept = {name for breaker in pipeline_breakers(graph) for name in breaker.kept}
    consumers = graph.consumers()

    def stored(name: str) -> bool:
        """Whether a tensor, or what is written over it, is stored whole."""
        readers = consumers[name]
        follows = len(readers) == 1 and isinstance(readers[0].op, ops.Table)
        return name in kept or (follows and stored(readers[0].output))

    def saves(node: Node) -> bool:
        if not isinstance(node.op, ops.Depthwise) or not stored(node.output):
            return False
        if {node.output, *node.inputs} & graph.history.keys():
            return False
        alone = len(consumers[node.inputs[0]]) == 1 and node.inputs[0] not in graph.input_names
        return alone and can_be_whole(node.op, graph.site(node))

    return frozenset(reading | {node.name for node in graph.nodes if saves(node)})


def _is_map(graph: Graph, node: Node, op: ops.Conv) -> bool:
    """Whether the only window is the map, of more than a pixel, whose rows do not lie anywhere in a ring."""
    height, width, _ = graph.tensors[node.inputs[0]].shape
    return op.window.covers(height, width) and height * width > 1 and node.inputs[0] not in graph.history


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
