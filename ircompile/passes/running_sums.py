"""A mean over rows of which most are those of the call before: its sum is kept, and moves on with the rows."""

from dataclasses import dataclass, replace

import numpy as np

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node, State
from ircompile.ir.rewrite import writers
from ircompile.ir.tensor import Array, Tensor
from ircompile.qtype import INT8, INT16, INT32


def running_sums(graph: Graph) -> Graph:
    """Means of tensors with a state, or of such a one joined with others by rows, made of sums that are kept.

    Before: m = Mean(x)              x: 12 x 5 x 64, 11 rows of earlier calls
    After:  s = Mean("w", sum)(x)    s: 12 x 1 x 64, int16, 11 rows of earlier calls; x has its new row alone
            total = rest + s[11];  m = MeanOfSums(total);  rest = total - s[0]     rest is for the next call

    Of rows that are one pixel wide, or whose pixels stay apart, no sums are made: s is x. Where no more rows stay
    than are new, it would be no less work, and where others read x, no less memory.
    """
    for node in graph.nodes:
        if isinstance(node.op, ops.Mean) and (window := _window_of(graph, node, node.op)):
            graph = _OfSums(graph, node, node.op).graph_with(window)
    return graph


@dataclass(frozen=True)
class _Window:
    """What a mean is of: a tensor with a state, and those whose rows the node `joined` joins with it, if any."""

    moving: str
    others: tuple[str, ...] = ()
    joined: str = ""


def _window_of(graph: Graph, node: Node, op: ops.Mean) -> _Window | None:
    """None where the mean has no rows that stay, or others read them."""
    readers, source = graph.consumers(), node.inputs[0]
    writer, found = writers(graph).get(source), _Window(source)
    if writer and writer.op == ops.Concat(0):
        moving = [name for name in writer.inputs if name in graph.history]
        if len(moving) != 1 or len(readers[source]) > 1 or source in graph.output_names:
            return None
        found = _Window(moving[0], tuple(name for name in writer.inputs if name != moving[0]), writer.name)
    stay, new = graph.history.get(found.moving, 0), graph.fresh(found.moving).height
    return found if "h" in op.axes and stay > new and len(readers[found.moving]) == 1 else None


class _OfSums:
    """The graph in which one mean is made of sums; its nodes take the place of the mean and of what joined."""

    def __init__(self, graph: Graph, node: Node, op: ops.Mean) -> None:
        self.graph, self.node, self.op = graph, node, op
        self.tensors, self.consts = dict(graph.tensors), dict(graph.consts)
        self.states = {state.tensor: state for state in graph.states}
        self.nodes: list[Node] = []

    def graph_with(self, window: _Window) -> Graph:
        """The whole of it."""
        new = self.graph.fresh(window.moving).height
        rows = self._rows(window.moving)
        stay, source = rows.height - new, self.graph.tensors[self.node.inputs[0]]
        total = replace(rows, name=f"{self.node.output}_total", shape=(1, *rows.shape[1:]), dtype=INT32.name)
        rest = replace(total, name=f"{self.node.output}_rest", shape=(2, *total.shape[1:]))
        held = self.consts[self.states[rows.name].initial]
        self._keep(rest, held.sum(axis=0, keepdims=True, dtype=np.int32))
        self._add("enters", ops.RunningSum(stay, rows.height, rows.height), (rest.name, rows.name), total)
        sums = [total.name, *(self._sum(name, f"beside_{i}") for i, name in enumerate(window.others))]
        if len(sums) > 1:
            joined = replace(total, name=f"{self.node.output}_sums", shape=(len(sums), *total.shape[1:]))
            sums = [self._add("sums", ops.Concat(0), tuple(sums), joined)]
        mean = ops.MeanOfSums("h", self.op.rounding, self.op.low, self.op.high, None, self.op.count(source))
        self.nodes.append(replace(self.node, op=mean, inputs=tuple(sums)))
        self._add("leaves", ops.RunningSum(0, new, stay, leaving=True), (total.name, rows.name), rest)
        return self._rebuilt(window)

    def _rebuilt(self, window: _Window) -> Graph:
        nodes = list[Node]()
        for node in self.graph.nodes:
            nodes += self.nodes if node.name == self.node.name else [node] if node.name != window.joined else []
        changed = replace(self.graph, tensors=self.tensors, consts=self.consts, states=tuple(self.states.values()))
        return changed.rebuilt(nodes)

    def _rows(self, moving: str) -> Tensor:
        """The tensor with a state of whose rows the sum is made."""
        summed = self.graph.tensors[moving].width > 1 and "w" in self.op.axes
        if not summed and self.op.lookup is None:
            return self.tensors[moving]
        held, height = self.consts[self.states.pop(moving).initial], self.tensors[moving].height
        self.tensors[moving] = self.graph.fresh(moving)
        name = self._codes(moving, "rows")
        if self.op.lookup is not None:
            held = self.consts[self.op.lookup.name][held.astype(int) - INT8.low]
        rows = self.tensors[name]
        if summed:
            wide = rows.itemsize > 1 or rows.width * -INT8.low > INT16.high
            held = held.sum(axis=1, keepdims=True).astype(INT32.dtype if wide else INT16.dtype)
            rows = replace(
                rows, name=f"{self.node.output}_rows", shape=(height, 1, rows.channels), dtype=held.dtype.name
            )
            self._add("rows", ops.Mean("w", "sum"), (name,), rows)
        rows = replace(rows, shape=(height, *rows.shape[1:]))
        self._keep(rows, held)
        return rows

    def _sum(self, name: str, part: str) -> str:
        """The sum of all rows of a tensor that has none of earlier calls."""
        codes = self.tensors[self._codes(name, part)]
        shape = (1, 1 if "w" in self.op.axes else codes.width, codes.channels)
        total = replace(codes, name=f"{self.node.output}_{part}", shape=shape, dtype=INT32.name)
        return self._add(part, ops.Mean(self.op.axes, "sum"), (codes.name,), total)

    def _codes(self, name: str, part: str) -> str:
        """The codes that the mean is of: those of the table, where there is one."""
        lookup, part = self.op.lookup, f"{part}_codes"
        if lookup is None:
            return name
        found = replace(
            self.tensors[name],
            name=f"{self.node.output}_{part}",
            scale=lookup.scale,
            zero_point=lookup.zero_point,
        )
        return self._add(part, ops.Table(lookup.name), (name,), found)

    def _keep(self, tensor: Tensor, initial: Array) -> None:
        """Gives a tensor a state."""
        name = f"{tensor.name}_initial"
        self.tensors[tensor.name], self.consts[name] = tensor, initial
        self.states[tensor.name] = State(tensor.name, len(initial), name)

    def _add(self, part: str, op: ops.Op, inputs: tuple[str, ...], output: Tensor) -> str:
        self.tensors[output.name] = output
        self.nodes.append(Node(f"{self.node.name}_{part}", op, inputs, output.name, self.node.source))
        return output.name
