"""Depthwise layers on Cortex-M55: windows, strides, paddings and widths around the blocks, both layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.target import load_target

pytestmark = pytest.mark.toolchain
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 11, 15, 16, 17, 20, 33)
KERNELS = ((3, 3), (5, 5), (7, 7), (1, 3), (2, 2), (4, 5), (3, 1), (9, 3), (1, 1))
CHANNELS = (1, 2, 3, 5, 15, 16, 17, 33)


def depthwise(kernel: tuple[int, int], stride: int, width: int, channels: int, apart: bool, rounding: str,
              seed: int) -> Graph:  # fmt: skip
    """A depthwise convolution; `apart`: another one reads its rows channel by channel."""
    net = Net((6, width, channels), seed, rounding)
    padding = None if seed % 3 else (kernel[0] - 1, kernel[0] - 1, kernel[1] - 1, kernel[1] - 1)
    y = net.depthwise("x", kernel, (stride, stride), padding, multiplier=1 + (seed % 5 == 0), relu=seed % 2 == 0)
    return net.graph(net.depthwise(y, (3, 3)) if apart else y)


def test_few(tmp_path: Path) -> None:
    """Strips and 16 channels at a time, of either rounding."""
    cases: list[tuple[tuple[int, int], int, int, int, bool, str]] = [
        ((3, 3), 1, 9, 2, False, "double"), ((3, 3), 1, 16, 3, True, "float32_even"),
        ((3, 3), 2, 20, 3, False, "double"), ((5, 5), 1, 7, 2, True, "double"), ((7, 7), 2, 17, 1, False, "double"),
        ((3, 3), 1, 3, 17, False, "float32_even"), ((3, 3), 2, 6, 33, False, "double"),
        ((5, 5), 1, 5, 16, False, "double"), ((2, 2), 1, 12, 2, False, "double"), ((1, 3), 1, 5, 2, True, "double"),
    ]  # fmt: skip
    graphs = [depthwise(*case, seed) for seed, case in enumerate(cases)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


WIDE = [  # kernel, stride, columns, channels
    ((3, 3), 1, 16, 2), ((3, 3), 1, 17, 3), ((3, 3), 2, 33, 2), ((5, 5), 1, 31, 2), ((5, 5), 2, 48, 3),
    ((7, 7), 1, 32, 2), ((7, 7), 2, 49, 1), ((4, 3), 1, 18, 2), ((2, 5), 1, 35, 3), ((9, 3), 1, 21, 2),
    ((1, 3), 1, 40, 2),
]  # fmt: skip


@pytest.mark.parametrize("apart", [False, True])
def test_rows_of_more_than_a_vector(apart: bool, tmp_path: Path) -> None:
    """Columns are laid 16 at a time; the first rows, and the last, are outside of the picture."""
    graphs = [depthwise(*case, apart, ("double", "float32_even")[n % 4 == 3], n) for n, case in enumerate(WIDE)]
    kernels = lower(join(graphs), load_target("cortex-m55")).kernels.values()
    assert [kernel.template for kernel in kernels].count("depthwise_strips") >= len(WIDE) - 1
    climb(join(graphs), tmp_path, rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


def test_side_by_side(tmp_path: Path) -> None:
    """What a concatenation of channels joins is written where its output is: strips, and 16 channels at a time."""
    for n, (width, channels) in enumerate([(9, 2), (16, 3), (3, 17), (6, 33), (2, 1)]):
        net = Net((6, width, channels), n)
        parts = tuple(net.depthwise("x", (3, 3)) for _ in range(3))
        graph = net.graph(net.add("joined", ops.Concat(2), parts))
        built = climb(graph, tmp_path / str(n), rungs=("cortex-m55",))["cortex-m55"]
        kernels = [built.lowered.kernels[node.name] for node in graph.nodes if isinstance(node.op, ops.Depthwise)]
        assert bool(built.plan.placed) == all(kernel.strided for kernel in kernels)


@pytest.mark.slow
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_all(rounding: str, apart: bool, tmp_path: Path) -> None:
    graphs = []
    for n, width in enumerate(WIDTHS):
        for stride in (1, 2):
            kernel, channels = KERNELS[(2 * n + stride) % len(KERNELS)], CHANNELS[(n + stride) % len(CHANNELS)]
            graphs.append(depthwise(kernel, stride, width, channels, apart, rounding, 2 * n + stride))
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))
