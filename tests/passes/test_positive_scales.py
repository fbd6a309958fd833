from __future__ import annotations

import numpy as np
import pytest
from nets import Net, random_inputs

from ircompile.ir import ops
from ircompile.ir.simulate import run_graph
from ircompile.passes.positive_scales import positive_scales


@pytest.mark.parametrize("rounding", ["double", "single", "float32_even", "float64_away"])
def test_same_codes_from_positive_scales(rounding: str) -> None:
    net = Net((6, 5, 4), rounding=rounding)
    x = net.depthwise(net.conv("x", 5, (3, 3)), multiplier=2)
    net.conv(x, 3)
    for name in net.consts:
        if name.startswith("s"):
            net.consts[name] = net.consts[name] * np.resize([1, -1, -1], len(net.consts[name]))
    graph = net.graph()
    turned = positive_scales(graph)
    for node in turned.nodes:
        assert np.all(turned.consts[node.op.requant.scale] > 0)  # type: ignore[union-attr]
    inputs = random_inputs(graph)
    before, after = run_graph(graph, inputs, keep_all=True), run_graph(turned, inputs, keep_all=True)
    for name, codes in before.items():
        np.testing.assert_array_equal(after[name], codes)


def test_what_would_not_fit_stays() -> None:
    net = Net((2, 2, 3))
    net.conv("x", 4)
    net.consts["s0"] = -net.consts["s0"]
    net.consts["w0"][0, 0, 0, 0] = -128
    net.consts["b0"][1] = np.iinfo(np.int32).min
    net.consts["s0"][2] = -1.5
    graph = positive_scales(net.graph())
    op = graph.nodes[0].op
    assert isinstance(op, ops.Conv)
    np.testing.assert_array_equal(graph.consts[op.requant.scale] > 0, [False, False, False, True])
    assert positive_scales(graph) is graph
