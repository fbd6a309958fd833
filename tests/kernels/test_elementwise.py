"""Element-wise kernels: every count around the tile, broadcasts, constants, all arithmetic."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from kernel_nets import shuffled
from ladder import climb, codes_for, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain
SCALES = [(0.05, 0.05), (0.1, 0.025), (0.0312, 0.0777), (0.5, 0.003), (0.02, 0.02)]


def binary(
    shape: tuple[int, int, int],
    kind: str,
    rounding: str,
    seed: int,
    other: tuple[int, int, int] | None = None,
    constant: str = "",
    clamp: bool = False,
) -> Graph:
    """Two tables of one input, so that all pairs of codes meet, and the op."""
    net = Net(shape, seed)
    scale, out = SCALES[seed % len(SCALES)]
    low, high = (-77, 101) if clamp else (-128, 127)
    if constant:
        value = net.rng.integers(-128, 128, other or shape).astype(np.int8)
        net.consts["k"] = value
        held = ops.Constant("k", scale, int(net.rng.integers(-128, 128)), constant == "first")
        op = ops.Binary(kind, rounding, low, high, held)  # type: ignore[arg-type]
        return net.graph(net.add("op", op, (shuffled(net, "x"),), out, int(net.rng.integers(-60, 60))))
    a = shuffled(net, "x")
    b = shuffled(net, "x") if other is None else smaller(net, other)
    if rounding == "raw":
        same = net.tensors[a]
        return net.graph(net.add("op", ops.Binary(kind, rounding, low, high), (a, b), same.scale, same.zero_point))  # type: ignore[arg-type]
    return net.graph(
        net.add("op", ops.Binary(kind, rounding, low, high), (a, b), out, int(net.rng.integers(-60, 60)))
    )  # type: ignore[arg-type]


def smaller(net: Net, shape: tuple[int, int, int]) -> str:
    """The mean of the input over height and width, or of one of them."""
    axes = {(True, True): "hw", (True, False): "h", (False, True): "w"}[shape[0] == 1, shape[1] == 1]
    return net.add("mean", ops.Mean(axes), ("x",))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["add", "sub", "mul"])
def test_two_tensors(tmp_path: Path, kind: str) -> None:
    sizes = [(1, 1, 1), (2, 1, 3), (1, 4, 1), (3, 5, 1), (2, 3, 3), (1, 5, 5), (16, 16, 4)]
    graphs = [
        binary(size, kind, rounding, seed, clamp=seed % 3 == 0)
        for rounding in ("double", "float32_even")
        for seed, size in enumerate(sizes)
    ]
    climb(join(graphs), tmp_path)


def test_broadcasts_and_constants(tmp_path: Path) -> None:
    shape = (3, 4, 5)
    others = [(1, 1, 5), (1, 4, 5), (3, 1, 5)]
    cases = product(["add", "mul"], ["double", "float32_even"], others)
    graphs = [binary(shape, *case[:2], seed, case[2]) for seed, case in enumerate(cases)]
    constants = product(
        ["add", "sub", "mul"], [(1, 1, 1), (1, 1, 5), (1, 4, 1), (3, 1, 5), (3, 4, 5)], ["first", "second"]
    )
    graphs += [
        binary(shape, kind, ("double", "float32_even")[seed % 2], seed, other, constant)
        for seed, (kind, other, constant) in enumerate(constants)
    ]
    climb(join(graphs[:24]), tmp_path / "1", rungs=("gcc", "cortex-m4"))
    climb(join(graphs[24:]), tmp_path / "2", rungs=("gcc", "cortex-m4"))


def test_extremes_tables_and_flips(tmp_path: Path) -> None:
    graphs = [binary((2, 3, n), kind, "raw", n) for kind in ("min", "max") for n in (1, 2, 3)]
    for width in range(1, 9):
        net = Net((2, width, 1), width)
        graphs.append(net.graph(shuffled(net, "x")))
        net = Net((3, width, 1), width, dtype="uint8")
        net.tensors["x"] = net.tensors["x"].__class__("x", (3, width, 1), "uint8", 0.05, 17)
        graphs.append(net.graph(net.add("flip", ops.Flip(), ("x",), 0.05, 17 - 128)))
    graph = join(graphs)
    climb(graph, tmp_path, vectors=codes_for(graph, 3), rungs=("gcc", "cortex-m4"))


def test_rows_of_channels_where_a_depthwise_reads_them(tmp_path: Path) -> None:
    net = Net((9, 7, 3), 4)
    a = shuffled(net, net.conv("x", 6))
    x = net.depthwise(net.sum(a, net.conv("x", 6)))
    x = net.depthwise(shuffled(net, shuffled(net, x)), stride=(2, 2))
    mean = net.add("mean", ops.Mean("hw"), (x,))
    y = shuffled(net, "x")
    graph = net.graph(net.conv(net.sum(shuffled(net, x), mean, "mul"), 4), net.depthwise(y))
    built = climb(graph, tmp_path, rungs=("gcc", "cortex-m0plus", "cortex-m4", "cortex-m55"))
    (copy,) = [node for node in built["cortex-m4"].lowered.graph.nodes if isinstance(node.op, ops.Copy)]
    assert copy.inputs == (y,)  # what is made of the input is the only one that has its pixels


ALPHAS = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 1, 1), (1, 0, 0), (1, 0, 1), (0, 1, 1)]


def prelu(shape: tuple[int, int, int], spread: tuple[int, int, int], rounding: str, seed: int) -> Graph:
    net = Net(shape, seed)
    size = [n if wide else 1 for n, wide in zip(shape, spread, strict=True)]
    net.consts["alpha"] = net.rng.choice([-128, 127, 0, *net.rng.integers(-128, 128, 8)], size).astype(np.int8)
    scale, zero = float(net.rng.choice([0.0005, 0.01, 0.3])), int(net.rng.choice([-128, 0, 5, 127]))
    op = ops.Prelu("alpha", scale, zero, rounding)  # type: ignore[arg-type]
    out = float(net.rng.choice([0.004, 0.05, 0.06, 0.9]))
    return net.graph(net.add("prelu", op, ("x",), out, int(net.rng.choice([-128, -3, 127]))))


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_prelu(tmp_path: Path, rounding: str) -> None:
    shapes = [(5, 4, 6), (1, 1, 9), (3, 1, 1)]
    graphs = [
        prelu(shape, spread, rounding, 3 * n + m)  # type: ignore[arg-type]
        for n, spread in enumerate(ALPHAS)
        for m, shape in enumerate(shapes)
    ]
    climb(join(graphs), tmp_path)


def test_tables_of_codes(tmp_path: Path) -> None:
    """Tables of an int8 input: of few channels, which are written one by one, and of many."""
    graphs = []
    for n, (shape, count) in enumerate([((1, 1, 1), 1), ((3, 5, 3), 3), ((2, 7, 4), 1), ((4, 2, 7), 7)]):
        net = Net(shape, n)
        net.consts["p"] = net.rng.integers(-128, 128, (count, 256)).astype(np.int8)
        graphs.append(net.graph(net.add("codes", ops.PixelTable("p"), ("x",))))
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))


def test_tables_of_pixels(tmp_path: Path) -> None:
    """One table for all channels, and one for each, of a uint8 input."""
    graphs = []
    for n, (shape, count) in enumerate([((1, 1, 1), 1), ((3, 5, 3), 3), ((2, 7, 4), 1), ((4, 2, 2), 2)]):
        net = Net(shape, n, dtype="uint8")
        net.tensors["x"] = replace(net.tensors["x"], zero_point=17 * n)
        net.consts["p"] = net.rng.integers(-128, 128, (count, 256)).astype(np.int8)
        graphs.append(net.graph(net.add("pixels", ops.PixelTable("p"), ("x",))))
    climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m4"))


def test_tables_that_give_codes_back(tmp_path: Path) -> None:
    """Of another scale and zero point, so that they stay: in place, and beside another reader."""
    net = Net((4, 5, 3))
    net.consts["same"] = np.arange(-128, 128).astype(np.int8)
    scaled = net.add("same", ops.Table("same"), ("x",), 0.011, 17)
    inner = shuffled(net, "x")
    again = net.add("again", ops.Table("same"), (inner,), 0.07, -9)
    graph = net.graph(net.conv(scaled, 5), again, net.conv(inner, 2, (3, 3)))
    compiled = climb(graph, tmp_path)["cortex-m4"]
    templates = [kernel.template for kernel in compiled.lowered.kernels.values()]
    assert templates.count("same_codes") == 2
