"""Pointwise and fully connected layers on Cortex-M55, sizes around the tiles, both layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.kernels.helium import dense
from ircompile.pipeline import build
from ircompile.target import load_target

pytestmark = pytest.mark.toolchain
DEPTHS = (1, 2, 5, 8, 15, 16, 17, 24, 31, 32, 33, 48, 63)
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17)
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 9, 16)
FEW = [
    (8, 3, 5),
    (8, 2, 8),
    (5, 4, 4),
    (16, 5, 6),
    (24, 3, 9),
    (33, 4, 5),
    (48, 2, 4),
    (48, 5, 3),
    (63, 7, 1),
    (8, 9, 2),
    (3, 3, 13),
    (16, 4, 8),
    (27, 5, 7),
    (32, 2, 4),
]
IN_REGISTERS = [
    (16, 9, 3), (17, 8, 5), (33, 9, 5), (48, 8, 4), (63, 17, 3), (64, 11, 2), (80, 5, 3), (96, 4, 1), (90, 7, 2),
    (40, 8, 2), (8, 5, 9), (16, 6, 12), (24, 4, 8), (32, 3, 13),
]  # fmt: skip
ALL = [
    (depth, CHANNELS[(3 * n + i) % len(CHANNELS)], WIDTHS[(n + 2 * i) % len(WIDTHS)])
    for n, depth in enumerate(DEPTHS)
    for i in range(4)
]


def pointwise(depth: int, channels: int, width: int, apart: bool, rounding: str, seed: int) -> Graph:
    """A pointwise convolution; `apart`: a depthwise one reads its rows channel by channel."""
    net = Net((2, width, depth), seed, rounding)
    y = net.conv("x", channels, relu=seed % 3 == 0)
    return net.graph(net.depthwise(y, (3, 3)) if apart else y)


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_few(rounding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns in loops, and, with the other rounding, written out where they can be."""
    monkeypatch.setattr(dense, "WORTH_UNROLLING", 0 if rounding == "double" else 10**9)
    graphs = [pointwise(*size, n % 5 < 3, rounding, n) for n, size in enumerate(FEW)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


@pytest.mark.parametrize("rounding", ["double", "single"])
def test_in_registers(rounding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pixel, or the filters of two channels, in registers."""
    monkeypatch.setattr(dense, "WORTH_SAVING", 10**9)
    graphs = [pointwise(*size, False, rounding, n) for n, size in enumerate(IN_REGISTERS)]
    graph = join(graphs)
    packed = build(graph, load_target("cortex-m55"), "net").program.packed
    assert {one.key.get("mode") for one in packed.values()} >= {"pixel", "resident"}
    climb(graph, tmp_path, rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


@pytest.mark.slow
@pytest.mark.parametrize(("apart", "unrolled"), [(False, False), (False, True), (True, False)])
@pytest.mark.parametrize("rounding", ["double", "single", "float32_even", "float64_away"])
def test_all(rounding: str, apart: bool, unrolled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "WORTH_UNROLLING", 0 if unrolled else 10**9)
    graphs = [pointwise(*size, apart, rounding, n) for n, size in enumerate(ALL)]
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))
