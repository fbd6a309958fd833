"""Depthwise layers of 16-bit codes, eight channels at a time, on the emulated Cortex-M55: pairs, borders, tails."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from test_helium_wide import SAME, climb_without_assembly, depthwise

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.pipeline import build
from ircompile.target import load_target

CHANNELS = [
    depthwise(1, 8, SAME),
    depthwise(2, 9, SAME),
    depthwise(3, 15, SAME),
    depthwise(4, 16, SAME),
    depthwise(5, 17, SAME),
    depthwise(12, 24, SAME, pixels=False),
    depthwise(6, 8, ops.Window((3, 3), (2, 2), (0, 1, 0, 1))),
    depthwise(13, 11, ops.Window((3, 3), (2, 2), (1, 1, 1, 1))),
    depthwise(7, 8, ops.Window((2, 1), (1, 1), (0, 1, 0, 0))),
    depthwise(9, 10, ops.Window((3, 2), (1, 3), (1, 1, 1, 0))),
    depthwise(6, 8, ops.Window((4, 4), (2, 1), (2, 1, 2, 1))),
    depthwise(7, 13, ops.Window((3, 2), (1, 1), (2, 2, 1, 1), (2, 1))),
    depthwise(3, 8, ops.Window((5, 5), (1, 1), (2, 2, 2, 2))),
]


@pytest.mark.toolchain
def test_on_the_board(tmp_path: Path) -> None:
    climb(join(CHANNELS), tmp_path, rungs=("cortex-m55",))


@pytest.mark.toolchain
def test_without_optimization(tmp_path: Path) -> None:
    climb(join(CHANNELS[::4]), tmp_path, rungs=("cortex-m55 -O0",))


@pytest.mark.toolchain
def test_intrinsics_beside_assembly(tmp_path: Path) -> None:
    climb_without_assembly(join(CHANNELS), tmp_path)


@pytest.mark.parametrize("graph", CHANNELS)
def test_is_taken(graph: Graph) -> None:
    kernels = build(graph, load_target("cortex-m55"), "net").lowered.kernels.values()
    assert "wide_channels" in [kernel.template for kernel in kernels]
