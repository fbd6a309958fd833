"""The Graph: nodes in execution order over named tensors and integer constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

from ircompile.errors import CompileError
from ircompile.ir.ops import Op, const_names
from ircompile.ir.ops.limits import check_op, check_tensor
from ircompile.ir.tensor import Array, Site, Tensor

ROWS, CHANNELS = 2**20, 2**22
"""Rows and channels that all tensors of a graph may have together: plans and analyses look at each."""


@dataclass(frozen=True)
class Node:
    """One op at work: `inputs` and `output` name tensors; `source` says where in the user's file it stood."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    output: str
    source: str = ""


@dataclass(frozen=True)
class IoBinding:
    """How a tensor of the user's model maps on a graph input or output.

    `shape` and `dtype` are the framework's; `axes` lists, for height, width and channels, the framework's axis,
    or -1 where it has none. A float32 tensor is quantized with the graph tensor's scale and zero point, half to
    even where `half_even`. With `rounded`, the framework's own tensor is not quantized: the codes round it.
    """

    tensor: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[int, int, int]
    half_even: bool = False
    rounded: bool = False

    def __repr__(self) -> str:
        """The constructor's call; `rounded`, which is rare, stands there only where it is true."""
        shown = vars(self) if self.rounded else {k: v for k, v in vars(self).items() if k != "rounded"}
        return f"IoBinding({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


@dataclass(frozen=True)
class State:
    """What one call of a network keeps for the next: rows of `tensor`.

    The first `rows` rows of the tensor are its last ones of the call before; at the first call they are the
    constant `initial` (rows, W, C). Its other rows are computed by a node, or are the caller's, as in any tensor: a
    node that writes it gives only these. So a tensor of 21 rows with a state of 20 moves by one row each call.

    call t      rows  [a b c d]  e      a window over five rows; e is new
    call t + 1  rows    [b c d e]  f
    """

    tensor: str
    rows: int
    initial: str


