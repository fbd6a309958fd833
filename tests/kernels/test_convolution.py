"""Every kernel of convolution climbs the ladder on sizes around its tile."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kernel_nets import extreme, with_zero
from ladder import climb, codes_for
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.kernels.convolution import estimate
from ircompile.kernels.dsp.tiles import run_order
from ircompile.kernels.windows import POINT, gather_of
from ircompile.pipeline import build
from ircompile.target import load_target
from ircompile.verification.runners.build import EMITTED_FLAGS
from ircompile.verification.runners.qemu import run_qemu

RUNGS = ("gcc", "cortex-m4")


COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33)


def pointwise_net(width: int, rounding: str, zero: int, counts: tuple[int, ...]) -> Graph:
    """1 x 1 from and to channel counts around the tiles, some read by a depthwise (rows of channels)."""
    net = with_zero(Net((2, width, 7), width, rounding), zero)
    outputs = []
    for count in counts:
        wide = net.conv("x", count, relu=count % 3 == 0)
        outputs.append(net.conv(wide, 1 + count % 6, relu=count % 2 == 0))
        if count % 5 == 0:
            extreme(net)
    for count in counts[:2]:
        outputs.append(net.depthwise(net.conv(outputs[-1], 3 * count, relu=True), (1, 1)))
    return net.graph(*outputs)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("width", "rounding", "zero", "counts"),
    [
        (1, "double", 127, COUNTS[::2]),
        (2, "float32_even", -128, COUNTS[::3]),
        (3, "double", -5, COUNTS[1::2]),
        (4, "single", 3, COUNTS[1::3]),
        (5, "double", -128, COUNTS[2::3]),
    ],
)
def test_pointwise(tmp_path: Path, width: int, rounding: str, zero: int, counts: tuple[int, ...]) -> None:
    climb(pointwise_net(width, rounding, zero, counts), tmp_path, rungs=(*RUNGS, "cortex-m3"))


WINDOWS = (
    ((3, 3), (1, 1), (1, 1)),
    ((3, 3), (2, 2), (1, 1)),
    ((1, 1), (2, 2), (1, 1)),
    ((5, 4), (2, 2), (1, 1)),
    ((2, 1), (1, 1), (1, 1)),
    ((1, 3), (1, 2), (1, 1)),
    ((3, 3), (1, 1), (2, 2)),
    ((2, 3), (1, 1), (1, 3)),
)


def window_net(size: tuple[int, int], rounding: str, zero: int, channels: tuple[int, ...]) -> Graph:
    """Windows of many sizes, strides, paddings and holes, on few and many channels."""
    net = with_zero(Net((*size, 3), size[1], rounding), zero)
    outputs = []
    for i, source in enumerate(["x", *(net.conv("x", count) for count in channels)]):
        for j, (kernel, stride, dilation) in enumerate(WINDOWS[i % 2 :: 1 + i % 2]):
            outputs.append(
                net.conv(source, 1 + (i + 2 * j) % 7, kernel, stride, dilation=dilation, relu=j % 2 == 0)
            )
            if j == 1:
                extreme(net)
    outputs.append(net.conv("x", 5, (2, 2), (1, 1), (1, 0, 0, 1)))
    outputs.append(net.conv("x", 3, (3, 3), (1, 1), (2, 2, 2, 2)))
    outputs.append(net.depthwise(net.conv("x", 6, (3, 3), relu=True)))
    return net.graph(*outputs)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("size", "rounding", "zero", "channels"),
    [
        ((5, 4), "double", 127, (1, 4)),
        ((7, 5), "float32_even", -128, (2, 16)),
        ((4, 9), "double", -3, (5, 1)),
        ((5, 2), "single", 9, (6, 2)),
    ],
)
def test_windows(
    tmp_path: Path, size: tuple[int, int], rounding: str, zero: int, channels: tuple[int, ...]
) -> None:
    climb(window_net(size, rounding, zero, channels), tmp_path, rungs=(*RUNGS, "cortex-m3"))


def neighbours_net(zero: int, ends: tuple[int, int], width: int) -> Graph:
    """Convolutions whose weights are these two by turns, and whose codes follow the sums over their whole range."""
    net = with_zero(Net((2, width, 3)), zero)
    outputs = []
    for count in (1, 3, 4, 5, 8):
        wide = net.conv("x", count)
        for kernel in ((1, 1), (2, 2)):
            outputs.append(net.conv(wide, 2 + count % 3, kernel, (1, 1), (0, 0, 0, 0)))
            op = net.nodes[-1].op
            assert isinstance(op, ops.Conv)
            weights = net.consts[op.weights].reshape(-1)
            weights[::2], weights[1::2] = ends
            net.consts[op.requant.scale][:] = 1 / (100 * count * kernel[0] * kernel[1])
    return net.graph(*outputs)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("zero", "ends", "width", "template"),
    [
        (127, (127, -128), 4, "tile_packed"),
        (-128, (-127, -127), 3, "tile_packed"),
        (0, (127, 127), 5, "tile_packed"),
        (9, (-128, -128), 3, "tile"),
    ],
)
def test_two_pixels_in_one_product(
    tmp_path: Path, zero: int, ends: tuple[int, int], width: int, template: str
) -> None:
    """Sums of two products up to the ends of int16; two weights of -128 do not fit."""
    graph = neighbours_net(zero, ends, width)
    compiled = climb(graph, tmp_path, rungs=("gcc", "cortex-m3", "cortex-m0plus"))["cortex-m3"]
    last = [node.name for node in graph.nodes if node.name in graph.output_names]
    assert {compiled.program.packed[name].shared["tile"][0] for name in last[2:]} == {template}


@pytest.mark.toolchain
def test_weights_of_sixteen_bits_and_large_sums(tmp_path: Path) -> None:
    """No two channels fit one halfword: weights beyond int8, and sums beyond 24 bits."""
    net = with_zero(Net((1, 3, 5)), -128)
    wide = net.conv("x", 6)
    net.consts[net.nodes[-1].op.weights] = (
        np.random.default_rng(0).integers(-255, 256, (6, 1, 1, 5)).astype(np.int16)
    )  # type: ignore[union-attr]
    deep = net.conv(net.conv("x", 601), 5)
    extreme(net)
    last = net.nodes[-1].op
    net.consts[last.bias][:] = [2**31 - 1, -(2**31), 2**30, 0, -(2**30)]  # type: ignore[union-attr]
    climb(net.graph(wide, deep), tmp_path, rungs=("gcc", "clang", "cortex-m3", "cortex-m33"))


@pytest.mark.toolchain
def test_intrinsics_instead_of_assembly(tmp_path: Path) -> None:
    """Clang compiles the same files without a warning; gcc's objects with the assembly off give the same codes."""
    graph = window_net((5, 4), "double", 3, (4, 5))
    compiled = climb(graph, tmp_path, rungs=("cortex-m4",))["cortex-m4"]
    header = subprocess.run(
        ["arm-none-eabi-gcc", "-E", "-x", "c", "-", "-include", "string.h"],
        input=b"", capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    includes = {str(Path(line.split('"')[1]).parent) for line in header.splitlines() if "/string.h" in line}
    target = ["--target=thumbv7em-none-eabi", "-mcpu=cortex-m4", "-mfloat-abi=hard", "-O2"]
    system = [part for folder in sorted(includes) for part in ("-isystem", folder)]
    command = ["clang", *target, *system, *EMITTED_FLAGS, "-c", "net.c", "-o", "net.o"]
    done = subprocess.run(command, cwd=tmp_path / "cortex-m4", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    without = replace(compiled.target, cflags=(*compiled.target.cflags, "-DNET_NO_ASM"))
    vectors = codes_for(graph, 4)
    result = run_qemu(tmp_path / "cortex-m4", compiled.interface, [[codes["x"]] for codes in vectors], without)
    for codes, outputs in zip(vectors, result.outputs, strict=True):
        expected = run_graph(graph, codes)
        assert all(np.array_equal(o, expected[n]) for o, n in zip(outputs, graph.output_names, strict=True))


def test_order_of_steps() -> None:
    """Whole words as SXTB16 splits them, then the rest, of each run or of all together; an even number of steps."""
    assert run_order([4]).tolist() == [[0, 2], [1, 3]]
    assert run_order([7]).tolist() == [[0, 2], [1, 3], [4, 5], [6, -1]]
    assert run_order([5, 5]).tolist() == [[0, 2], [1, 3], [4, -1], [5, 7], [6, 8], [9, -1]]
    assert run_order([5, 5], together=True).tolist() == [[0, 2], [1, 3], [5, 7], [6, 8], [4, 9], [-1, -1]]


def test_estimates_follow_the_work() -> None:
    """Twice the rows are twice the instructions; portable code takes more of them."""
    graph = Net((4, 8, 16))
    graph.conv("x", 24)
    op, net = graph.nodes[-1].op, graph.graph()
    site = net.site(net.nodes[-1])
    assert isinstance(op, ops.Conv)
    half = site._replace(output=replace(site.output, shape=(2, 8, 24)))
    gather = gather_of(op, site, True)
    assert estimate(op, site, True, gather) == 2 * estimate(op, half, True, gather)
    assert estimate(op, site, True, gather) < estimate(op, site, False, gather)


def deep_net(size: tuple[int, int], zero: int, counts: tuple[int, int]) -> Graph:
    """Windows on so many channels that their patch would be large: gathered row by row, or tap by tap."""
    net = with_zero(Net((*size, counts[0]), counts[1]), zero)
    outputs = [net.conv("x", counts[1], (3, 3), (stride, stride)) for stride in (1, 2)]
    outputs += [net.conv(net.conv("x", 64, relu=True), 7, (2, 3), dilation=(1, 2))]
    outputs += [net.conv("x", 6, (3, 3), (1, 1), (2, 2, 2, 2)), net.conv("x", 4)]
    extreme(net)
    return net.graph(*outputs)


def ways(graph: Graph, frugal: bool) -> list[int]:
    """How many passes each window takes."""
    windows = [(node, node.op) for node in graph.nodes if isinstance(node.op, ops.Conv)]
    return [gather_of(op, graph.site(node), True, frugal).passes for node, op in windows if op.window != POINT]


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("size", "zero", "counts", "passes"),
    [
        ((4, 5), 127, (32, 5), [3, 3, 2, 3]),
        ((3, 1), -128, (64, 39), [9, 9, 2, 3]),
        ((5, 6), -5, (24, 33), [1, 1, 2, 1]),
    ],
)
def test_windows_in_passes(
    tmp_path: Path, size: tuple[int, int], zero: int, counts: tuple[int, int], passes: list[int]
) -> None:
    """One function gathers whole windows, rows of them and single taps."""
    graph = deep_net(size, zero, counts)
    assert ways(graph, frugal=False) == passes
    climb(graph, tmp_path, rungs=RUNGS)


@pytest.mark.toolchain
def test_the_least_plan_gathers_in_less_scratch(tmp_path: Path) -> None:
    """More passes where the scratch is part of the peak; the same codes."""
    net = Net((9, 8, 16))
    graph = net.graph(net.conv(net.conv("x", 16, (3, 3)), 18, (3, 3), (2, 2)))
    assert ways(graph, frugal=False) == [1, 1]
    assert ways(graph, frugal=True) == [3, 3]
    usual = build(graph, load_target("cortex-m4"), "net")
    compiled = climb(graph, tmp_path, rungs=("cortex-m4",), ram="min")["cortex-m4"]
    assert any(kernel.frugal for kernel in compiled.lowered.kernels.values())
    assert compiled.plan.arena_bytes < usual.plan.arena_bytes
