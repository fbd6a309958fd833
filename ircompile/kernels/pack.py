"""Constants of every node, as its kernel reads them: packed weights, requantization words, tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from ircompile.analyses.intervals import analyze
from ircompile.ir import ops
from ircompile.ir.graph import Node
from ircompile.kernels.blocks import pack_blocks
from ircompile.kernels.concat import pack_concat, pack_slice
from ircompile.kernels.convolution import pack_conv
from ircompile.kernels.depthwise import pack_depthwise
from ircompile.kernels.elementwise import pack_binary, pack_flip, pack_pixel_table, pack_softmax, pack_table
from ircompile.kernels.extremes import pack_argmax, pack_extreme
from ircompile.kernels.helium import pack_helium
from ircompile.kernels.lower import Lowered
from ircompile.kernels.model import Context, Packed
from ircompile.kernels.movement import pack_move
from ircompile.kernels.pooling import pack_mean, pack_pool
from ircompile.kernels.prelu import pack_prelu
from ircompile.kernels.resize import pack_resize
from ircompile.kernels.transpose_conv import pack_transpose_conv
from ircompile.kernels.weights import WeightCoding
from ircompile.plan import Plan
from ircompile.target import Target


@dataclass(frozen=True)
class Program:
    """A plan and the constants of every node: all that `emit` needs."""

    plan: Plan
    lowered: Lowered
    target: Target
    packed: Mapping[str, Packed]


def pack(lowered: Lowered, plan: Plan, target: Target) -> Program:
    """Packs the constants of every node of the plan."""
    context = Context(plan, target, analyze(lowered.graph), lowered.kernels)
    return Program(plan, lowered, target, {node.name: pack_node(node, context) for node in lowered.graph.nodes})


def weight_bytes(program: Program) -> dict[str, int]:
    """Bytes of the weights of every node that says how they are stored, without what pads them."""
    graph = program.plan.graph
    return {
        node.name: coding.bytes(graph.consts[node.op.weights].size)
        for node in graph.nodes
        if isinstance(node.op, ops.Conv | ops.Depthwise | ops.TransposeConv)
        and isinstance(coding := program.packed[node.name].key.get("coding"), WeightCoding)
    }


def pack_node(node: Node, context: Context) -> Packed:
    """The constants of one node."""
    site, op = context.plan.graph.site(node), node.op
    if context.target.features.mve and (packed := pack_helium(node, site, context)):
        return packed
    match op:
        case ops.Conv():
            return pack_conv(node, op, site, context)
        case ops.Depthwise():
            return pack_depthwise(node, op, site, context)
        case ops.MaxPool() | ops.AveragePool():
            return pack_pool(op, site, context.target.features)
        case ops.Mean():
            return pack_mean(op, site, context.target.features)
        case ops.Binary():
            return pack_binary(op, site, context.target.features)
        case ops.Table():
            return pack_table(op, site)
        case ops.PixelTable():
            return pack_pixel_table(op, site)
        case ops.Flip():
            return pack_flip(op, site, context.target.features)
        case ops.Softmax():
            return pack_softmax(op, site)
        case ops.Pad() | ops.Copy() | ops.Reshape() | ops.Transpose():
            return pack_move(op, site)
        case ops.TransposeConv():
            return pack_transpose_conv(node, op, site, context)
        case ops.Extreme():
            return pack_extreme(op, site)
        case ops.ArgMax():
            return pack_argmax(op, site)
        case ops.Prelu():
            return pack_prelu(op, site)
        case ops.Resize():
            return pack_resize(op, site)
        case ops.Concat():
            return pack_concat(op, site)
        case ops.Slice():
            return pack_slice(op, site)
        case ops.DepthToSpace() | ops.SpaceToDepth():
            return pack_blocks(op, site)
        case _:
            assert_never(op)
