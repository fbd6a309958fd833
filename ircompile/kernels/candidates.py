"""Which kernel computes which node, on which target."""

from __future__ import annotations

from typing import assert_never

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.kernels.blocks import choose_blocks
from ircompile.kernels.concat import choose_concat, choose_slice
from ircompile.kernels.convolution import choose_conv
from ircompile.kernels.depthwise import choose_depthwise
from ircompile.kernels.elementwise import choose_binary, choose_unary
from ircompile.kernels.extremes import choose_argmax, choose_extreme
from ircompile.kernels.helium import choose_helium
from ircompile.kernels.model import Kernel
from ircompile.kernels.movement import choose_move
from ircompile.kernels.pooling import choose_mean, choose_pool
from ircompile.kernels.prelu import choose_prelu
from ircompile.kernels.resize import choose_resize
from ircompile.kernels.transpose_conv import choose_transpose_conv
from ircompile.target import Target


def choose(
    node: Node, graph: Graph, target: Target, frugal: bool = False, nibbles: frozenset[str] = frozenset()
) -> Kernel:
    """The kernel of a node. Portable C is always there; variants for an instruction set have the same shape.

    `frugal`: the one with the least scratch, where there are several; `nibbles`: nodes with weights of 4 bits.
    """
    site, op = graph.site(node), node.op
    if target.features.mve and (kernel := choose_helium(node, site, node.name in nibbles)):
        return kernel
    match op:
        case ops.Conv():
            return choose_conv(op, site, target, frugal, node.name in nibbles)
        case ops.Depthwise():
            return choose_depthwise(op, site, target.features)
        case ops.MaxPool() | ops.AveragePool():
            return choose_pool(op, site)
        case ops.Mean():
            return choose_mean(op, site)
        case ops.Binary():
            return choose_binary(op, site)
        case ops.Table() | ops.PixelTable() | ops.Flip() | ops.Softmax():
            return choose_unary(op, site)
        case ops.Pad() | ops.Copy() | ops.Reshape() | ops.Transpose():
            return choose_move(op)
        case ops.TransposeConv():
            return choose_transpose_conv(op, site)
        case ops.Extreme():
            return choose_extreme(op, site)
        case ops.ArgMax():
            return choose_argmax()
        case ops.Prelu():
            return choose_prelu(op, site)
        case ops.Resize():
            return choose_resize(op, site)
        case ops.Concat():
            return choose_concat(op, site)
        case ops.Slice():
            return choose_slice(op)
        case ops.DepthToSpace() | ops.SpaceToDepth():
            return choose_blocks(op)
        case _:
            assert_never(op)