@dataclass(frozen=True)
class Graph:
    """A quantized network. Every node's output is written once, by it; constants are integers or float64 scales.

    `full_macs`: what nodes multiplied before channels were removed, by node name; for reports. With `states`, the
    network remembers: see `State`. `pruned`: how channels were removed on the way to this graph, to be checked.
    """

    name: str
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    consts: Mapping[str, Array]
    inputs: tuple[IoBinding, ...]
    outputs: tuple[IoBinding, ...]
    numerics: str
    notices: tuple[str, ...] = field(default=())
    full_macs: Mapping[str, int] = field(default_factory=dict)
    states: tuple[State, ...] = ()
    pruned: tuple[Pruned, ...] = field(default=(), repr=False, compare=False)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The input tensors, in the model's order."""
        return tuple(external.tensor for external in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The output tensors, in the model's order."""
        return tuple(external.tensor for external in self.outputs)

    @cached_property
    def history(self) -> dict[str, int]:
        """By name of each tensor with a state, how many rows of it are of earlier calls."""
        return {state.tensor: state.rows for state in self.states}

    @property
    def lasting(self) -> set[str]:
        """The tensors that must stay as they are: outputs, and those with a state."""
        return {*self.output_names, *self.history}

    def fresh(self, name: str) -> Tensor:
        """The rows of a tensor that one call computes or is given: all of them, but where it has a state."""
        tensor, rows = self.tensors[name], self.history.get(name, 0)
        return replace(tensor, shape=(tensor.height - rows, *tensor.shape[1:])) if rows else tensor

    def site(self, node: Node) -> Site:
        """The tensors and constants that `node` works on; of its output the rows that it computes."""
        return Site(tuple(self.tensors[name] for name in node.inputs), self.fresh(node.output), self.consts)

    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(node.op.macs(self.site(node)) for node in self.nodes)

    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each tensor, in execution order."""
        readers: dict[str, list[Node]] = {name: [] for name in self.tensors}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                readers[name].append(node)
        return readers

    def rebuilt(self, nodes: Iterable[Node], **changes: Any) -> Graph:
        """The graph with other nodes; tensors and constants that nothing names any more are dropped."""
        changed = replace(self, nodes=tuple(nodes), **changes)
        named = {name for node in changed.nodes for name in (*node.inputs, node.output)}
        named |= {*changed.input_names, *changed.output_names}
        states = tuple(state for state in changed.states if state.tensor in named)
        used = {name for node in changed.nodes for name in const_names(node.op)} | {s.initial for s in states}
        return replace(
            changed,
            states=states,
            tensors={name: t for name, t in changed.tensors.items() if name in named},
            consts={name: c for name, c in changed.consts.items() if name in used},
        )


@dataclass(frozen=True)
class Pruned:
    """A graph before and after channels were removed; by tensor, the ascending channels of `before` in `after`."""

    before: Graph
    after: Graph
    kept: Mapping[str, Array]


def validate(graph: Graph) -> Graph:
    """The graph itself, if every tensor, parameter, constant and shape rule holds; else CompileError naming it."""
    for tensor in graph.tensors.values():
        check_tensor(tensor)
    _check_sizes(graph)
    known = set(graph.input_names)
    if len(known) < len(graph.inputs):
        raise CompileError(graph.name, "has an input twice")
    _check_states(graph)
    for external in (*graph.inputs, *graph.outputs):
        _check_external(graph, external)
    repeated = [name for name, count in Counter(node.name for node in graph.nodes).items() if count > 1]
    if repeated:
        raise CompileError(graph.name, f"has two nodes called {repeated[0]!r}", "a name a node")
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in known and not _reads_history(graph, node, name)]
        if missing or node.output in known or node.output not in graph.tensors:
            raise CompileError(
                node.source or node.name,
                f"reads {missing[0]!r}" if missing else f"writes {node.output!r}",
                "nodes in execution order, between tensors that are declared",
            )
        known.add(node.output)
        _check_node(graph, node)
    for name in graph.output_names:
        if name not in known:
            raise CompileError(graph.name, f"output {name!r} is computed by no node")
    for state in graph.states:
        if state.tensor not in known:
            raise CompileError(graph.name, f"state {state.tensor!r} is computed by no node")
    return graph


def _check_states(graph: Graph) -> None:
    """Raises CompileError where a state is no part of a tensor, or begins with something else than codes of it."""
    if len(graph.history) < len(graph.states):
        raise CompileError(graph.name, "has two states of one tensor")
    for state in graph.states:
        tensor, initial = graph.tensors.get(state.tensor), graph.consts.get(state.initial)
        where = f"{graph.name} state of {state.tensor!r}"
        if tensor is None or initial is None or not 0 < state.rows < tensor.height:
            raise CompileError(
                where, f"{state.rows} rows, at first {state.initial!r}", "rows of a tensor, a constant"
            )
        if initial.dtype != tensor.dtype or initial.shape != (state.rows, *tensor.shape[1:]):
            raise CompileError(where, f"begins as {initial.dtype} {initial.shape}", f"{tensor.dtype} like its rows")
        if state.tensor in graph.output_names:
            raise CompileError(where, "is an output", "outputs without a state")


def _reads_history(graph: Graph, node: Node, name: str) -> bool:
    """Whether a node reads only rows of earlier calls of a tensor: then it may stand before the tensor's writer."""
    rows = graph.history.get(name, 0)
    if not rows:
        return False
    site, places = graph.site(node), [i for i, other in enumerate(node.inputs) if other == name]
    return all(
        node.op.needs(site, step)[place][1] <= rows for step in range(node.op.steps(site)) for place in places
    )


def _check_sizes(graph: Graph) -> None:
    """Raises CompileError where all tensors together are more than planning and analyses can look at."""
    rows, channels = (sum(t.shape[axis] for t in graph.tensors.values()) for axis in (0, 2))
    if rows > ROWS or channels > CHANNELS:
        raise CompileError(
            graph.name, f"its tensors have {rows:,} rows, {channels:,} channels", f"up to {ROWS:,} and {CHANNELS:,}"
        )


def _check_node(graph: Graph, node: Node) -> None:
    site = graph.site(node)
    try:
        check_op(node.op, site.inputs, site.output, graph.consts)
        shape = node.op.infer(site.inputs, graph.consts)
    except CompileError as error:
        raise error.at(node.source or node.name) from None
    if shape != site.output.shape or min(shape) < 1:
        raise CompileError(
            node.source or node.name, f"gives shape {shape}, declared {site.output.shape}", "sizes of 1 and more"
        )


def _check_external(graph: Graph, external: IoBinding) -> None:
    """Raises CompileError unless the caller's tensor can be had from the graph's."""
    where = f"{graph.name} {external.name!r}"
    tensor = graph.tensors.get(external.tensor)
    if tensor is None:
        raise CompileError(where, f"names the tensor {external.tensor!r}, which is not there")
    shape, axes = external.shape, external.axes
    named = [axis for axis in axes if axis >= 0]
    sound = all(type(size) is int for size in (*shape, *axes)) and len(set(named)) == len(named)
    tensor = graph.fresh(external.tensor)
    if not (sound and all(axis < len(shape) for axis in named) and prod(shape) == prod(tensor.shape)):
        raise CompileError(where, f"shape {shape}, axes {axes} of {tensor.shape}", "as many elements")
    if any(shape[axis] > 1 for axis in range(len(shape)) if named and axis not in named):
        raise CompileError(where, f"axes {axes} of shape {shape}", "every axis, or none")
    kinds = (tensor.dtype, "float32", "int64") if tensor.dtype == "int32" else (tensor.dtype, "float32")
    if external.dtype not in kinds:
        raise CompileError(where, f"is {external.dtype}, held as {tensor.dtype}", ", ".join(kinds))
