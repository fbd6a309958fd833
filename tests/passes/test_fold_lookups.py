from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from ladder import climb, codes_for
from nets import Net

from ircompile.analyses.intervals import analyze
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.plan import Plan
from ircompile.target import load_target


def function(net: Net, x: str) -> str:
    name = f"t{len(net.nodes)}"
    net.consts[name] = net.rng.permutation(np.arange(-128, 128)).astype(np.int8)
    return net.add("table", ops.Table(name), (x,), 0.031)


def gated(
    axes: Literal["h", "w", "hw"] = "hw", rounding: str = "integer", shape: tuple[int, int, int] = (9, 7, 5)
) -> Graph:
    """x and f(x), which is gated by the mean of g(x), each code of which is quantized in its own way."""
    net = Net(shape)
    x = net.conv("x", shape[2])
    mean = net.add("mean", ops.Mean(axes, rounding), (function(net, x),))  # type: ignore[arg-type]
    return net.graph(net.conv(net.sum(function(net, x), net.conv(mean, shape[2]), "mul"), 3))


def lookups(graph: Graph) -> list[ops.Lookup]:
    return [node.op.lookup for node in graph.nodes if isinstance(node.op, ops.Mean) and node.op.lookup]


@pytest.mark.parametrize("axes", ["h", "w", "hw"])
@pytest.mark.parametrize("rounding", ["integer", "float32_even", "code", "code_up"])
def test_no_bit_differs(axes: Literal["h", "w", "hw"], rounding: str) -> None:
    graph = gated(axes, rounding)
    folded = normalize(graph)
    assert len(lookups(folded)) == 1
    assert len(folded.nodes) == len(graph.nodes) - 1
    for vector in codes_for(graph, 4):
        want, got = run_graph(graph, vector), run_graph(folded, vector)
        np.testing.assert_array_equal(got[folded.output_names[0]], want[graph.output_names[0]])
    before, after = analyze(graph), analyze(folded)
    mean = next(node.output for node in folded.nodes if isinstance(node.op, ops.Mean))
    np.testing.assert_array_equal(after.codes[mean], before.codes[mean])


def test_a_function_that_others_read_stays() -> None:
    net = Net((6, 6, 4))
    y = function(net, net.conv("x", 4))
    graph = net.graph(net.sum(y, net.add("mean", ops.Mean(), (y,)), "mul"))
    assert not lookups(normalize(graph))
    graph = net.graph(y, net.nodes[-1].output)
    assert not lookups(normalize(graph))


def test_the_function_is_not_stored() -> None:
    """Only the map before it is, and the rows that compute it."""

    def plan(graph: Graph) -> Plan:
        return build(graph, load_target("cortex-m4"), "net").plan

    graph = gated(shape=(2, 40, 24))
    folded = normalize(graph)
    x = graph.tensors[graph.nodes[0].output]
    assert plan(folded).arena_bytes < x.bytes + x.row_bytes < plan(graph).arena_bytes


@pytest.mark.toolchain
def test_compiled(tmp_path: Path) -> None:
    for n, (axes, rounding, shape) in enumerate(
        [
            ("hw", "integer", (9, 7, 5)),
            ("h", "float32_even", (4, 3, 7)),
            ("w", "code", (3, 9, 4)),
            ("hw", "code_up", (1, 5, 6)),
        ]
    ):
        graph = normalize(gated(axes, rounding, shape))  # type: ignore[arg-type]
        climb(graph, tmp_path / str(n), rungs=("gcc", "cortex-m4", "cortex-m0plus"))
