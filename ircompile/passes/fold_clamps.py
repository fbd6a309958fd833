"""A rectifier standing alone, as the clamp of the op before it."""

from dataclasses import replace

import numpy as np

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import AveragePool, Binary, Convolution, MaxPool, Mean, Op, Table
from ircompile.ir.rewrite import redirected, writers
from ircompile.ir.tensor import Array
from ircompile.qtype import INT8


def fold_clamps(graph: Graph) -> Graph:
    """Folds a Table that only clamps into the requantization of the op that writes its input.

    c = Conv(low=-128) (x)
    y = Table(relu) (c)       ->    c = Conv(low=-12) (x)

    Only where nothing else reads the unclamped tensor, and where both have one quantization.
    """
    written, readers = writers(graph), graph.consumers()
    changed: dict[str, Node] = {}
    renames: dict[str, str] = {}
    for node in graph.nodes:
        before = written.get(node.inputs[0]) if node.inputs else None
        if before is None or not isinstance(node.op, Table) or before.output in graph.lasting:
            continue
        bounds = clamp_of(graph.consts[node.op.table])
        source, target = graph.tensors[node.inputs[0]], graph.tensors[node.output]
        if bounds is None or len(readers[before.output]) != 1:
            continue
        if source.quantization != target.quantization:
            continue
        op = clamped(before.op, *bounds)
        if op is not None:
            changed[before.name] = replace(before, op=op)
            renames[node.output] = before.output
    nodes = [changed.get(node.name, node) for node in graph.nodes if node.output not in renames]
    return redirected(graph, nodes, renames) if renames else graph


def clamp_of(table: Array) -> tuple[int, int] | None:
    """The bounds of a table that only clamps its code; None for any other."""
    low, high = int(table.min()), int(table.max())
    same = np.array_equal(table, np.clip(INT8.codes(), low, high))
    return (low, high) if same else None


def clamped(op: Op, low: int, high: int) -> Op | None:
    """The op with its output clamped further; None where it cannot clamp."""
    if isinstance(op, Convolution):
        requant = op.requant
        bounds = _within(requant.low, requant.high, low, high)
        return op.with_parts(op.weights, op.bias, replace(requant, low=bounds[0], high=bounds[1]))
    if isinstance(op, Binary | MaxPool | AveragePool | Mean):
        bounds = _within(op.low, op.high, low, high)
        return replace(op, low=bounds[0], high=bounds[1])
    return None


def _within(low: int, high: int, least: int, most: int) -> tuple[int, int]:
    """Bounds of a clamp to [low, high] followed by one to [least, most]."""
    return min(max(low, least), most), min(max(high, least), most)
