"""Which kernel computes which node, on which target."""

from collections.abc import Callable
from typing import Any

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Site
from ircompile.kernels import (
    convolution,
    depthwise,
    elementwise,
    extremes,
    movement,
    normalization,
    pooling,
    resize,
    sixteen_bits,
    transpose_conv,
)
from ircompile.kernels.helium.dense import choose_dense
from ircompile.kernels.helium.depthwise import choose_depthwise_lanes
from ircompile.kernels.helium.elementwise import choose_add
from ircompile.kernels.helium.wide import choose_wide_dense
from ircompile.kernels.helium.wide_channels import choose_wide_channels
from ircompile.kernels.model import Choose, Kernel, Request
from ircompile.kernels.nibbles import layers_of_nibbles, saved_bytes
from ircompile.kernels.weights import least_coding
from ircompile.target import Target

FAMILIES = (
    convolution, depthwise, transpose_conv, pooling, extremes, elementwise, sixteen_bits, normalization, resize,
    movement,
)  # fmt: skip
KERNELS: dict[type[ops.Op], Choose] = {op: choose for family in FAMILIES for op, choose in family.KERNELS.items()}
"""For each op what chooses its kernel, of those in portable C and their variants of the same shape."""
HELIUM: dict[type[ops.Op], Callable[[Any, Site, Request], Kernel | None]] = {
    ops.Conv: choose_dense,
    ops.Depthwise: choose_depthwise_lanes,
    ops.Binary: choose_add,
}
"""What chooses among Helium's kernels of another shape (Armv8.1-M vectors); None where they do not serve."""
WIDE_HELIUM: dict[type[ops.Op], Callable[[Any, Site, Request], Kernel | None]] = {
    ops.Conv: choose_wide_dense,
    ops.Depthwise: choose_wide_channels,
}
"""The same for codes of 16 bits."""
assert set(KERNELS) == set(ops.OPS)


def reads_nibbles(node: Node, graph: Graph, request: Request) -> bool:
    """Whether a node has weights and a kernel that can read them in 4 bits."""
    if isinstance(node.op, ops.Depthwise):
        return depthwise.reads_nibbles(node.op, graph.site(node), request.features) and not request.whole
    return isinstance(node.op, ops.Conv)


def saved_by_codings(graph: Graph, target: Target) -> int:
    """Bytes of flash that weights of 4 bits, and those of 8 bits and one excess, take less than in the graph."""
    nibbles = layers_of_nibbles(graph, lambda node: reads_nibbles(node, graph, Request(target)))
    saved = 0
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv):
            weights = graph.consts[node.op.weights]
            saved += int(weights.nbytes) - least_coding(weights).bytes(weights.size)
        if node.name in nibbles:
            saved += saved_bytes(graph, node)
    return saved


def choose(node: Node, graph: Graph, request: Request) -> Kernel:
    """The kernel of a node."""
    kind, site = type(node.op), graph.site(node)
    helium = (HELIUM if site.inputs[0].itemsize == 1 else WIDE_HELIUM).get(kind) if request.features.mve else None
    return (helium and helium(node.op, site, request)) or KERNELS[kind](node.op, site, request)


def families(op: type[ops.Op]) -> list[str]:
    """Modules that have kernels of an op, such as helium_dense; tests/kernels has a file of that name for each."""
    choices = [KERNELS[op], *(table[op] for table in (HELIUM, WIDE_HELIUM) if op in table)]
    return [choice.__module__.removeprefix("ircompile.kernels.").replace(".", "_") for choice in choices]
