"""Windows that are gathered at once where the arena has room for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ladder import climb
from nets import Net

from ircompile.ir.graph import Graph, Node
from ircompile.kernels.model import Kernel
from ircompile.pipeline import build
from ircompile.target import MemoryRegion, Target, load_target
from ircompile.variants import choose, roomy
from ircompile.variants.tradeoffs import PlanVariant


def tapering() -> Graph:
    """Windows of many channels behind a wide picture, whose bytes are free when they are computed."""
    net = Net((32, 32, 6), 4)
    x = net.conv("x", 30, (3, 3), (4, 4), relu=True)
    x = net.conv(x, 40, (3, 3), (2, 2))
    return net.graph(net.conv(x, 37, (3, 3), dilation=(1, 2)))


@pytest.mark.toolchain
def test_room_is_made_use_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The arena stays as it is; on cores whose windows are not gathered bit by bit nothing changes."""
    graph, rungs = tapering(), ("gcc", "cortex-m4", "cortex-m33", "cortex-m3")
    before = {core: build(graph, load_target(core), "net") for core in rungs[1:]}
    monkeypatch.setattr(choose, "with_whole_windows", roomy.with_whole_windows)
    after = climb(graph, tmp_path, rungs=rungs)
    for core, old in before.items():
        new = after[core]
        assert new.interface.arena_bytes <= old.interface.arena_bytes
        assert any(kernel.roomy for kernel in new.lowered.kernels.values()) == (core != "cortex-m3")


def test_room_for_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none for all, those that have room are found one by one."""
    find = roomy._roomy

    def hungry(variant: PlanVariant, node: Node, target: Target) -> Kernel | None:
        kernel = find(variant, node, target)
        return replace(kernel, scratch=10**6) if kernel and node.name == "conv1" else kernel

    monkeypatch.setattr(roomy, "_roomy", hungry)
    monkeypatch.setattr(choose, "with_whole_windows", roomy.with_whole_windows)
    kernels = build(tapering(), load_target("cortex-m4"), "net").lowered.kernels
    assert {name for name, kernel in kernels.items() if kernel.roomy} == {"conv2"}


def test_in_the_memories_of_a_board(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without a board where one memory holds it all; where it is divided, those for which a memory has room."""
    monkeypatch.setattr(choose, "with_whole_windows", roomy.with_whole_windows)
    graph, core = tapering(), load_target("cortex-m4")
    alone = build(graph, core, "net")
    size = alone.plan.arena_bytes
    slow = MemoryRegion("slow", 2 * size)
    one = build(graph, core, "net", memory=[MemoryRegion("sram", size)])
    both = build(graph, core, "net", memory=[MemoryRegion("fast", size), slow])
    divided = build(graph, core, "net", memory=[MemoryRegion("fast", size // 3), slow])
    monkeypatch.setattr(choose, "with_whole_windows", lambda variant, target, place: variant)
    before = build(graph, core, "net", memory=[MemoryRegion("fast", size // 3), slow])
    assert any(kernel.roomy for kernel in alone.lowered.kernels.values())
    assert one.lowered.kernels == both.lowered.kernels == alone.lowered.kernels
    assert one.plan.arena_bytes == both.plan.arena_bytes == size
    assert [name for name, kernel in divided.lowered.kernels.items() if kernel.roomy] == ["conv1"]
    assert all(new.bytes <= old.bytes for new, old in zip(divided.plan.regions, before.plan.regions, strict=True))
