from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kernel_nets import around
from ladder import climb, join
from nets import Net

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.resize import pack_resize, whole_factors

KINDS = [
    "nearest",
    "bilinear",
    "bilinear_float32",
    "bilinear_onnx",
    "bilinear_onnx floor",
    "bilinear_onnx truncate",
]
SIZES = [(1, 1), (1, 7), (2, 2), (3, 4), (5, 3), (9, 7), (13, 16)]
MODES = [(False, False), (True, False), (False, True)]


def resizes(kind: str) -> list[Graph]:
    graphs = []
    for n, source in enumerate(SIZES):
        for target in (*SIZES[n % 3 :: 3], (source[0] * 2, source[1] * 3)):
            corners, half = MODES[len(graphs) % 3]
            name, *rounding = kind.split()
            op = ops.Resize(name, target, corners, half, *rounding)  # type: ignore[arg-type]
            net = Net((*source, 1 + n % 4), seed=len(graphs))
            try:
                graphs.append(around(net, op, keep=True))
            except CompileError:
                continue  # a position outside of the map
    return graphs


@pytest.mark.toolchain
@pytest.mark.parametrize("kind", KINDS)
def test_geometries(tmp_path: Path, kind: str) -> None:
    graphs = resizes(kind)
    assert len(graphs) > 15
    climb(join(graphs), tmp_path)


@pytest.mark.toolchain
@pytest.mark.parametrize("kind", KINDS)
def test_streams(tmp_path: Path, kind: str) -> None:
    net = Net((20, 6, 3))
    y = net.conv("x", 4, (3, 3), relu=True)
    name, *rounding = kind.split()
    up = net.add("up", ops.Resize(name, (40, 12), False, name != "nearest", *rounding), (y,))  # type: ignore[arg-type]
    down = net.add("down", ops.Resize(name, (7, 5), False, False, *rounding), (y,))  # type: ignore[arg-type]
    graph = net.graph(net.conv(up, 2, (3, 3), (2, 2)), net.conv(down, 2))
    built = climb(graph, tmp_path, "rows")
    assert built["host"].plan.buffers[y].slots < 8
    assert built["host"].plan.buffers[up].slots < 8


def test_whole_factors_need_no_table() -> None:
    for half in (False, True):
        net = Net((7, 5, 3))
        net.add("up", ops.Resize("nearest", (14, 20), half_pixel=half), ("x",))
        node = net.nodes[-1]
        site = net.graph().site(node)
        assert whole_factors(node.op, site) == (2, 4)  # type: ignore[arg-type]
        assert not pack_resize(node.op, site, None).arrays  # type: ignore[arg-type]


def test_short_weights_become_integers() -> None:
    net = Net((33, 65, 1))
    net.add("up", ops.Resize("bilinear_float32", (513, 257), align_corners=True), ("x",))
    packed = pack_resize(net.nodes[-1].op, net.graph().site(net.nodes[-1]), None)  # type: ignore[arg-type]
    assert packed.key["kind"] == "bilinear"
    assert packed.arrays["rows"].dtype == np.int32
