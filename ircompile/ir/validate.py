"""That a graph holds together: every tensor, parameter, constant and shape rule, every state and sum."""

from collections import Counter
from math import prod

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph, IoBinding, Node
from ircompile.ir.ops.limits import check_op, check_tensor
from ircompile.ir.sums import check_sums

ROWS, CHANNELS = 2**20, 2**22
"""Rows and channels that all tensors of a graph may have together: plans and analyses look at each."""


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
    check_sums(graph)
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
