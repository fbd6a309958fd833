"""Depthwise layers on Cortex-M55 whose columns are words: rows around pairs of pixels, channels around fours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ladder import climb, codes_for, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.helium import columns
from ircompile.pipeline import build
from ircompile.target import load_target

SAME = (1, 1, 1, 1)
CASES: list[tuple[int, int, ops.Window]] = [  # columns, channels, window
    (2, 16, ops.Window((3, 3), (1, 1), SAME)),
    (3, 17, ops.Window((3, 3), (1, 1), SAME)),
    (4, 18, ops.Window((3, 3), (1, 1), SAME)),
    (5, 32, ops.Window((3, 3), (1, 1), SAME)),
    (6, 19, ops.Window((3, 3), (1, 1), SAME)),
    (7, 35, ops.Window((3, 3), (1, 1), SAME)),
    (8, 20, ops.Window((3, 3), (1, 1), (2, 2, 2, 2))),
    (9, 16, ops.Window((3, 3), (1, 1), SAME)),
    (12, 31, ops.Window((3, 3), (1, 1), SAME)),
    (6, 33, ops.Window((3, 3), (2, 2), (0, 1, 0, 1))),
    (5, 16, ops.Window((3, 3), (2, 2), SAME)),
    (13, 24, ops.Window((3, 3), (2, 2), SAME)),
    (8, 17, ops.Window((2, 2), (1, 1), (1, 0, 1, 0))),
    (7, 16, ops.Window((4, 4), (1, 1), (2, 1, 2, 1))),
    (9, 18, ops.Window((4, 2), (2, 1), (1, 1, 0, 1))),
    (6, 21, ops.Window((2, 4), (1, 2), (1, 0, 3, 0))),
    (10, 16, ops.Window((3, 1), (1, 3), (1, 1, 0, 0))),
    (6, 16, ops.Window((3, 3), (1, 1), (2, 2, 1, 1), (2, 1))),
    (9, 22, ops.Window((3, 3), (1, 1), (0, 0, 0, 0))),
]


def layer(case: tuple[int, int, ops.Window], seed: int, clamp: tuple[int, int] = (-128, 127)) -> Graph:
    width, channels, window = case
    net = Net((5, width, channels), seed)
    net.depthwise("x", window.kernel, window.stride, window.padding, dilation=window.dilation, relu=False)
    op = net.nodes[-1].op
    assert isinstance(op, ops.Depthwise)
    requant = replace(op.requant, low=clamp[0], high=clamp[1])
    net.nodes[-1] = replace(net.nodes[-1], op=replace(op, requant=requant))
    return net.graph()


def layers(clamp: tuple[int, int] = (-128, 127), step: int = 1) -> list[Graph]:
    return [layer(case, n, clamp) for n, case in enumerate(CASES)][::step]


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns wherever they serve, though rows may be long."""
    monkeypatch.setattr(columns, "instructions", lambda op, site: 0)


@pytest.mark.parametrize("graph", layers())
def test_is_taken(graph: Graph) -> None:
    (kernel,) = build(graph, load_target("cortex-m55"), "net").lowered.kernels.values()
    assert kernel.template == "depthwise_columns"


@pytest.mark.toolchain
@pytest.mark.parametrize("written_out", [False, True])
def test_on_the_board(written_out: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in loops, and written out where columns are in reach."""
    monkeypatch.setattr(columns, "WORTH_SAVING", 10**9 if written_out else 1)
    graph = join(layers())
    packed = build(graph, load_target("cortex-m55"), "net").program.packed.values()
    assert any(one.key["short"] for one in packed) == written_out
    climb(graph, tmp_path, vectors=codes_for(graph, 5), rungs=("cortex-m55", "cortex-m55 -DNET_NO_ASM"))


@pytest.mark.toolchain
@pytest.mark.parametrize("written_out", [False, True])
def test_clamped(written_out: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums are in assembly, and codes are not."""
    monkeypatch.setattr(columns, "WORTH_SAVING", 10**9 if written_out else 1)
    climb(join(layers(clamp=(-100, 50), step=2)), tmp_path, rungs=("cortex-m55",))


@pytest.mark.toolchain
def test_without_optimization(tmp_path: Path) -> None:
    climb(join(layers(step=4)), tmp_path, rungs=("cortex-m55 -O0",))
