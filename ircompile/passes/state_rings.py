"""States that only shift by the rows of one call, as windows over a ring of rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ircompile.ir.graph import Graph, IoBinding, Node, State
from ircompile.ir.ops import Concat, Reshape, Slice
from ircompile.ir.tensor import Array, Tensor


def state_rings(graph: Graph) -> Graph:
    """Lets a window be a tensor with a state, where a variable only holds the window's rows for the next call.

    state v (8 rows, 4 of them earlier ones)          state c (5 rows, 4 of them earlier ones)
    b = Slice(rows 0 to 4) (v)
    x = Conv (...)                                    c = Conv (...)
    c = Concat (b, x)                            ->   y = Depthwise(5x1) (c)
    y = Depthwise(5x1) (c)
    v = Slice(rows 1 to 5) (c)

    So no row is copied, and none is computed again.
    """
    for state in graph.states:
        shift = _shift_of(graph, state)
        if shift is not None:
            graph = _as_ring(graph, state, shift)
    return graph


@dataclass(frozen=True)
class _Shift:
    """A variable's nodes: those that go, and the concatenation of `rows` earlier rows with `new` ones."""

    gone: frozenset[str]
    window: str
    new: str
    rows: int


def _shift_of(graph: Graph, state: State) -> _Shift | None:
    """How the rows of a state move into the next call's; None where they do anything else as well."""
    readers, writer = graph.consumers(), {node.output: node for node in graph.nodes}
    held, shape = graph.tensors[state.tensor], graph.fresh(state.tensor).shape
    if held.height != 2 * state.rows or len(readers[held.name]) != 1 or held.name not in writer:
        return None
    before, after = readers[held.name][0], writer[held.name]
    if not _takes(before, 0, shape[0], held) or not _takes(after, 0, shape[0], graph.tensors[after.inputs[0]]):
        return None
    gone, join = {before.name, after.name}, writer.get(after.inputs[0])
    dropped = 0
    if join is not None and isinstance(join.op, Slice):  # the last rows of the window
        window = graph.tensors[join.inputs[0]]
        dropped = window.height - shape[0]
        if not _takes(join, dropped, shape[0], window) or len(readers[join.output]) != 1:
            return None
        gone, join = gone | {join.name}, writer.get(window.name)
    if join is None or join.op != Concat(0) or len(join.inputs) != 2:
        return None
    first, new = join.inputs
    rows = graph.tensors[first].height
    if not dropped:  # the whole window, without the rows that fell out of it
        cut, count = writer.get(first), graph.tensors[new].height
        if cut is None or not _takes(cut, count, rows, graph.tensors[before.output]) or rows + count != shape[0]:
            return None
        if len(readers[first]) != 1:
            return None
        gone, first = gone | {cut.name}, before.output
    elif graph.tensors[new].height != dropped:
        return None
    if first != before.output or len(readers[first]) != 1 or new == first:
        return None
    gone |= {join.name}
    if any(node.output in graph.output_names for node in graph.nodes if node.name in gone):
        return None
    return _Shift(frozenset(gone), join.output, new, rows)


def _takes(node: Node, first: int, count: int, source: Tensor) -> bool:
    """Whether a node takes `count` whole rows of `source` from `first` on."""
    shape = (count, *source.shape[1:])
    return node.op == Slice((first, 0, 0), shape) and node.inputs == (source.name,)


def _as_ring(graph: Graph, state: State, shift: _Shift) -> Graph:
    """The graph with the window as the tensor with a state."""
    initial = graph.consts[state.initial]
    name = f"{shift.window}_initial"
    consts: dict[str, Array] = {**graph.consts, name: initial[len(initial) - shift.rows :]}
    ring = State(shift.window, shift.rows, name)
    states = tuple(ring if other == state else other for other in graph.states)
    nodes = [node for node in graph.nodes if node.name not in shift.gone]
    place = next(i for i, node in enumerate(graph.nodes) if node.output == shift.window)
    behind = {node.name for node in graph.nodes[place:]}
    alone = len(graph.consumers()[shift.new]) == 1 and shift.new not in graph.lasting
    binding = _bound(graph, shift) if alone else None
    inputs, changed = graph.inputs, list[Node]()
    if binding is not None:
        inputs = tuple(binding if other.name == binding.name else other for other in inputs)
        gone = {shift.new, *graph.input_names} - {other.tensor for other in inputs}
        changed = [node for node in nodes if node.output not in gone]
    elif alone and shift.new not in graph.input_names:
        changed = [replace(node, output=shift.window) if node.output == shift.new else node for node in nodes]
    else:
        copy = Node(shift.window, Slice((0, 0, 0), graph.tensors[shift.new].shape), (shift.new,), shift.window)
        first = next((i for i, node in enumerate(nodes) if node.name in behind), len(nodes))
        changed = [*nodes[:first], copy, *nodes[first:]]
    return graph.rebuilt(changed, states=states, consts=consts, inputs=inputs)


def _bound(graph: Graph, shift: _Shift) -> IoBinding | None:
    """The input that gives a window's new rows, itself or reshaped, bound to the window; None where none does."""
    writer: Mapping[str, Node] = {node.output: node for node in graph.nodes}
    source, shape = shift.new, graph.tensors[shift.new].shape
    made = writer.get(source)
    if made is not None and isinstance(made.op, Reshape):
        source = made.inputs[0]
    binding = next((other for other in graph.inputs if other.tensor == source), None)
    if binding is None or len(graph.consumers()[source]) != 1 or source in graph.lasting:
        return None
    given, window = graph.tensors[source], graph.tensors[shift.window]
    if (given.dtype, given.quantization) != (window.dtype, window.quantization):
        return None
    axes = _axes(binding.shape, shape) if made is not None else binding.axes
    return None if axes is None else replace(binding, tensor=window.name, axes=axes)


def _axes(outer: tuple[int, ...], shape: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Which axis of the caller's shape height, width and channels are, in order; None if that cannot be said."""
    axes, left = [], [(axis, size) for axis, size in enumerate(outer) if size != 1]
    for size in shape:
        if size == 1:
            axes.append(-1)
        elif left and left[0][1] == size:
            axes.append(left.pop(0)[0])
        else:
            return None
    return None if left else (axes[0], axes[1], axes[2])
