"""The Graph: nodes in execution order over named tensors and integer constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ircompile.ir.ops import Op, const_names
from ircompile.ir.tensor import Array, Site, Tensor


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
