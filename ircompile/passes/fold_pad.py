"""Padding as part of the window that reads it."""

from dataclasses import replace

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Binary, Conv, Depthwise, MaxPool, Mean, Op, Pad, Table, Window
from ircompile.ir.rewrite import writers


def fold_pad(graph: Graph) -> Graph:
    """Folds a Pad with the zero point into the convolutions behind it, and into a MaxPool where it never wins.

    p = Pad((0, 0, 0), (1, 1, 0)) (x)
    y = Depthwise(3x3, stride 2) (p)    ->    y = Depthwise(3x3, stride 2, padding (0, 1, 0, 1)) (x)

    Readers that cannot take it keep the Pad.
    """
    written = writers(graph)
    nodes: list[Node] = []
    for node in graph.nodes:
        pad = written.get(node.inputs[0]) if node.inputs else None
        folded = _folded(graph, node.op, pad, written) if pad is not None else None
        nodes.append(
            replace(node, op=folded, inputs=pad.inputs) if pad is not None and folded is not None else node
        )
    return graph.rebuilt(nodes)


def _folded(graph: Graph, op: Op, pad: Node, written: dict[str, Node]) -> Op | None:
    if not isinstance(pad.op, Pad) or pad.op.before[2] or pad.op.after[2]:
        return None
    source = graph.tensors[pad.inputs[0]]
    padded = graph.tensors[pad.output]
    same = source.quantization == padded.quantization
    if isinstance(op, Conv | Depthwise):
        return (
            replace(op, window=_widened(op.window, pad.op)) if same and pad.op.value == source.zero_point else None
        )
    if isinstance(op, MaxPool) and op.window.dilation == (1, 1):
        window = _widened(op.window, pad.op)
        top, bottom, left, right = window.padding
        inside = max(top, bottom) < window.kernel[0] and max(left, right) < window.kernel[1]
        if inside and pad.op.value <= lowest_code(graph, pad.inputs[0], written):
            return replace(op, window=window)
    return None


def _widened(window: Window, pad: Pad) -> Window:
    top, bottom, left, right = window.padding
    padding = (top + pad.before[0], bottom + pad.after[0], left + pad.before[1], right + pad.after[1])
    return replace(window, padding=padding)


def lowest_code(graph: Graph, name: str, written: dict[str, Node]) -> int:
    """A bound below which no code of a tensor lies, from the op that writes it."""
    node = written.get(name)
    match node.op if node is not None else None:
        case Conv(requant=requant) | Depthwise(requant=requant):
            return requant.low
        case Binary(low=low) | MaxPool(low=low) | Mean(low=low):
            return low
        case Table(table=table):
            return int(graph.consts[table].min())
        case _:
            return graph.tensors[name].qtype.low
