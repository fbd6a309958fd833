"""What a pass makes of a graph: its ops, with every output byte as before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from nets import Net, random_inputs

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.validate import validate

Pass = Callable[[Graph], Graph]


def kinds(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


def after(run: Pass, graph: Graph) -> list[str]:
    """The ops after a pass, which changes no output, keeps sources, and does nothing a second time."""
    changed = validate(run(graph))
    for seed in range(3):
        inputs = random_inputs(graph, seed)
        expected, found = run_graph(graph, inputs), run_graph(changed, inputs)
        for old, new in zip(graph.output_names, changed.output_names, strict=True):
            np.testing.assert_array_equal(found[new], expected[old])
    assert all(node.source for node in changed.nodes)
    assert run(changed) == changed
    return kinds(changed)


def same(net: Net, kind: str, op: ops.Op, x: str) -> str:
    """Adds an op whose output is quantized as its input."""
    tensor = net.tensors[x]
    return net.add(kind, op, (x,), tensor.scale, tensor.zero_point, tensor.dtype)
