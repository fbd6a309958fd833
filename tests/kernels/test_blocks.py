from __future__ import annotations

from pathlib import Path

import pytest
from kernel_nets import around, shuffled
from ladder import climb, join
from nets import Net

from ircompile.ir import ops

pytestmark = pytest.mark.toolchain


def test_geometries(tmp_path: Path) -> None:
    shapes = [(1, 1, 1), (3, 2, 5), (2, 7, 3), (5, 1, 2)]
    graphs = []
    for n, (height, width, channels) in enumerate(shapes * 3):
        block = 1 + n // len(shapes)
        deep, flat = (height, width, channels * block**2), (height * block, width * block, channels)
        graphs.append(around(Net(deep, n), ops.DepthToSpace(block), keep=True))
        graphs.append(around(Net(flat, n), ops.SpaceToDepth(block), keep=True))
    climb(join(graphs), tmp_path)


def test_streams(tmp_path: Path) -> None:
    net = Net((24, 8, 3))
    folded = net.add("fold", ops.SpaceToDepth(2), (shuffled(net, "x"),))
    y = net.conv(folded, 18, (3, 3))
    unfolded = net.add("unfold", ops.DepthToSpace(3), (y,))
    built = climb(net.graph(net.conv(unfolded, 2, (3, 3), (3, 3))), tmp_path, "rows")
    plan = built["host"].plan
    assert plan.buffers[folded].slots <= 4
    assert plan.buffers[unfolded].slots <= 6
