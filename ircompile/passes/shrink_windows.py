"""Windows without the outer taps that never meet the map."""

from dataclasses import replace

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Conv, Depthwise, Window
from ircompile.ir.rewrite import unique
from ircompile.ir.tensor import Array


def shrink_windows(graph: Graph) -> Graph:
    """Cuts off outer rows and columns of weights that read nothing but padding, at every pixel of the output.

    y = Depthwise(7x7, padding (3, 3, 3, 3)) (x of 3 x 3)    ->    y = Depthwise(5x5, padding (2, 2, 2, 2)) (x)

    Padding is the zero point, so such taps add nothing. Tensors with a state have fewer rows than windows meet in
    them over time: their windows stay.
    """
    consts, nodes = dict[str, Array](graph.consts), list[Node]()
    for node in graph.nodes:
        if isinstance(node.op, Conv | Depthwise) and not graph.history.keys() & {*node.inputs, node.output}:
            node = _shrunk(graph, node, node.op, consts)
        nodes.append(node)
    return graph.rebuilt(nodes, consts=consts)


def _shrunk(graph: Graph, node: Node, op: Conv | Depthwise, consts: dict[str, Array]) -> Node:
    """The node with a smaller window, whose weights join the constants; the node itself where all taps serve."""
    height, width, _ = graph.tensors[node.inputs[0]].shape
    window, weights = op.window, consts[op.weights]
    for axis, size in enumerate((height, width)):
        first, stop = met_taps(window, axis, size, window.output_size(height, width)[axis])
        smaller = _cut(window, axis, first, stop)
        if min(smaller.padding) >= 0 and smaller.output_size(height, width) == window.output_size(height, width):
            window, weights = smaller, weights.take(range(first, stop), axis=op.weight_rank - 3 + axis)
    if window == op.window:
        return node
    name = unique(f"{op.weights}.{node.name}", consts)
    consts[name] = weights
    return replace(node, op=replace(op, window=window, weights=name))


def met_taps(window: Window, axis: int, size: int, count: int) -> tuple[int, int]:
    """From which tap to before which one those lie that meet a map of `size` at some of `count` outputs."""
    stride, dilation, before = window.stride[axis], window.dilation[axis], window.padding[2 * axis]
    met = [
        tap
        for tap in range(window.kernel[axis])
        if any(0 <= i * stride + tap * dilation - before < size for i in range(count))
    ]
    return (min(met), max(met) + 1) if met else (0, window.kernel[axis])


def _cut(window: Window, axis: int, first: int, stop: int) -> Window:
    """The window of taps [first, stop) of an axis, and of as much less padding, which may be too little."""
    kernel, padding = list(window.kernel), list(window.padding)
    padding[2 * axis] -= first * window.dilation[axis]
    padding[2 * axis + 1] -= (kernel[axis] - stop) * window.dilation[axis]
    kernel[axis] = stop - first
    (kh, kw), (top, bottom, left, right) = kernel, padding
    return replace(window, kernel=(kh, kw), padding=(top, bottom, left, right))
