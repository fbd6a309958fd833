"""Kernels that normalize the channels of a pixel, on every rung."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kernel_nets import shuffled
from ladder import climb, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain


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


def normalized(shape: tuple[int, int, int], zero: int, seed: int) -> Graph:
    """Pixels of any length: a table brings the codes near to the zero point, so that some sums are 0 and 1."""
    net = Net(shape, seed)
    near = [max(min(zero + step, 127), -128) for step in (-2, -1, 0, 0, 0, 0, 1, 2)]
    net.consts["near"] = net.rng.choice([*near, -128, 127], 256).astype("int8")
    x = net.add("some", ops.Table("near"), ("x",)) if seed % 2 else shuffled(net, "x")
    net.tensors[x] = replace(net.tensors[x], zero_point=zero)
    return net.graph(shuffled(net, net.add("l2", ops.L2Normalization(), (x,), 1 / 128, 0)))


def test_l2_normalization(tmp_path: Path) -> None:
    shapes = [(1, 1, 1), (3, 7, 1), (2, 5, 2), (4, 6, 3), (1, 3, 300), (1, 1, 3000)]
    zeros = (0, -128, 127, 5)
    graphs = [normalized(shape, zeros[n % 4], n) for n, shape in enumerate([*shapes, *shapes[1:4]])]
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4", "cortex-m55", "cortex-m0plus"))
