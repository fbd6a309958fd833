"""Element-wise layers on Cortex-M55, sizes around the vectors."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_nets import shuffled
from ladder import climb, join
from nets import Net

from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain


def add(width: int, channels: int, rounding: str, kind: str, seed: int) -> Graph:
    """Two convolutions of the input, and their sum or difference."""
    net = Net((2, width, 3), seed, rounding)
    return net.graph(net.sum(net.conv("x", channels), net.conv("x", channels), kind))


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_add(rounding: str, tmp_path: Path) -> None:
    sizes = [(1, 1), (1, 3), (1, 4), (1, 5), (1, 7), (2, 4), (3, 3), (5, 5), (4, 8), (1, 33)]
    graphs = [add(*size, rounding, ("add", "sub")[n % 2], n) for n, size in enumerate(sizes)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))


def test_tables(tmp_path: Path) -> None:
    """Rows of fewer codes than a vector has, of whole vectors, and of some more."""
    graphs = []
    for n, (width, channels) in enumerate([(1, 1), (3, 5), (1, 16), (2, 16), (17, 1), (3, 15)]):
        net = Net((2, width, channels), n)
        graphs.append(net.graph(shuffled(net, "x")))
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))
