"""A model with a window of time as its input, as a network that remembers: it takes some new rows a call.

Window t is window t - 1 moved on by `hop` rows. A row of any tensor that no padding above or below has touched is
the same row in both, further up; so it is kept, and only the newest are computed. What the padding touched is
computed again:

    rows of a tensor     0 1 | 2 3 4 5 6 7 8 9 | 10 11         padding reaches rows 0, 1, 10, 11
    call t               above   kept      new   below
    call t + 1           above  kept     new     below         kept: rows 3 to 9 of the call before
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph, IoBinding, Node, State
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array, Tensor
from ircompile.ir.validate import validate
from ircompile.passes.drop_identities import drop_identities
from ircompile.passes.running_sums import running_sums


def stream_in_time(graph: Graph, hop: int) -> Graph:
    """The graph that takes `hop` new rows a call; each output is that of the whole window, which ends with them.

    At first the window is as if its rows were all real zeros. Raises CompileError where the model has no window of
    time, or nothing of it can be kept.
    """
    if len(graph.inputs) != 1 or graph.states:
        what = "remembers already" if graph.states else f"has {len(graph.inputs)} inputs"
        raise CompileError(f"{graph.name} --stream", what, "one input, no variables")
    binding, tensor = graph.inputs[0], graph.tensors[graph.input_names[0]]
    if not 0 < hop < tensor.height or binding.axes[0] < 0:
        raise CompileError(
            f"{graph.name} --stream {hop}",
            f"the input is {binding.shape}, {tensor.height} rows in the graph",
            "an input whose rows are moments, and fewer new ones than it has",
        )
    streamed = running_sums(drop_identities(_Streaming(graph, hop).graph_of(binding)))
    whole, part = graph.macs(), streamed.macs()
    kept = sum(s.rows * streamed.tensors[s.tensor].row_bytes for s in streamed.states)
    notice = (
        f"--stream {hop}: a call computes {part:,} of the window's {whole:,} multiply-accumulates "
        f"({100 * part / max(whole, 1):.0f} %), and keeps {kept:,} bytes of rows and sums for the next"
    )
    return validate(replace(streamed, notices=(*graph.notices, notice)))


@dataclass(frozen=True)
class _Timed:
    """A tensor whose rows [low, high) no padding has touched; each call they move up by `advance` rows.

    They are the tensor `kept`; `above` and `below` have those before and behind them, "" where there are none.
    """

    tensor: Tensor
    low: int
    high: int
    advance: int
    kept: str
    above: str = ""
    below: str = ""

    def parts(self) -> list[tuple[str, int, int]]:
        """The tensors that hold its rows, and which rows."""
        parts = [(self.above, 0, self.low), (self.kept, self.low, self.high)]
        return [part for part in (*parts, (self.below, self.high, self.tensor.height)) if part[1] < part[2]]


class _Streaming:
    """Builds the graph of one call, node after node."""

    def __init__(self, graph: Graph, hop: int) -> None:
        self.graph, self.hop = graph, hop
        name, tensor = graph.input_names[0], graph.tensors[graph.input_names[0]]
        silence = np.full(tensor.shape, tensor.zero_point, tensor.dtype)
        self.silent = run_graph(graph, {name: silence}, keep_all=True)
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.consts: dict[str, Array] = dict(graph.consts)
        self.states: list[State] = []
        self.timed: dict[str, _Timed] = {}
        self._keep(tensor, name, 0, tensor.height, hop)

    def graph_of(self, binding: IoBinding) -> Graph:
        """The whole of it."""
        for node in self.graph.nodes:
            self._add(node)
        for name in self.graph.output_names:
            self._whole(name)
        shape = tuple(self.hop if axis == binding.axes[0] else size for axis, size in enumerate(binding.shape))
        inputs = (replace(binding, shape=shape),)
        made = replace(
            self.graph, tensors=self.tensors, consts=self.consts, inputs=inputs, states=tuple(self.states)
        )
        made = _trimmed(made.rebuilt(self.nodes))
        if not any(node.output in made.history for node in made.nodes):
            raise CompileError(
                f"{self.graph.name} --stream {self.hop}",
                "no layer's rows can be kept: padding reaches all, or their strides do not divide the new rows",
                "new rows that are a multiple of the first layers' strides",
            )
        return made

    def _keep(self, tensor: Tensor, name: str, low: int, high: int, advance: int) -> None:
        """The untouched rows of a tensor, as one with a state."""
        self.tensors[name] = replace(tensor, name=name, shape=(high - low, *tensor.shape[1:]))
        initial = f"{name}_initial"
        self.consts[initial] = self.silent[tensor.name][low + advance : high]
        self.states.append(State(name, high - low - advance, initial))
        self.timed[tensor.name] = _Timed(tensor, low, high, advance, name)

    def _add(self, node: Node) -> None:
        sources = [self.timed.get(name) for name in node.inputs]
        known = [source for source in sources if source is not None]
        span = _span(self.graph, node, known) if len(known) == len(sources) else None
        output = self.graph.tensors[node.output]
        if span is None:
            self._emit(node, node.name, node.op, [self._whole(name) for name in node.inputs], output)
            return
        low, high, advance = span
        kept = f"{node.output}_kept"
        self._keep(output, kept, low, high, advance)
        parts = {"above": (0, low), "new": (high - advance, high), "below": (high, output.height)}
        made = {part: self._part(node, part, *rows, kept) for part, rows in parts.items() if rows[0] < rows[1]}
        self.timed[node.output] = replace(
            self.timed[node.output], above=made.get("above", ""), below=made.get("below", "")
        )

    def _part(self, node: Node, part: str, start: int, stop: int, kept: str) -> str:
        """Computes rows [start, stop) of a node's output; the name of the tensor that has them."""
        site, output = self.graph.site(node), self.graph.tensors[node.output]
        first, last = node.op.needs(site, start), node.op.needs(site, stop - 1)
        spans = [(a[0], b[1]) for a, b in zip(first, last, strict=True)]
        inputs = [self._rows(name, *span) for name, span in zip(node.inputs, spans, strict=True)]
        op = node.op.of_rows(site.inputs[0], start, stop)
        name = kept if part == "new" else f"{node.output}_{part}"
        tensor = replace(output, name=name, shape=(stop - start, *output.shape[1:]))
        return self._emit(node, f"{node.name}_{part}", op, inputs, tensor, new=part == "new")

    def _emit(self, node: Node, name: str, op: ops.Op, inputs: list[str], output: Tensor, new: bool = False) -> str:
        if not new:
            self.tensors[output.name] = output
        self.nodes.append(Node(name, op, tuple(inputs), output.name, node.source))
        return output.name

    def _whole(self, name: str) -> str:
        """A tensor that has all rows of the window's, by the name that it has in the model."""
        if name in self.tensors and name not in self.timed:
            return name
        tensor = self.timed[name].tensor
        return self._rows(name, 0, tensor.height, name if name not in self.graph.input_names else "")

    def _rows(self, name: str, start: int, stop: int, called: str = "") -> str:
        """A tensor that has rows [start, stop) of a tensor of the model; `called`, if it has to be made."""
        timed, source = self.timed.get(name), self.graph.tensors[name]
        parts = timed.parts() if timed else [(name, 0, source.height)]
        pieces = [self._cut(*part, start, stop) for part in parts if max(part[1], start) < min(part[2], stop)]
        needed = called in self.graph.output_names and pieces[0] != called
        if len(pieces) == 1 and not needed:
            return pieces[0]
        shape = (stop - start, *source.shape[1:])
        whole = replace(source, name=called or f"{name}_rows_{start}_{stop}", shape=shape)
        if whole.name not in self.tensors:
            op: ops.Op = ops.Concat(0) if len(pieces) > 1 else ops.Slice((0, 0, 0), shape)
            self.tensors[whole.name] = whole
            self.nodes.append(Node(whole.name, op, tuple(pieces), whole.name))
        return whole.name

    def _cut(self, name: str, first: int, last: int, start: int, stop: int) -> str:
        """The rows [start, stop) of those that a tensor has, [first, last)."""
        low, high = max(first, start), min(last, stop)
        if (low, high) == (first, last):
            return name
        shape = (high - low, *self.tensors[name].shape[1:])
        cut = f"{name}_{low - first}_{high - first}"
        if cut not in self.tensors:
            self.tensors[cut] = replace(self.tensors[name], name=cut, shape=shape)
            self.nodes.append(Node(cut, ops.Slice((low - first, 0, 0), shape), (name,), cut))
        return cut


