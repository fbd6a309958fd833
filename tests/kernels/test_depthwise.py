"""Depthwise convolution: sizes around every tile, borders, layouts, wide weights, extremes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ladder import climb, climb_on_host, codes_for, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels import depthwise_plain
from ircompile.kernels.lower import lower
from ircompile.kernels.requantize import Form
from ircompile.pipeline import build
from ircompile.target import load_target

Padding = tuple[int, int, int, int]


def climb_all(graphs: list[Graph], folder: Path, intrinsics: bool = True) -> None:
    """Many networks side by side, not too many: the plan takes the square of their number.

    `intrinsics`: the code for the board also runs on the host, its assembly replaced by what it stands for.
    """
    for first in range(0, len(graphs), 24):
        graph, place = join(graphs[first : first + 24]), folder / str(first)
        vectors = codes_for(graph, 4)
        compiled = climb(graph, place, vectors=vectors, rungs=("gcc", "cortex-m4"))["cortex-m4"]
        if intrinsics:
            climb_on_host(compiled, place / "cortex-m4", vectors)


def layer(
    shape: tuple[int, int, int],
    kernel: tuple[int, int] = (3, 3),
    stride: int = 1,
    padding: Padding | None = None,
    dilation: int = 1,
    multiplier: int = 1,
    seed: int = 0,
    rounding: str = "double",
    wide: bool = False,
    extreme: bool = False,
    planar: bool = False,
    relu: bool = True,
    steep: bool = False,
) -> Graph:
    """One depthwise layer; `planar`: another reads it, so that it writes channel after channel.

    steep: small weights, and about a code for each unit of a sum.
    """
    net = Net(shape, seed, rounding)
    if extreme:
        net.tensors["x"] = replace(net.tensors["x"], zero_point=(-128, 127, 0)[seed % 3])
    x = net.depthwise("x", kernel, (stride, stride), padding, (dilation, dilation), multiplier, relu)
    if wide or extreme:
        weights = net.consts["w0"]
        least, most = (-255, 255) if wide else (-128, 127)
        chosen = (
            net.rng.choice([least, most], weights.shape)
            if extreme
            else net.rng.integers(least, most + 1, weights.shape)
        )
        net.consts["w0"] = chosen.astype(np.int16 if wide else np.int8)
    if steep:
        net.consts |= {"w0": net.consts["w0"] % 3 - 1, "b0": net.consts["b0"] // 64, "s0": net.consts["s0"] * 200}
    if planar:
        net.depthwise(x, (1, 1))
    return net.graph()


def kernels(graph: Graph, target: str = "cortex-m4") -> set[str]:
    lowered = lower(graph, load_target(target))
    return {lowered.kernels[n.name].template for n in lowered.graph.nodes if isinstance(n.op, ops.Depthwise)}


def grid(rounding: str = "double") -> list[Graph]:
    """3 x 3 at every width around the tiles, both strides, SAME padding, none, and one on one side."""
    graphs: list[Graph] = []
    widths = [*range(1, 10), 12, 13, 15, 16, 17]
    for number, (width, stride) in enumerate(product(widths, (1, 2))):
        for padding in (None, (0, 0, 0, 0), (1, 0, 1, 0), (1, 1, 1, 1), (0, 1, 0, 1)):
            height = 1 + number % 4
            if padding and (width + padding[2] + padding[3] < 3 or height + padding[0] + padding[1] < 3):
                continue
            graphs.append(
                layer((height, width, 1 + number % 5), stride=stride, padding=padding, seed=number,
                      rounding=rounding, relu=number % 3 > 0, planar=number % 7 == 0)
            )  # fmt: skip
    return graphs


@pytest.mark.toolchain
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_every_width_of_3x3(tmp_path: Path, rounding: str) -> None:
    graphs = grid(rounding)[:: 1 if rounding == "double" else 3]
    assert set().union(*map(kernels, graphs)) == {
        "depthwise_3x3",
        "depthwise_column",
        "depthwise_narrow",
        "depthwise_short",
        "depthwise_strip",
        "depthwise_taps",
    }
    climb_all(graphs, tmp_path, rounding == "double")


@pytest.mark.toolchain
def test_other_kernels(tmp_path: Path) -> None:
    sizes = [(1, 1), (2, 2), (1, 3), (3, 1), (4, 4), (5, 5), (2, 6), (7, 7), (1, 8), (1, 11)]
    graphs = [
        layer((3, width, 2), kernel, stride, seed=seed, planar=seed % 2 == 0)
        for seed, (kernel, (width, stride)) in enumerate(
            product(sizes, [(1, 1), (3, 1), (5, 1), (6, 2), (10, 3), (16, 2), (17, 1)])
        )
    ]
    graphs += [layer((h, w, 2), (7, 7), seed=h) for h, w in ((1, 3), (2, 5), (4, 6), (5, 11))]
    graphs += [layer((5, 7, 3), dilation=2, seed=1), layer((9, 16, 2), (5, 5), dilation=3, seed=2)]
    graphs += [layer((5, 7, 3), (3, 3), 2, (2, 2, 2, 2), seed=3), layer((5, 9, 3), (5, 5), 1, (0, 0, 0, 0), seed=4)]
    climb_all(graphs, tmp_path)


@pytest.mark.toolchain
def test_multipliers_wide_weights_and_extremes(tmp_path: Path) -> None:
    graphs: list[Graph] = []
    cases = product([(3, 3), (5, 5), (2, 2), (7, 7)], (1, 2), (1, 2, 3), (False, True))
    for seed, (kernel, stride, multiplier, wide) in enumerate(cases):
        shape = (4, 8 + seed % 3 if seed % 4 else 3, 1 + seed % 2)
        graphs.append(
            layer(shape, kernel, stride, multiplier=multiplier, seed=seed, wide=wide, extreme=seed % 4 > 1)
        )
    graphs.append(layer((12, 12, 1), stride=2, multiplier=8, seed=99))
    climb_all(graphs, tmp_path)


@pytest.mark.toolchain
def test_long_rows_of_3x3(tmp_path: Path) -> None:
    """Rows that end in four outputs, in two, and with one done again; sums that are shifted and then scaled."""
    sides = {1: ((1, 1), (0, 1), (0, 0)), 2: ((0, 1), (1, 0), (1, 1), (0, 0))}
    cases = [(width, stride, side) for stride in (1, 2) for width in range(9, 16) for side in sides[stride]]
    graphs = [
        layer((3, width * stride, 1 + seed % 3), stride=stride, padding=(seed % 2, 1, *side), seed=seed,
              multiplier=1 + (seed % 5 == 4), wide=seed % 4 == 3, extreme=seed % 3 == 2, planar=seed % 7 == 0,
              steep=seed % 2 > 0)
        for seed, (width, stride, side) in enumerate(cases)
    ]  # fmt: skip
    graphs += [layer((4, 6, 3), seed=3), layer((5, 12, 2), stride=2, seed=4), layer((4, 5, 2), seed=5, planar=True)]
    graphs += [layer((4, 24, 2), seed=1, steep=True), layer((4, 48, 1), stride=2, multiplier=7, seed=2)]
    packed = []
    for first in range(0, len(graphs), 24):
        rungs = ("gcc", "clang", "cortex-m4", "cortex-m4 -O0", "cortex-m7", "cortex-m33")
        compiled = climb(join(graphs[first : first + 24]), tmp_path / str(first), rungs=rungs)["cortex-m4"]
        packed += compiled.program.packed.values()
    blocks = [p for p in packed if p.key.get("fours")]
    assert {p.key["stride"] for p in blocks} == {1, 2}
    assert {p.form.pre > 0 for p in blocks if isinstance(p.form, Form)} == {False, True}


@pytest.mark.toolchain
def test_portable_code_on_small_cores(tmp_path: Path) -> None:
    """Without DSP instructions, with word loads of any address and without; without a long multiply."""
    graphs = [
        layer((3, width, 3), kernel, stride, multiplier=1 + seed % 2, seed=seed, wide=seed % 5 == 0,
              extreme=seed % 3 == 0, planar=seed % 4 == 0)
        for seed, (width, (kernel, stride)) in enumerate(
            product((1, 3, 5, 6, 7, 13), (((3, 3), 1), ((3, 3), 2), ((5, 5), 1), ((1, 7), 2)))
        )
    ]  # fmt: skip
    assert set().union(*(kernels(graph, "cortex-m3") for graph in graphs)) == {"depthwise", "depthwise_column"}
    climb(join(graphs), tmp_path, rungs=("cortex-m3", "cortex-m0plus"))


@pytest.mark.toolchain
def test_rows_of_one_block_and_wide_windows_on_small_cores(tmp_path: Path) -> None:
    """Rows that are read as they lie, with padding on no, one and both sides; windows that slide in assembly."""
    graphs = [
        layer((4, 5, 3), (3, 3), 1, seed=0, planar=True),
        layer((4, 6, 2), (3, 3), 1, (1, 0, 1, 1), seed=1, multiplier=2),
        layer((5, 11, 3), (3, 3), 2, seed=2, extreme=True), layer((4, 8, 2), (3, 3), 1, (0, 0, 0, 0), seed=3),
        layer((3, 5, 3), (2, 2), 1, (0, 1, 0, 1), seed=4), layer((6, 5, 2), (5, 5), 2, seed=5),
        layer((8, 13, 2), (7, 7), 1, seed=6, extreme=True), layer((8, 15, 3), (7, 7), 2, seed=7),
        layer((6, 9, 3), (6, 6), 1, seed=8, multiplier=2), layer((6, 14, 2), (5, 5), 3, seed=9),
    ]  # fmt: skip
    compiled = climb(join(graphs), tmp_path, rungs=("gcc", "cortex-m3", "cortex-m0plus"))["cortex-m3"]
    packed = [p for p in compiled.program.packed.values() if "at_once" in p.key]
    assert {p.key["at_once"] for p in packed} == {True, False}
    assert "SLIDE_ASM" in str(compiled.files()["net.c"])


@pytest.mark.toolchain
@pytest.mark.parametrize(("most", "relu"), [(6, True), (6, False), (3, True), (2, False), (1, True)])
def test_3x3_windows_straight_on_the_rows(
    most: int, relu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of outputs a block, one block and several, rows and columns outside on every side, kinks."""
    monkeypatch.setattr(depthwise_plain, "MOST_TOGETHER", most)
    graphs = grid()[1 - relu :: 3 if most > 3 else 12]
    graphs += [
        layer((1 + seed % 3, width, 2), stride=stride, padding=padding, multiplier=1 + seed % 2, seed=seed,
              relu=relu, extreme=seed % 3 == 0, planar=seed % 4 == 0)
        for seed, (width, stride, padding) in enumerate(
            product((7, 10, 11, 18, 19, 22), (1, 2), ((1, 1, 1, 1), (0, 1, 1, 0), (1, 0, 0, 1)))
        )
        if 1 + seed % 3 + sum(padding[:2]) >= 3
    ]  # fmt: skip
    outputs, forms = set[object](), set[bool]()
    for first in range(0, len(graphs), 24):
        graph = join(graphs[first : first + 24])
        compiled = climb(graph, tmp_path / str(first), rungs=("cortex-m3", "cortex-m3 -O0"))["cortex-m3"]
        straight = [p for p in compiled.program.packed.values() if "blocks" in p.shared]
        outputs |= {p.key["outputs"] for p in straight}
        forms |= {p.form.kink for p in straight if isinstance(p.form, Form)}
    assert max(map(int, map(str, outputs))) == most
    assert relu or True in forms


