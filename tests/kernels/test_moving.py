"""Reshapes, transposes, softmax and tables of pixels on every rung, on random codes and the ends of their range."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from kernel_nets import around, shuffled
from ladder import climb, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain
SHAPES = [(4, 3, 6), (2, 5, 1)]


def test_transposes(tmp_path: Path) -> None:
    orders = list(permutations(range(3)))
    graphs = [
        around(Net(shape, n), ops.Transpose((a, b, c)), keep=True)
        for n, shape in enumerate(SHAPES)
        for a, b, c in orders
    ]
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))


def test_tables_of_codes(tmp_path: Path) -> None:
    """Tables of an int8 input: of few channels, which are written one by one, and of many."""
    graphs = []
    for n, (shape, count) in enumerate([((1, 1, 1), 1), ((3, 5, 3), 3), ((2, 7, 4), 1), ((4, 2, 7), 7)]):
        net = Net(shape, n)
        net.consts["p"] = net.rng.integers(-128, 128, (count, 256)).astype(np.int8)
        graphs.append(net.graph(net.add("codes", ops.PixelTable("p"), ("x",))))
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))


def test_reshapes(tmp_path: Path) -> None:
    """Rows that become longer, shorter, of other lengths altogether, and one."""
    shapes = [(4, 3, 6), (2, 6, 6), (8, 3, 3), (3, 4, 6), (9, 4, 2), (1, 1, 72), (72, 1, 1), (1, 72, 1)]
    graphs = [around(Net((4, 3, 6), n), ops.Reshape(shape), keep=True) for n, shape in enumerate(shapes)]
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))


def softmax(shape: tuple[int, int, int], rounding: str, scale: float, seed: int) -> Graph:
    """Over the channels of every pixel of a map."""
    net = Net(shape, seed)
    x = shuffled(net, "x")
    net.tensors[x] = replace(net.tensors[x], scale=scale, zero_point=int(net.rng.integers(-99, 99)))
    return net.graph(shuffled(net, net.add("softmax", ops.Softmax(rounding), (x,), 1 / 256, -128)))  # type: ignore[arg-type]


@pytest.mark.parametrize("rounding", ["gemmlowp", "table"])
def test_softmax_of_maps(tmp_path: Path, rounding: str) -> None:
    shapes = [(1, 1, 2), (3, 2, 1), (2, 3, 5), (1, 1, 300)]
    graphs = [softmax(shape, rounding, (0.004, 0.1, 0.9)[n % 3], n) for n, shape in enumerate(shapes * 3)]
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))


def test_tables_of_pixels(tmp_path: Path) -> None:
    """One table for all channels, and one for each, of a uint8 input."""
    graphs = []
    for n, (shape, count) in enumerate([((1, 1, 1), 1), ((3, 5, 3), 3), ((2, 7, 4), 1), ((4, 2, 2), 2)]):
        net = Net(shape, n, dtype="uint8")
        net.tensors["x"] = replace(net.tensors["x"], zero_point=17 * n)
        net.consts["p"] = net.rng.integers(-128, 128, (count, 256)).astype(np.int8)
        graphs.append(net.graph(net.add("pixels", ops.PixelTable("p"), ("x",))))
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))
