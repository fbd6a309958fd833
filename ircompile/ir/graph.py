"""The Graph: nodes in execution order over named tensors and integer constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, prod

from ircompile.errors import CompileError
from ircompile.ir.ops import Op, const_names
from ircompile.ir.tensor import RANGES, Array, Site, Tensor

LARGEST = 2**28
"""Elements of a tensor that are refused as nonsense."""


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
    even where `half_even`.
    """

    tensor: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[int, int, int]
    half_even: bool = False


@dataclass(frozen=True)
class Graph:
    """A quantized network. Every node's output is written once, by it; constants are integers or float64 scales.

    `full_macs`: what nodes multiplied before channels were removed, by node name; for reports.
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

    @property
    def input_names(self) -> tuple[str, ...]:
        """The input tensors, in the model's order."""
        return tuple(external.tensor for external in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The output tensors, in the model's order."""
        return tuple(external.tensor for external in self.outputs)

    def site(self, node: Node) -> Site:
        """The tensors and constants that `node` works on."""
        return Site(tuple(self.tensors[name] for name in node.inputs), self.tensors[node.output], self.consts)

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

    def rebuilt(self, nodes: Iterable[Node], **changes: object) -> Graph:
        """The graph with other nodes; tensors and constants that nothing names any more are dropped."""
        changed = replace(self, nodes=tuple(nodes), **changes)  # type: ignore[arg-type]
        named = {name for node in changed.nodes for name in (*node.inputs, node.output)}
        named |= {*changed.input_names, *changed.output_names}
        used = {name for node in changed.nodes for name in const_names(node.op)}
        return replace(
            changed,
            tensors={name: t for name, t in changed.tensors.items() if name in named},
            consts={name: c for name, c in changed.consts.items() if name in used},
        )


def validate(graph: Graph) -> Graph:
    """The graph itself, if every tensor and every node's shape rule holds; else CompileError naming it."""
    for tensor in graph.tensors.values():
        _validate_tensor(tensor)
    known = set(graph.input_names)
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in known]
        if missing or node.output in known:
            raise CompileError(
                node.source or node.name,
                f"reads {missing or node.output} out of order",
                "nodes in execution order",
            )
        known.add(node.output)
        site = graph.site(node)
        try:
            shape = node.op.infer(site.inputs, graph.consts)
        except CompileError as error:
            raise error.at(node.source or node.name) from None
        if shape != site.output.shape or min(shape) < 1:
            raise CompileError(
                node.source or node.name,
                f"gives shape {shape}, declared {site.output.shape}",
                "sizes of 1 and more",
            )
    for name in graph.output_names:
        if name not in known:
            raise CompileError(graph.name, f"output {name!r} is computed by no node")
    return graph


def _validate_tensor(tensor: Tensor) -> None:
    """Raises CompileError unless the tensor is one that can be stored and quantized."""
    if tensor.dtype not in RANGES:
        raise CompileError(tensor.name, f"has dtype {tensor.dtype}", ", ".join(RANGES))
    if len(tensor.shape) != 3 or min(tensor.shape) < 1 or prod(tensor.shape) >= LARGEST:
        raise CompileError(
            tensor.name, f"has shape {tensor.shape}", f"height, width, channels; under {LARGEST} elements"
        )
    if not (isfinite(tensor.scale) and tensor.scale > 0):
        raise CompileError(tensor.name, f"has scale {tensor.scale}", "a positive number")
    low, high = RANGES[tensor.dtype]
    if not low <= tensor.zero_point <= high:
        raise CompileError(tensor.name, f"has zero point {tensor.zero_point}", f"{low} to {high}")
