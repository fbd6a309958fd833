"""Helium kernels at the ends of what codes, weights, zero points and clamps can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb, codes_for, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain


def extreme(kind: str, zero: int, low: int, high: int, rounding: str, seed: int) -> Graph:
    """One layer of weights -128 and 127, clamped to [low, high]."""
    channels = {"strips": 2, "channels": 15, "columns": 17}.get(kind, 9)
    net = Net((3, 5 if kind in ("channels", "columns") else 12, channels), seed, rounding)
    net.tensors["x"] = replace(net.tensors["x"], zero_point=zero)
    if kind in ("strips", "channels", "columns"):
        y = net.depthwise("x", (3, 3), relu=False)
    else:
        y = net.conv("x", 6, (3, 3) if kind == "windows" else (1, 1))
    op = net.nodes[-1].op
    assert isinstance(op, ops.Conv | ops.Depthwise)
    net.consts[op.weights] = net.rng.choice([-128, 127], net.consts[op.weights].shape).astype(np.int8)
    net.nodes[-1] = replace(net.nodes[-1], op=replace(op, requant=replace(op.requant, low=low, high=high)))
    return net.graph(net.depthwise(y, (3, 3)) if kind == "apart" else y)


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_extremes(rounding: str, tmp_path: Path) -> None:
    clamps = [(-128, 127), (-100, 127), (-128, 50), (-3, 3)]
    graphs = [
        extreme(kind, (-128, 127)[(n + i) % 2], *clamps[(n + i) % 4], rounding, 7 * n + i)
        for n, kind in enumerate(("hwc", "apart", "windows", "strips", "channels", "columns"))
        for i in range(2)
    ]
    graph = join(graphs)
    climb(graph, tmp_path, vectors=codes_for(graph, 5), rungs=("cortex-m55",))
