"""Which kernel computes which node, on which target."""

from __future__ import annotations

from ircompile import ops
from ircompile.errors import CompileError
from ircompile.graph import Graph, Node
from ircompile.kernels.convolution import choose_conv
from ircompile.kernels.depthwise import choose_depthwise
from ircompile.kernels.elementwise import choose_binary, choose_unary
from ircompile.kernels.model import Kernel
from ircompile.kernels.movement import choose_move
from ircompile.kernels.pooling import choose_mean, choose_pool
from ircompile.target import Target


def choose(node: Node, graph: Graph, target: Target) -> Kernel:
    """The kernel of a node. Portable C is always there; variants for an instruction set have the same shape."""
    site, op = graph.site(node), node.op
    match op:
        case ops.Conv():
            return choose_conv(op, site)
        case ops.Depthwise():
            return choose_depthwise(op, site)
        case ops.MaxPool() | ops.AveragePool():
            return choose_pool(op, site)
        case ops.Mean():
            return choose_mean(op, site)
        case ops.Binary():
            return choose_binary(op, site)
        case ops.Table() | ops.Flip() | ops.Softmax():
            return choose_unary(op, site)
        case ops.Pad() | ops.Copy() | ops.Reshape() | ops.Transpose():
            return choose_move(op)
        case _:
            raise CompileError(node.source or node.name, f"no kernel computes {type(op).__name__}")
