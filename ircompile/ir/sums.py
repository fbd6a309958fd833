"""That sums which outlive a call are the sums of the rows that they are said to be of."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Concat, Mean, MeanOfSums, RunningSum


class Codes(NamedTuple):
    """So many codes of one type."""

    number: int
    dtype: str


def check_sums(graph: Graph) -> None:
    """Raises CompileError where a RunningSum is not the sum of its rows, or a MeanOfSums not of so many codes.

    A RunningSum says that it gives the sum of `of` rows: of those that end with the ones it adds, or that begin
    behind the ones it subtracts. It does if its input is the sum of the others, by what the writer of that says of
    itself in this call, or said in the call before, when all rows had higher numbers.
    """
    writers = {node.output: node for node in graph.nodes}
    for node in graph.nodes:
        if isinstance(node.op, RunningSum):
            _check_running(graph, node, node.op, writers)
        elif isinstance(node.op, MeanOfSums):
            said = Codes(node.op.of, graph.tensors[node.output].dtype)
            if _summed(graph, node.inputs[0], writers) != said:
                problem = f"{node.inputs[0]!r} is not of {said.number} {said.dtype} codes"
                raise CompileError(node.name, problem, "sums of as many codes as it says")


def _span(op: RunningSum) -> tuple[int, int]:
    """The rows whose sum a node says that it gives."""
    return (op.stop, op.stop + op.of) if op.leaving else (op.stop - op.of, op.stop)


def _check_running(graph: Graph, node: Node, op: RunningSum, writers: Mapping[str, Node]) -> None:
    (total, rows), (low, high) = node.inputs, _span(op)
    writer = writers.get(total)
    before = writer.op if writer and writer.inputs[1:] == (rows,) else None
    if not isinstance(before, RunningSum) or rows not in graph.history:
        raise CompileError(node.name, f"{total!r} is no sum of rows of {rows!r}", "rows with a state")
    moved = graph.fresh(rows).height if total in graph.history else 0
    start, stop = (row - moved for row in _span(before))
    others = (op.first, high) if op.leaving else (low, op.first)
    if (start, stop) != others or low < 0 or high > graph.tensors[rows].height:
        raise CompileError(node.name, f"has the sum of rows {start} to {stop} for {low} to {high}", "of the others")
    if moved:
        first = {state.tensor: graph.consts[state.initial] for state in graph.states}
        wanted = first[rows][start:stop].sum(axis=0, keepdims=True, dtype=np.int64)
        if stop > len(first[rows]) or not np.array_equal(first[total], wanted):
            raise CompileError(f"state of {total!r}", f"is not the sum of the first rows of {rows!r}", "their sum")


def _summed(graph: Graph, name: str, writers: Mapping[str, Node]) -> Codes | None:
    """The codes whose sum all rows of a tensor are together; None where they are no sums, or of unlike codes."""
    node, height = writers.get(name), graph.tensors[name].height
    match node.op if node else None:
        case Concat(axis=0):
            assert node is not None
            parts = [_summed(graph, part, writers) for part in node.inputs]
            found = [part for part in parts if part]
            alike = len(found) == len(parts) and len({part.dtype for part in found}) == 1
            return Codes(sum(part.number for part in found), found[0].dtype) if alike else None
        case RunningSum(of=count) if name not in graph.history:
            assert node is not None
            rows = node.inputs[1]
            code = graph.tensors[rows].dtype
            row = _element(graph, rows, writers) or (Codes(1, code) if code != "int32" else None)
            return Codes(count * row.number, row.dtype) if row else None
        case _:
            element = _element(graph, name, writers)
            return Codes(height * element.number, element.dtype) if element else None


def _element(graph: Graph, name: str, writers: Mapping[str, Node]) -> Codes | None:
    """The codes whose sum each element is; None where it is none."""
    node = writers.get(name)
    if node is None or not isinstance(node.op, Mean) or node.op.rounding != "sum":
        return None
    source = graph.tensors[node.inputs[0]]
    return Codes(node.op.count(source), source.dtype)
