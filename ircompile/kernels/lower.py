"""From a graph to one whose every node has a kernel and whose tensors have the layouts that kernels read."""

from collections.abc import Mapping
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Tensor
from ircompile.kernels.candidates import choose, reads_nibbles
from ircompile.kernels.long_sums import long_sums
from ircompile.kernels.model import Kernel, Lowered, Request
from ircompile.kernels.nibbles import layers_of_nibbles
from ircompile.kernels.whole_maps import whole_layers
from ircompile.plan.model import Layout
from ircompile.target import Target


def lower(graph: Graph, target: Target, frugal: bool = False) -> Lowered:
    """Chooses kernels, those with the least scratch if `frugal`, and the layout of every tensor.

    Puts a Copy where a reader wants another layout.

    Before: x -> Depthwise        After: x (hwc) -> Copy (chw) -> Depthwise
    """
    requests = _requests(graph, target, frugal)
    graph = _with_still_rows(graph, requests)
    plain = Request(target, frugal)
    chosen = {node.name: choose(node, graph, requests.get(node.name, plain)) for node in graph.nodes}
    kernels = _turned(graph, chosen)
    wanted: dict[str, set[Layout]] = {name: set() for name in graph.tensors}
    for node in graph.nodes:
        for name, layout in zip(node.inputs, kernels[node.name].reads, strict=True):
            wanted[name].add(layout)
    written: dict[str, Layout] = dict.fromkeys(graph.input_names, "hwc")
    for node in graph.nodes:
        wishes = wanted[node.output] | ({"hwc"} if node.output in graph.output_names else set())
        choices = kernels[node.name].writes
        written[node.output] = next((c for c in choices if wishes == {c}), choices[0])
    nodes, tensors = _with_copies(graph, kernels, written)
    lowered = replace(graph, nodes=tuple(nodes), tensors=tensors)
    for node in lowered.nodes:
        if isinstance(node.op, ops.Copy):
            kernels[node.name] = choose(node, lowered, plain)
    demands = {n.name: kernels[n.name].demand(written[n.output]) for n in lowered.nodes}
    return Lowered(lowered, kernels, demands)


def _requests(graph: Graph, target: Target, frugal: bool) -> dict[str, Request]:
    """What the kernel of each node is chosen for."""
    long, whole = long_sums(graph), whole_layers(graph, target)
    requests = {
        node.name: Request(target, frugal, long=node.name in long, whole=node.name in whole) for node in graph.nodes
    }
    nibbles = layers_of_nibbles(graph, lambda node: reads_nibbles(node, graph, requests[node.name]))
    return {name: replace(request, nibbles=name in nibbles) for name, request in requests.items()}


def _with_still_rows(graph: Graph, requests: Mapping[str, Request]) -> Graph:
    """A copy of each tensor with a state for readers that find rows themselves, as its rows move round their ring.

    Before: s (state) -> Transpose        After: s (state) -> Slice -> Transpose
    """
    tensors, nodes, copies = dict(graph.tensors), list[Node](), dict[str, str]()
    for node in graph.nodes:
        moving = graph.history.keys() & {*node.inputs}
        if moving and choose(node, graph, requests[node.name]).call in ("buffer", "map"):
            for name in sorted(moving - copies.keys()):
                copies[name] = still = f"{name}_still"
                tensors[still] = replace(tensors[name], name=still)
                nodes.append(Node(still, ops.Slice((0, 0, 0), tensors[name].shape), (name,), still, node.source))
            node = replace(node, inputs=tuple(copies.get(name, name) for name in node.inputs))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes), tensors=tensors) if copies else graph


def _turned(graph: Graph, kernels: Mapping[str, Kernel]) -> dict[str, Kernel]:
    """With kernels that take any layout in the one that those behind them want, where those before can write it."""
    turned, consumers = dict(kernels), graph.consumers()
    writer = {node.output: node.name for node in graph.nodes}

    def free(name: str) -> bool:
        """Whether a tensor can be rows of channels, as far as its writer is concerned and other readers."""
        kernel = kernels[writer[name]] if name in writer else None
        return bool(kernel and (kernel.alike or "chw" in kernel.writes)) and len(consumers[name]) == 1

    for node in reversed(graph.nodes):
        wishes = {
            layout
            for reader in consumers[node.output]
            for name, layout in zip(reader.inputs, turned[reader.name].reads, strict=True)
            if name == node.output
        }
        inside = node.output not in graph.output_names and all(free(name) for name in node.inputs)
        if kernels[node.name].alike and wishes == {"chw"} and inside:
            reads: tuple[Layout, ...] = tuple("chw" for _ in node.inputs)
            turned[node.name] = replace(kernels[node.name], reads=reads, writes=("chw",))
    return turned


def _with_copies(
    graph: Graph, kernels: Mapping[str, Kernel], written: dict[str, Layout]
) -> tuple[list[Node], dict[str, Tensor]]:
    nodes: list[Node] = []
    tensors = dict(graph.tensors)
    copies: dict[str, str] = {}
    for node in graph.nodes:
        names = []
        for name, layout in zip(node.inputs, kernels[node.name].reads, strict=True):
            if written[name] == layout or _same_bytes(graph, name):
                names.append(name)
                continue
            if written[name] != "hwc":
                raise CompileError(
                    node.source or node.name, f"reads {name!r} as {layout}, written as {written[name]}"
                )
            if name not in copies:
                copies[name] = copy = f"{name}_{layout}"
                tensors[copy] = replace(graph.tensors[name], name=copy)
                written[copy] = layout
                nodes.append(Node(copy, ops.Copy(), (name,), copy, node.source))
            names.append(copies[name])
        nodes.append(replace(node, inputs=tuple(names)))
    return nodes, tensors


def _same_bytes(graph: Graph, name: str) -> bool:
    """Whether both layouts put every code at the same place."""
    return graph.tensors[name].channels == 1 or graph.tensors[name].width == 1
