"""Helium's convolutions of 16-bit codes on the emulated Cortex-M55: all tiles, tails, borders and layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb, codes_for, join
from test_sixteen_bits import Wide

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.helium.wide import words_of
from ircompile.pipeline import build
from ircompile.qtype import INT16
from ircompile.target import load_target
from ircompile.verification.runners.qemu import run_qemu
from ircompile.verification.sequences import run_vectors

POINT, SAME = ops.Window((1, 1)), ops.Window((3, 3), (1, 1), (1, 1, 1, 1))


def pointwise(width: int, depth: int, channels: int, turned: bool = False) -> Graph:
    """A pointwise layer; `turned`: a depthwise one behind it, so that channels of pixels come out."""
    net = Wide((3, width, depth), width + depth)
    x = net.dense("x", channels, POINT, low=-500 if channels % 2 else INT16.low)
    return net.graph(net.thin(x, SAME) if turned else x)


def windowed(width: int, depth: int, channels: int, window: ops.Window) -> Graph:
    net = Wide((5, width, depth), width)
    return net.graph(net.dense("x", channels, window))


def depthwise(width: int, channels: int, window: ops.Window, multiplier: int = 1, pixels: bool = True) -> Graph:
    """A depthwise layer; without `pixels` another one behind it, so that channels of pixels come out."""
    net = Wide((6, width, channels), width)
    x = net.thin("x", window, multiplier, low=0 if width % 2 else INT16.low)
    return net.graph(x if pixels else net.thin(x, SAME))


POINTWISE = [
    pointwise(width, depth, channels, turned)
    for width, depth, channels, turned in [
        (1, 8, 4, False), (2, 3, 5, False), (3, 16, 8, False), (4, 19, 1, False), (7, 40, 9, False),
        (4, 8, 3, True), (5, 19, 4, True), (9, 24, 7, True), (3, 10, 6, True), (12, 7, 2, True),
        (8, 8, 8, True), (6, 9, 5, True), (7, 15, 4, True), (11, 16, 6, True), (4, 17, 3, True), (10, 31, 4, True),
        (5, 32, 3, True), (6, 40, 2, True), (7, 47, 4, True), (9, 8, 7, False), (5, 13, 2, False),
        (6, 16, 8, False), (10, 20, 5, False), (4, 39, 6, False),
    ]
]  # fmt: skip
WINDOWED = [
    windowed(7, 3, 5, SAME),
    windowed(9, 8, 4, ops.Window((3, 3), (2, 2), (0, 1, 0, 1))),
    windowed(8, 5, 3, ops.Window((2, 3), (1, 1), (1, 1, 4, 4), (2, 4))),
    windowed(3, 4, 6, ops.Window((5, 5), (1, 1), (2, 2, 2, 2))),
]

LEFT_TO_OTHERS = [
    depthwise(8, 3, SAME, 2),
    depthwise(11, 2, ops.Window((7, 5), (1, 1), (3, 3, 2, 2)), pixels=False),
    depthwise(10, 3, ops.Window((3, 3), (1, 1), (2, 2, 3, 3), (2, 3))),
]
"""Depthwise layers without a vector of channels, or whose taps lie apart."""


@pytest.mark.toolchain
@pytest.mark.parametrize(
    "graphs", [POINTWISE, WINDOWED, LEFT_TO_OTHERS], ids=["pointwise", "windowed", "left to others"]
)
def test_on_the_board(graphs: list[Graph], tmp_path: Path) -> None:
    climb(join(graphs), tmp_path, rungs=("cortex-m55",))


@pytest.mark.toolchain
def test_intrinsics_beside_assembly(tmp_path: Path) -> None:
    climb_without_assembly(join(POINTWISE + WINDOWED), tmp_path)


def climb_without_assembly(graph: Graph, tmp_path: Path) -> None:
    """What a compiler without the assembly takes is the network, too."""
    target = load_target("cortex-m55")
    compiled = build(graph, target, "net")
    compiled.write(tmp_path)
    text = (tmp_path / "net.c").read_text()
    assert text.count("NET_HELIUM_ASM 1") == 1
    (tmp_path / "net.c").write_text(text.replace("NET_HELIUM_ASM 1", "NET_HELIUM_ASM 0"))
    vectors = codes_for(graph, 4)
    arrays = [[vector[name] for name in graph.input_names] for vector in vectors]
    found = run_qemu(tmp_path, compiled.interface, arrays, target, timeout=3600).outputs
    for wanted, codes in zip(run_vectors(graph, vectors), found, strict=True):
        for name, values in zip(graph.output_names, codes, strict=True):
            np.testing.assert_array_equal(values, wanted[name])


def test_kernels_are_taken() -> None:
    """Those of this file, and not where a sum needs 64 bits or a scale another shift."""
    target = load_target("cortex-m55")

    def templates(graph: Graph) -> list[str]:
        return [kernel.template for kernel in build(graph, target, "net").lowered.kernels.values()]

    assert templates(POINTWISE[0]) == ["wide_dense"]
    assert templates(WINDOWED[0]) == ["wide_windows"]
    packed = build(join(POINTWISE), target, "net").program.packed.values()
    assert {of.key.get("filters", 0) for of in packed} >= {0, 1, 2}
    assert templates(LEFT_TO_OTHERS[0]) == ["depthwise_pairs", "copy"]
    assert templates(LEFT_TO_OTHERS[2]) == ["depthwise", "copy"]
    net = Wide((2, 4, 8))
    net.largest_bias = 2**40
    assert templates(net.graph(net.dense("x", 4, POINT))) == ["long_sums"]
    steep = Wide((2, 4, 8))
    steep.dense("x", 4, POINT)
    steep.consts["s0"] = np.full(4, 3.0)
    assert templates(steep.graph()) == ["pointwise"]


def test_multipliers_are_the_reference() -> None:
    """VQRDMULH of the words is TFLite's rounding, over random accumulators and at their ends."""
    graph = POINTWISE[4]
    node = graph.nodes[0]
    assert isinstance(node.op, ops.Conv)
    site = graph.site(node)
    words = words_of(node.op, site).astype(np.int64)
    rng = np.random.default_rng(1)
    acc = np.concatenate([rng.integers(-(2**31), 2**31, (2000, len(words))), np.full((1, len(words)), 2**31 - 1)])
    found = np.clip((2 * acc * words[:, 1] + 2**31) >> 32, node.op.requant.low, node.op.requant.high)
    from ircompile.ir.numerics import requantize

    np.testing.assert_array_equal(found, requantize(acc, node.op.requant, site.consts))
