"""Convolutions whose only window is the whole map read it where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_nets import extreme, with_zero
from ladder import climb
from nets import Net

from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.pipeline import build
from ircompile.target import load_target


def map_net(shape: tuple[int, int, int], rounding: str, zero: int, way: str) -> Graph:
    """Layers whose only window is the whole map, behind what may write over longer, higher or other maps."""
    net = with_zero(Net(shape, shape[1], rounding), zero)
    x = "x"
    if way == "narrow":
        x = net.conv("x", max(shape[2] // 2, 1))
    elif way == "pool":
        x = net.add("pool", ops.MaxPool(ops.Window((2, 2), (2, 2))), (net.conv("x", shape[2]),), 0.05, 3)
    elif way == "sum":
        y = net.conv("x", 4)
        x = net.sum(y, net.depthwise(y))
    outputs = []
    for count in (1, 2, 5, 8):
        outputs.append(net.conv(x, count, net.tensors[x].shape[:2], (1, 1), (0, 0, 0, 0), relu=count == 8))
        if count == 5:
            extreme(net)
    return net.graph(*outputs)


MAPS = (
    ((5, 4, 8), "double", 127, ""),
    ((3, 7, 3), "float32_even", -128, "narrow"),
    ((4, 6, 5), "single", 9, "pool"),
    ((1, 9, 1), "double", -128, "sum"),
    ((9, 1, 6), "float32_even", 5, "sum"),
)


@pytest.mark.thorough
@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize(("shape", "rounding", "zero", "way"), MAPS)
def test_the_whole_map_is_read_where_it_lies(
    target: str, shape: tuple[int, int, int], rounding: str, zero: int, way: str
) -> None:
    graph = map_net(shape, rounding, zero, way)
    compiled = build(graph, load_target(target), "net")
    last = [node.name for node in compiled.lowered.graph.nodes if node.name in graph.output_names]
    assert not any(compiled.lowered.demands[name].scratch for name in last)
    assert not any(stage.line_buffer for stage in compiled.plan.stages if stage.node.name in last)


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_whole_maps(tmp_path: Path, mode: InputMode) -> None:
    for i, (shape, rounding, zero, way) in enumerate(MAPS):
        rungs = ("gcc", ("cortex-m4", "cortex-m0plus")[i % 2], *(["cortex-m55"] if i < 2 else []))
        climb(map_net(shape, rounding, zero, way), tmp_path / str(i), mode, rungs=rungs)
