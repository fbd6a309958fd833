"""3 x 3 convolutions by Winograd's F(2, 3), around their tiles of four pixels by four channels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb, climb_on_host, codes_for
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.kernels.model import Kernel
from ircompile.pipeline import Compiled, build
from ircompile.target import MemoryRegion, SlowFlash, Target, load_target
from ircompile.variants import roomy, winograd
from ircompile.variants.tradeoffs import PlanVariant

CORES = ("cortex-m4", "cortex-m7", "cortex-m33")
SAME, VALID, ODD = None, (0, 0, 0, 0), (2, 1, 0, 3)


def exchanged(variant: PlanVariant, found: Mapping[str, Kernel], place: roomy.Place) -> PlanVariant:
    """The plan with all these kernels."""
    return roomy.exchanged(variant, found)


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer that the kernel serves has it, whatever the arena."""
    monkeypatch.setattr(winograd, "WORTH", 0)
    monkeypatch.setattr(winograd, "with_kernels", exchanged)


def layers(width: int, depth: int, rounding: str = "double", height: int = 4) -> Graph:
    """Windows of one depth and all kinds of padding, with RELU and without, for readers of either layout."""
    net = Net((height, width, depth), width + depth, rounding)
    net.tensors["x"] = replace(net.tensors["x"], zero_point=[-128, 127, 3][width % 3])
    outputs = [net.conv("x", 4, (3, 3), padding=SAME, relu=True), net.conv("x", 8, (3, 3), padding=ODD)]
    outputs += [net.conv("x", 20, (3, 3), padding=VALID)] * (width >= 6)
    return net.graph(*outputs, net.depthwise(net.conv("x", 12, (3, 3), padding=SAME)))


def served(compiled: Compiled) -> int:
    """How many layers have the kernel."""
    return sum(kernel.template == "winograd" for kernel in compiled.lowered.kernels.values())


@pytest.mark.toolchain
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("width", "depth", "rounding"),
    [
        (4, 8, "double"),
        (5, 16, "single"),
        (6, 8, "float32_even"),
        (7, 24, "double"),
        (8, 8, "single"),
        (9, 16, "double"),
        (12, 32, "double"),
        (13, 8, "float32_even"),
    ],
)
def test_widths(everywhere: None, tmp_path: Path, width: int, depth: int, rounding: str) -> None:
    graph = layers(width, depth, rounding)
    built = climb(graph, tmp_path, rungs=("cortex-m4",))["cortex-m4"]
    assert served(built) == 3 + (width >= 6)
    climb_on_host(built, tmp_path / "cortex-m4", codes_for(graph, 4))


@pytest.mark.toolchain
def test_cores(everywhere: None, tmp_path: Path) -> None:
    built = climb(layers(6, 8), tmp_path, rungs=(*CORES, "cortex-m4 -O0", "cortex-m55"))
    assert [served(built[core]) for core in (*CORES, "cortex-m55")] == [4, 4, 4, 0]


@pytest.mark.toolchain
def test_extremes(everywhere: None, tmp_path: Path) -> None:
    """Weights of -128 and 127 alone, of one sign or alternating; of 9 bits, as uint8 ones less their zero point."""
    net = Net((3, 6, 16), 1)
    net.tensors["x"] = replace(net.tensors["x"], zero_point=127)
    outputs = [net.conv("x", 4, (3, 3)) for _ in range(2)]
    taps = np.where(np.arange(3) % 2, 127, -128)
    net.consts["w0"] = np.stack([np.full((3, 3, 16), -128), np.full((3, 3, 16), 127), *[
        np.broadcast_to(sign * taps[:, np.newaxis] + (sign < 0), (3, 3, 16)) for sign in (1, -1)
    ]]).clip(-128, 127).astype(np.int8)  # fmt: skip
    net.consts["w1"] = (net.rng.integers(0, 2, (4, 3, 3, 16)) * 255 - 151).astype(np.int16)
    graph = net.graph(*outputs)
    built = climb(graph, tmp_path, rungs=("cortex-m4",), vectors=codes_for(graph, 8))["cortex-m4"]
    assert served(built) == 2
    climb_on_host(built, tmp_path / "cortex-m4", codes_for(graph, 8))


