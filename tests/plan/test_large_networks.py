"""Planning of networks whose tensors have tens of thousands of rows: boxes of a detector, four bytes each."""

from __future__ import annotations

import cProfile
import pstats
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from ladder import climb
from nets import Net
from proved import prove

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.plan.tables import schedule_tables
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan
from ircompile.variants.estimate import analyze_graph

ANCHORS, CODES = 6, 4
MEGABYTE = 1 << 20
M4 = load_target("cortex-m4")


def detector(size: int) -> Graph:
    """MobileNetV2, a feature pyramid, and heads on six levels whose boxes are joined in one tensor of rows."""
    net = Net((size, size, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    levels = []
    for expand, channels, repeat, stride in (
        (1, 8, 1, 1),
        (6, 8, 2, 2),
        (6, 16, 3, 2),
        (6, 24, 7, 2),
        (6, 56, 4, 2),
    ):
        for i in range(repeat):
            x = net.inverted_residual(x, expand, channels, stride if i == 0 else 1)
        levels.append(x)
    levels = [net.conv(level, 16) for level in levels[2:]]
    for i in (1, 0):
        shape = net.tensors[levels[i]].shape
        zero = net.tensors[levels[i + 1]].zero_point
        upper = net.add("up", ops.Resize("nearest", shape[:2]), (levels[i + 1],), 0.05, zero)
        levels[i] = net.conv(net.sum(levels[i], upper), 16)
    for _ in range(3):
        levels.append(net.conv(levels[-1], 16, (3, 3), (2, 2)))
    boxes, scores = ([head(net, level, codes) for level in levels] for codes in (CODES, 1))
    return net.graph(joined(net, boxes), joined(net, scores), name=f"detector_{size}")


def head(net: Net, level: str, codes: int) -> str:
    """A row of `codes` for every anchor of every pixel."""
    x = net.conv(net.depthwise(level), ANCHORS * codes)
    height, width, _ = net.tensors[x].shape
    shape = (height * width * ANCHORS, 1, codes)
    net.tensors[x] = replace(net.tensors[x], zero_point=0)
    return net.add("rows", ops.Reshape(shape), (x,), zero=0)


def joined(net: Net, parts: list[str]) -> str:
    return net.add("concat", ops.Concat(0), tuple(parts), zero=0)


def most_bytes(size: int) -> int:
    """The most memory that planning takes, in both input modes, and an analysis."""
    graph = detector(size)
    tracemalloc.start()
    try:
        for mode in ("resident", "rows"):
            prove(choose_plan(graph, M4, mode).plan)  # type: ignore[arg-type]
        analyze_graph(graph, M4, ram=MEGABYTE // 10)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calls(size: int) -> int:
    """Functions called, down to those in C, while a detector is planned."""
    graph = detector(size)
    with cProfile.Profile() as profile:
        choose_plan(graph, M4, "rows")
        analyze_graph(graph, M4, ram=MEGABYTE // 10)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_memory_grows_with_the_rows() -> None:
    """Twice the width and height are four times the rows of boxes; their pairs would be 16 times as many."""
    assert most_bytes(128) < 1.5 * 4 * most_bytes(64)


@pytest.mark.slow
def test_work_grows_with_the_rows() -> None:
    assert calls(128) < 1.5 * 4 * calls(64)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_the_schedule_in_c_does_not_grow_with_the_rows(mode: InputMode) -> None:
    small, large = (schedule_tables(choose_plan(detector(size), M4, mode).plan) for size in (64, 128))
    assert not small.tables
    assert not large.tables
    assert len(large.waits) < 1.2 * len(small.waits)


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["rows"])
def test_compiled(mode: InputMode, tmp_path: Path) -> None:
    """The C waits as the planner says, also where the line of a wait begins below 0."""
    graph = detector(64)
    assert any(wait.plus < 0 for wait in schedule_tables(choose_plan(graph, M4, mode).plan).waits)
    climb(graph, tmp_path, mode, rungs=("gcc",))


@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_more_rows_than_the_schedule_can_count_are_refused(mode: InputMode) -> None:
    net = Net((2**15, 1, 1))
    graph = net.graph(net.conv("x", 1))
    for plan in (choose_plan, analyze_graph):
        with pytest.raises(CompileError, match=r"32,768 rows.*32,767"):
            plan(graph, M4, mode)


@pytest.mark.slow
def test_a_detector_of_512_x_512_within_a_gigabyte() -> None:
    graph = detector(512)
    assert len(graph.nodes) > 100
    assert max(tensor.height for tensor in graph.tensors.values()) > 26_880
    assert most_bytes(512) < 1024 * MEGABYTE
