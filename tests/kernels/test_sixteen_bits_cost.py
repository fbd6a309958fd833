"""What 16-bit activations cost: a MobileNetV2 of both widths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ircompile.ir import ops
from ircompile.ir.families import mobilenet_v2
from ircompile.ir.graph import Graph
from ircompile.ir.validate import validate
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.qtype import INT16
from ircompile.target import load_target
from ircompile.verification.bench import count_instructions

LARGEST_ARENA = 2.05


def widened(graph: Graph) -> Graph:
    """The network with codes of 16 bits, 256 times as fine, and biases of 64 bits."""
    tensors = {
        name: replace(tensor, dtype="int16", scale=tensor.scale / 256, zero_point=0)
        for name, tensor in graph.tensors.items()
    }
    consts, nodes = dict(graph.consts), []
    low, high = INT16.range
    for node in graph.nodes:
        op = node.op
        if isinstance(op, ops.Convolution):
            consts[op.bias] = consts[op.bias].astype(np.int64) * 256
            op = replace(op, requant=replace(op.requant, rounding="wide", zero_point=0, low=low, high=high))
        elif isinstance(op, ops.Binary | ops.Mean):
            op = replace(op, low=low, high=high)
        nodes.append(replace(node, op=op))
    inputs, outputs = (tuple(replace(end, dtype="int16") for end in ends) for ends in (graph.inputs, graph.outputs))
    wide = replace(graph, nodes=tuple(nodes), tensors=tensors, consts=consts, inputs=inputs, outputs=outputs)
    return validate(wide)


@pytest.mark.toolchain
@pytest.mark.parametrize(("core", "most"), [("cortex-m4", 1.3), ("cortex-m55", 1.7)])
def test_cost_against_8_bits(core: str, most: float) -> None:
    graph = mobilenet_v2(0.35, 96)
    narrow, wide = (build(normalize(one), load_target(core), "net", "resident") for one in (graph, widened(graph)))
    of_bytes, of_halves = count_instructions(narrow), count_instructions(wide)
    assert of_halves["arena"] <= LARGEST_ARENA * of_bytes["arena"]
    assert of_halves["instructions"] <= most * of_bytes["instructions"]
