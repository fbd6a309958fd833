"""A proof that sums which outlive a call are those of their rows: a call replayed, with lists of rows for sums.

A sum that is kept between two calls must begin as that of some of the first rows, and a call later be that of as
many, each so many rows further on as there are new ones: an induction step, so that it holds for all calls.
"""

from collections.abc import Sequence

import numpy as np

from ircompile.errors import InternalError
from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Concat, Mean, MeanOfSums, RunningSum


def check_running_sums(graph: Graph) -> int:
    """How many nodes were replayed; raises InternalError unless each gives the sum of as many rows as it says.

    So does each mean of sums: where all codes are 1, the sums are as many as there are codes.
    """
    nodes = [node for node in graph.nodes if isinstance(node.op, RunningSum)]
    initial = {state.tensor: graph.consts[state.initial].astype(np.int64) for state in graph.states}
    proved: set[str] = set()
    for node in nodes:
        if (total := node.output) not in initial or not isinstance(node.op, RunningSum):
            continue
        first, new = initial[node.inputs[1]], graph.fresh(node.inputs[1]).height
        count = node.op.of
        for start in range(len(first) - count + 1):
            begin = range(start, start + count)
            replayed = _replay(nodes, total, begin)
            same = np.array_equal(first[start : start + count].sum(axis=0, keepdims=True), initial[total])
            if same and replayed.get(total) == [row + new for row in begin]:
                proved |= replayed.keys()
    if missing := [node.output for node in nodes if node.output not in proved]:
        raise InternalError(f"the sum {missing[0]}", "is not proved to be that of its rows in every call")
    _check_counts(graph)
    return len(nodes)


def _check_counts(graph: Graph) -> None:
    ones: dict[str, list[int]] = {}
    for node in graph.nodes:
        match node.op:
            case MeanOfSums(of=count):
                if sum(found := ones.get(node.inputs[0], [])) != count:
                    raise InternalError(f"the mean {node.output}", f"is of {count} codes, its sums of {sum(found)}")
            case Mean(rounding="sum") as op:
                ones[node.output] = [op.elements(graph.tensors[node.inputs[0]])] * graph.tensors[node.output].height
            case RunningSum(of=count):
                ones[node.output] = [count * ones.get(node.inputs[1], [1])[0]]
            case Concat(axis=0) if ones.keys() >= {*node.inputs}:
                ones[node.output] = [each for name in node.inputs for each in ones[name]]
            case _:
                pass


def _replay(nodes: Sequence[Node], total: str, begin: Sequence[int]) -> dict[str, list[int]]:
    """The rows of each sum that is made of one which holds the rows `begin`; a sum that goes wrong is left out."""
    held, found = {total: list(begin)}, dict[str, list[int]]()
    for node in nodes:
        op, before = node.op, held.get(node.inputs[0])
        assert isinstance(op, RunningSum)
        if before is None:
            continue
        rows = list(range(op.first, op.stop))
        if op.leaving:
            after, fits = [row for row in before if row not in rows], set(rows) <= set(before)
        else:
            after, fits = sorted(before + rows), not set(rows) & set(before)
        if fits and len(after) == op.of:
            found[node.output] = held[node.output] = after
    return found
