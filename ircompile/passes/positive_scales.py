"""Channels whose scale is negative, turned over."""

from dataclasses import replace

import numpy as np

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Convolution
from ircompile.ir.rewrite import unique
from ircompile.ir.tensor import Array


def positive_scales(graph: Graph) -> Graph:
    """Negates weights, bias and scale of the channels of a convolution whose scale is negative.

    Conv(weights w, bias b, scale [0.5, -0.25])  ->  Conv(weights [w0, -w1], bias [b0, -b1], scale [0.5, 0.25])

    All roundings see the product of accumulator and scale only, which stays. A channel stays as it is whose
    negated weights or bias do not fit their type, or whose scale shifts the accumulator left, where it might wrap.
    """
    changed = graph
    for node in graph.nodes:
        if isinstance(node.op, Convolution):
            changed = _turned(changed, node, node.op)
    return changed


def _turned(graph: Graph, node: Node, op: Convolution) -> Graph:
    weights, bias, scale = (graph.consts[name] for name in (op.weights, op.bias, op.requant.scale))
    by_channel = np.moveaxis(weights, op.channel_axis, 0).reshape(len(bias), -1)
    fits = np.all(by_channel > np.iinfo(weights.dtype).min, axis=1)
    turn = (scale < 0) & (scale > -1) & fits & (bias > np.iinfo(bias.dtype).min)
    if not np.any(turn):
        return graph
    signs = np.where(turn, -1, 1)
    consts = dict(graph.consts)

    def put(name: str, value: Array) -> str:
        new = unique(f"{name}_turned", consts)
        consts[new] = value.astype(graph.consts[name].dtype)
        return new

    requant = replace(op.requant, scale=put(op.requant.scale, scale * signs))
    turned = op.with_parts(put(op.weights, weights * op.along(signs)), put(op.bias, bias * signs), requant)
    nodes = [replace(other, op=turned) if other is node else other for other in graph.nodes]
    return replace(graph, consts=consts).rebuilt(nodes)
