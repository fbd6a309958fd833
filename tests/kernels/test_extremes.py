from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kernel_nets import around, shuffled
from ladder import climb, codes_for, join
from nets import Net

from ircompile.ir import ops

pytestmark = pytest.mark.toolchain
SHAPES = [(1, 1, 1), (1, 6, 3), (7, 1, 2), (5, 4, 9)]


def test_extreme(tmp_path: Path) -> None:
    graphs = [
        around(Net(shape, n), ops.Extreme(kind, axes), keep=True)  # type: ignore[arg-type]
        for n, shape in enumerate(SHAPES)
        for kind in ("max", "min")
        for axes in ("h", "w", "hw")
    ]
    climb(join(graphs), tmp_path)


def test_argmax_takes_the_first(tmp_path: Path) -> None:
    graphs = [
        around(Net(shape, n), ops.ArgMax(least), dtype="int32")
        for n, shape in enumerate(SHAPES)
        for least in (False, True)
    ]
    graph = join(graphs)
    few = codes_for(graph, 1)[0]
    ties = {name: codes % 3 for name, codes in few.items()}
    climb(graph, tmp_path, vectors=[*codes_for(graph, 3), {name: c.astype(np.int8) for name, c in ties.items()}])


def test_streams(tmp_path: Path) -> None:
    """A gate by the greatest code of each channel, and a class of every pixel."""
    net = Net((12, 6, 3))
    x = net.conv("x", 5, (3, 3), relu=True)
    gate = net.conv(net.add("max", ops.Extreme("max"), (x,)), 5)
    gated = net.sum(shuffled(net, x), gate, "mul")
    classes = net.add("argmax", ops.ArgMax(), (gated,), dtype="int32")
    climb(net.graph(gated, classes), tmp_path, "rows")
