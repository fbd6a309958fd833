"""Kernels that only move codes, on every rung, on random codes and the ends of their range."""

from __future__ import annotations

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


def test_reshapes(tmp_path: Path) -> None:
    """Rows that become longer, shorter, of other lengths altogether, and one."""
    shapes = [(4, 3, 6), (2, 6, 6), (8, 3, 3), (3, 4, 6), (9, 4, 2), (1, 1, 72), (72, 1, 1), (1, 72, 1)]
    graphs = [around(Net((4, 3, 6), n), ops.Reshape(shape), keep=True) for n, shape in enumerate(shapes)]
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))


def test_blocks(tmp_path: Path) -> None:
    shapes = [(1, 1, 1), (3, 2, 5), (2, 7, 3), (5, 1, 2)]
    graphs = []
    for n, (height, width, channels) in enumerate(shapes * 3):
        block = 1 + n // len(shapes)
        deep, flat = (height, width, channels * block**2), (height * block, width * block, channels)
        graphs.append(around(Net(deep, n), ops.DepthToSpace(block), keep=True))
        graphs.append(around(Net(flat, n), ops.SpaceToDepth(block), keep=True))
    climb(join(graphs), tmp_path)


def test_blocks_stream(tmp_path: Path) -> None:
    net = Net((24, 8, 3))
    folded = net.add("fold", ops.SpaceToDepth(2), (shuffled(net, "x"),))
    y = net.conv(folded, 18, (3, 3))
    unfolded = net.add("unfold", ops.DepthToSpace(3), (y,))
    built = climb(net.graph(net.conv(unfolded, 2, (3, 3), (3, 3))), tmp_path, "rows")
    plan = built["host"].plan
    assert plan.buffers[folded].slots <= 4
    assert plan.buffers[unfolded].slots <= 6


def concat(axis: int, shape: tuple[int, int, int], count: int, seed: int) -> Graph:
    """Parts of one input, of different lengths on the axis, joined again in another order."""
    net, parts = Net(shape, seed), []
    for _ in range(count):
        begin, size = [0, 0, 0], list(shape)
        begin[axis] = int(net.rng.integers(0, shape[axis]))
        size[axis] = int(net.rng.integers(1, shape[axis] - begin[axis] + 1))
        part = ops.Slice((begin[0], begin[1], begin[2]), (size[0], size[1], size[2]))
        parts.append(net.add("part", part, (shuffled(net, "x"),)))
    return net.graph(shuffled(net, net.add("concat", ops.Concat(axis), tuple(parts))))


def slices(seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers(1, 12, 3))
    begin = [int(rng.integers(0, size)) for size in shape]
    stride = [int(v) for v in rng.integers(1, 4, 3)]
    if seed % 3 == 0:  # whole pixels, neighbours
        begin[2], stride[1:] = 0, [1, 1]
    if seed % 3 == 1:  # runs of channels
        stride[2] = 1
    most = [(size - 1 - b) // s + 1 for size, b, s in zip(shape, begin, stride, strict=True)]
    counts = [int(rng.integers(1, m + 1)) for m in most]
    if seed % 3 == 0:
        counts[2] = shape[2]
    op = ops.Slice(tuple(begin), tuple(counts), tuple(stride))  # type: ignore[arg-type]
    return around(Net(shape, seed), op, keep=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concat(tmp_path: Path, axis: int) -> None:
    shapes = [(6, 5, 4), (1, 1, 1), (3, 1, 7), (1, 8, 3), (9, 2, 1)]
    graphs = [concat(axis, shape, 2 + n % 4, n) for n, shape in enumerate(shapes)]
    climb(join(graphs), tmp_path)


def test_slices(tmp_path: Path) -> None:
    climb(join([slices(seed) for seed in range(30)]), tmp_path)


def test_parts_stream(tmp_path: Path) -> None:
    """Branches of different lag meet; both sides of the cut picture pass through rings."""
    net = Net((24, 7, 3))
    x = net.conv("x", 6, (3, 3))
    near = net.conv(x, 4)
    far = net.depthwise(net.depthwise(x), (5, 5))
    joined = net.add("concat", ops.Concat(2), (near, far))
    top = net.add("top", ops.Slice((0, 0, 0), (14, 7, 10)), (joined,))
    rest = net.add("rest", ops.Slice((10, 0, 0), (14, 7, 10)), (joined,))
    stacked = net.add("stack", ops.Concat(0), (net.conv(top, 3, (3, 3)), net.conv(rest, 3, (3, 3))))
    built = climb(net.graph(net.conv(stacked, 2, (1, 1), (2, 2))), tmp_path, "rows")
    assert built["host"].plan.buffers[joined].slots < 20


def test_pad(tmp_path: Path) -> None:
    pads = [
        ((0, 0, 0), (0, 0, 4)), ((1, 2, 3), (3, 2, 1)), ((0, 1, 0), (2, 0, 0)), ((4, 0, 0), (0, 0, 0)),
        ((0, 0, 2), (5, 1, 0)),
    ]  # fmt: skip
    graphs = []
    for n, (before, after) in enumerate(pads):
        shape = [(5, 4, 3), (1, 1, 1), (3, 2, 5)][n % 3]
        graphs.append(around(Net(shape, n), ops.Pad(before, after, int(n * 60 - 128)), keep=True))
    climb(join(graphs), tmp_path)


def test_gathers(tmp_path: Path) -> None:
    """Channels and columns: in another order, evenly spaced, one alone, some several times, very far apart."""
    places = [(3, 0, 2, 1), (0, 2, 4), (4,), (5, 5, 0, 1, 1, 5, 2), (1, 3, 5)]
    graphs = []
    for n, indices in enumerate(places):
        graphs.append(around(Net((4, 3, 6), n), ops.Gather(2, indices), keep=True))
        graphs.append(around(Net((3, 6, 5), n), ops.Gather(1, indices), keep=True))
    graphs.append(around(Net((1, 2**15 + 2, 1), 9), ops.Gather(1, (2**15 + 1, 0, 2**15)), keep=True))
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4", "cortex-m0plus"))


def test_shuffled_channels_stream(tmp_path: Path) -> None:
    net = Net((24, 7, 3))
    x = net.add("shuffle", ops.Gather(2, (0, 3, 1, 4, 2, 5)), (net.conv("x", 6, (3, 3)),))
    built = climb(net.graph(net.conv(x, 4, (3, 3))), tmp_path, "rows")
    assert built["host"].plan.buffers[x].slots <= 3