def _span(graph: Graph, node: Node, sources: list[_Timed]) -> tuple[int, int, int] | None:
    """The rows of an output that no padding touches, and how far they move a call; None where none can be kept."""
    op, output = node.op, graph.tensors[node.output]
    advance = sources[0].advance
    low, high = max(source.low for source in sources), min(source.high for source in sources)
    if isinstance(op, ops.Windowed):
        (stride, _), top, reach = op.window.stride, op.window.padding[0], op.window.reach[0]
        if advance % stride:
            return None
        low, high = -(-(low + top) // stride), (high - reach + top) // stride + 1
        advance //= stride
    elif not _is_row_by_row(graph, node) or any(source.advance != advance for source in sources):
        return None
    high = min(high, output.height)
    return (low, high, advance) if low >= 0 and high - low > advance else None


def _is_row_by_row(graph: Graph, node: Node) -> bool:
    """Whether each output row is made of the input rows of the same number, whatever the number of rows."""
    site = graph.site(node)
    return node.op.row_for_row(site) and all(t.height == site.output.height for t in site.inputs)


def _trimmed(graph: Graph) -> Graph:
    """The graph whose states are no longer than what any node reads of them."""
    readers = graph.consumers()
    for state in graph.states:
        begins = [node.op.begin[0] if isinstance(node.op, ops.Slice) else 0 for node in readers[state.tensor]]
        unread = min(begins, default=0)
        if unread:
            graph = _without_first(graph, state, unread)
    return graph


def _without_first(graph: Graph, state: State, unread: int) -> Graph:
    """Without the first rows of a state; without the state where no row of it is read."""
    gone = min(unread, state.rows)
    tensor = graph.tensors[state.tensor]
    smaller = replace(tensor, shape=(tensor.height - gone, *tensor.shape[1:]))
    left = replace(state, rows=state.rows - gone)
    consts = {**graph.consts, state.initial: graph.consts[state.initial][gone:]}
    states = [left if other == state else other for other in graph.states]
    nodes = tuple(_moved(node, gone) if tensor.name in node.inputs else node for node in graph.nodes)
    tensors: Mapping[str, Tensor] = {**graph.tensors, tensor.name: smaller}
    kept = tuple(other for other in states if other.rows)
    return replace(graph, states=kept, tensors=tensors, consts=consts).rebuilt(nodes)


def _moved(node: Node, gone: int) -> Node:
    assert isinstance(node.op, ops.Slice)
    return replace(node, op=replace(node.op, begin=(node.op.begin[0] - gone, *node.op.begin[1:])))