def test_what_it_serves(everywhere: None) -> None:
    """Windows of other shapes, depths and widths, and sums that doubled leave int32, keep the other kernel."""
    net = Net((6, 6, 8), 2)
    outputs = [
        net.conv("x", 4, (3, 3), (2, 2)), net.conv("x", 4, (5, 3)), net.conv("x", 4, (3, 3), dilation=(1, 2)),
        net.conv("x", 6, (3, 3)), net.conv("x", 4, (3, 4)), net.conv(net.conv("x", 4), 4, (3, 3)),
        net.conv(net.input((6, 5, 8)), 4, (3, 3), padding=VALID), net.conv("x", 4, (3, 3)),
    ]  # fmt: skip
    net.consts[net.nodes[-1].op.bias][0] = 2**30  # type: ignore[union-attr]
    assert served(build(net.graph(*outputs), load_target("cortex-m4"), "net")) == 0


def test_weights_whose_sums_leave_int16(everywhere: None) -> None:
    """Weights of 16 bits, as a graph's own text may have them, keep the other kernel."""
    net = Net((4, 6, 8), 3)
    output = net.conv("x", 4, (3, 3))
    net.consts["w0"] = np.full((4, 3, 3, 8), 12000, np.int16)
    assert served(build(net.graph(output), load_target("cortex-m4"), "net")) == 0


@pytest.mark.toolchain
def test_one_function(everywhere: None, tmp_path: Path) -> None:
    """Layers with RELU and without share it, and those of equal geometry its numbers."""
    net = Net((5, 8, 16), 5)
    net.tensors["x"] = replace(net.tensors["x"], zero_point=-128)
    outputs = [net.conv(net.conv("x", 16, (3, 3), relu=True), 16, (3, 3)), net.conv("x", 8, (3, 3), relu=True)]
    built = climb(net.graph(*outputs), tmp_path, rungs=("cortex-m4",))["cortex-m4"]
    assert served(built) == 3
    code = str(built.files()["net.c"])
    assert len(set(re.findall(r"static void (net_winograd_high\w*)\(", code))) == 1
    assert len(re.findall(r"&net_geometry_\d", code)) == 2


def tapering(channels: int) -> Graph:
    """Windows of few weights on a large map, and of many on a small one."""
    net = Net((32, 32, channels), 4)
    x = net.conv(net.conv("x", channels, (3, 3), relu=True), 64, (3, 3), (4, 4))
    return net.graph(net.conv(x, 64, (3, 3)))


def test_where_it_is_worth_it() -> None:
    """The layer of few weights alone; none where flash is preferred, or where weights are waited for."""
    graph, core = tapering(16), load_target("cortex-m4")
    kernels = build(graph, core, "net").lowered.kernels
    assert [name for name, kernel in kernels.items() if kernel.template == "winograd"] == ["conv0"]
    assert served(build(graph, core, "net", prefer="size")) == 0
    slow: Target = replace(core, slow_flash=SlowFlash(16384, 16.0))
    assert served(build(graph, slow, "net")) == 0


def test_the_arena_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room or without."""
    graph, core = tapering(8), load_target("cortex-m4")
    monkeypatch.setattr(winograd, "WORTH", 10**6)
    before = build(graph, core, "net").plan.arena_bytes
    monkeypatch.setattr(winograd, "WORTH", 0)
    assert build(graph, core, "net").plan.arena_bytes <= before


@pytest.mark.toolchain
def test_several_memories(tmp_path: Path) -> None:
    """In each of them there is room, and nothing moves to a slower one; the C knows where."""
    graph, core, slow = tapering(16), load_target("cortex-m4"), MemoryRegion("slow", 2**20)
    whole = build(graph, core, "net").plan.arena_bytes
    for part in (2, 4, 8):
        memory = [MemoryRegion("fast", whole // part), slow]
        less = build(graph, core, "net", memory=memory, prefer="size").plan
        built = build(graph, core, "net", memory=memory)
        assert served(built) == 1
        assert [new.bytes <= old.bytes for new, old in zip(built.plan.regions, less.regions, strict=True)] == [
            True
        ] * 2
    vectors = codes_for(graph, 2)
    built.write(tmp_path)
    climb_on_host(built, tmp_path, vectors)