def gated(shape: tuple[int, int, int], kernel: tuple[int, int], stride: int, padding: Padding, seed: int) -> Graph:
    """A depthwise layer whose output is stored until its mean is known: done as a whole, over its input."""
    net = Net(shape, seed, ("double", "float32_even")[seed % 2])
    if seed % 3 == 2:
        net.tensors["x"] = replace(net.tensors["x"], zero_point=(-128, 127)[seed % 2])
    x = net.conv("x", shape[2] + 2)
    x = net.depthwise(x, kernel, (stride, 1), padding)
    if seed % 3 == 1:
        (weights,) = (node.op.weights for node in net.nodes if isinstance(node.op, ops.Depthwise))
        net.consts[weights] = (net.consts[weights].astype(np.int16) * 2 - 1).astype(np.int16)
    mean = net.add("mean", ops.Mean(), (x,))
    return net.graph(net.conv(net.sum(x, mean, "mul"), 3))


@pytest.mark.thorough
def test_whole(tmp_path: Path) -> None:
    geometries = [
        ((2, 9, 3), (5, 5), 1, (2, 2, 2, 2)),
        ((3, 8, 2), (5, 5), 1, (2, 2, 2, 2)),
        ((3, 6, 2), (5, 5), 2, (2, 2, 2, 2)),
        ((9, 7, 2), (5, 5), 1, (2, 2, 2, 2)),
        ((4, 5, 3), (7, 7), 1, (3, 3, 3, 3)),
        ((5, 2, 5), (3, 3), 1, (1, 1, 1, 1)),
        ((6, 1, 4), (3, 1), 1, (1, 1, 0, 0)),
        ((4, 6, 2), (2, 4), 1, (1, 0, 2, 1)),
        ((4, 6, 2), (2, 4), 1, (0, 1, 1, 2)),
        ((4, 12, 2), (1, 5), 1, (0, 0, 2, 2)),
        ((5, 4, 2), (3, 5), 2, (1, 1, 2, 2)),
    ]
    graphs = [gated(*geometry, seed) for seed, geometry in enumerate(geometries)]
    target = load_target("cortex-m4")
    for graph in graphs:
        lowered = lower(graph, target)
        (node,) = (n for n in lowered.graph.nodes if isinstance(n.op, ops.Depthwise))
        assert lowered.demands[node.name].whole
    climb_all(graphs, tmp_path)


def test_whole_writes_over_its_input() -> None:
    plan = build(gated((3, 16, 14), (5, 5), 2, (2, 2, 2, 2), 0), load_target("cortex-m4"), "net").plan
    (node,) = (n for n in plan.graph.nodes if isinstance(n.op, ops.Depthwise))
    source, output = plan.buffers[node.inputs[0]], plan.buffers[node.output]
    assert (source.offset, source.pitch) == (output.offset, output.pitch)
    assert plan.tensor(node.output).height < plan.tensor(node.inputs[0]).height
