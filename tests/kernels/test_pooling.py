"""Pooling and means on the ladder: every axis, rounding and count of channels around the tile."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from kernel_nets import around
from ladder import climb, climb_on_host, codes_for, join
from nets import Net
from remembering import calls_for

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.validate import validate
from ircompile.kernels.lower import lower
from ircompile.passes import normalize
from ircompile.passes.stream_in_time import stream_in_time
from ircompile.pipeline import build
from ircompile.target import load_target

RUNGS = ("gcc", "cortex-m4", "cortex-m0plus")
CLAMPS = ((-128, 127), (-128, 90), (-70, 127), (-60, 55))
WINDOWS = (
    ops.Window((2, 2), (2, 2)),
    ops.Window((3, 3), (1, 1), (1, 1, 1, 1)),
    ops.Window((3, 2), (2, 1), (0, 2, 1, 0)),
    ops.Window((2, 3), (1, 2), (1, 0, 2, 2), (1, 2)),
    ops.Window((1, 5), (1, 1), (0, 0, 4, 4)),
)


def mean(shape: tuple[int, int, int], axes: str, rounding: str, seed: int, zero: int = 0) -> Graph:
    """Table, mean, table; the mean's scale differs from its input's where its rounding allows it."""
    net = Net(shape, seed)
    net.tensors["x"] = replace(net.tensors["x"], zero_point=zero)
    op = ops.Mean(axes, rounding, *CLAMPS[seed % 4])  # type: ignore[arg-type]
    keep = rounding.startswith("code")
    graph = around(net, op, keep=keep)
    name = next(node.output for node in graph.nodes if isinstance(node.op, ops.Mean))
    scale = graph.tensors[name].scale * (1.0 if keep else (0.4, 0.731, 1.0)[seed % 3])
    return replace(graph, tensors={**graph.tensors, name: replace(graph.tensors[name], scale=scale)})


@pytest.mark.toolchain
def test_means(tmp_path: Path) -> None:
    shapes = [(1, 1, 1), (1, 7, 4), (5, 1, 3), (4, 6, 5), (3, 5, 8), (9, 2, 13)]
    cases = product(("h", "w", "hw"), ("integer", "float32_even", "code", "code_up"))
    graphs = [
        mean(shapes[(n + i) % len(shapes)], *case, n + i, (-128, 127, 3)[n % 3])
        for n, case in enumerate(cases)
        for i in range(2)
    ]
    climb(join(graphs), tmp_path, rungs=(*RUNGS, "cortex-m55"))


@pytest.mark.toolchain
def test_means_of_eight_channels_at_once(tmp_path: Path) -> None:
    """Rows whose sums just fit 16 bits, channels left over, one row, clamps; a table before the sum."""
    shapes = [(2, 255, 8), (2, 256, 9), (1, 3, 17), (3, 4, 24), (5, 3, 15), (2, 254, 16)]
    graphs = [  # tables before them are in them, in every second
        (normalize if n % 2 else validate)(mean(shape, axes, rounding, n + len(axes), (-128, 127, 3)[n % 3]))
        for n, shape in enumerate(shapes)
        for axes, rounding in (("hw", "integer"), ("w", "float32_even"), ("h", "code_up"))
    ]
    for width in (255, 256):
        net = Net((2, width, 8), width)
        graphs.append(net.graph(net.add("mean", ops.Mean(), ("x",), net.tensors["x"].scale / 3)))
    graph = join(graphs)
    vectors = codes_for(graph, 4)
    compiled = climb(graph, tmp_path, vectors=vectors, rungs=("cortex-m4", "cortex-m33 -O0", "cortex-m55"))
    for core, template in (("cortex-m4", "mean_words"), ("cortex-m55", "mean_lanes")):
        assert {"mean", template} <= {kernel.template for kernel in compiled[core].lowered.kernels.values()}
    assert any(packed.key.get("lookup") for packed in compiled["cortex-m55"].program.packed.values())
    climb_on_host(compiled["cortex-m4"], tmp_path / "cortex-m4", vectors)


@pytest.mark.toolchain
def test_windows(tmp_path: Path) -> None:
    graphs = []
    for n, (window, rounding) in enumerate(product(WINDOWS, ("max", "integer", "half_up", "float32_even"))):
        net = Net((6, 7, (1, 3, 4)[n % 3]), n)
        low, high = CLAMPS[n % 4]
        op = ops.MaxPool(window, low, high) if rounding == "max" else ops.AveragePool(window, rounding, low, high)  # type: ignore[arg-type]
        graphs.append(around(net, op, keep=True))
    climb(join(graphs), tmp_path, rungs=RUNGS)


@pytest.mark.toolchain
def test_largest_codes_of_several_channels(tmp_path: Path) -> None:
    """Channels around a word and around a vector of Helium, every window, a least code and none."""
    graphs = []
    for n, (window, channels) in enumerate(product(WINDOWS, (4, 5, 7, 8, 13, 16, 35))):
        net = Net((5 + n % 3, 7, channels), n)
        pooled = net.add("pool", ops.MaxPool(window, (-128, -70)[n % 2], 127), ("x",))
        graphs.append(net.graph(pooled if n % 3 else net.conv(pooled, 3)))
    graph = join(graphs)
    kernels = lower(graph, load_target("cortex-m4")).kernels
    pools = [kernels[node.name].template for node in graph.nodes if isinstance(node.op, ops.MaxPool)]
    assert set(pools) == {"max_pool"}
    vectors = codes_for(graph, 4)
    compiled = climb(graph, tmp_path, vectors=vectors, rungs=("cortex-m4", "cortex-m33 -O0", "cortex-m55"))[
        "cortex-m4"
    ]
    climb_on_host(compiled, tmp_path / "cortex-m4", vectors)


@pytest.mark.toolchain
def test_a_mean_without_a_line(tmp_path: Path) -> None:
    """Scales so far apart that sums wrap: the reference's own arithmetic."""
    net = Net((2, 3, 5))
    y = net.add("mean", ops.Mean(), ("x",), 1e-9, 4)
    graph = net.graph(y)
    program = build(graph, load_target("cortex-m4"), "net").program
    assert program.packed[graph.nodes[0].name].form is None
    climb(graph, tmp_path, rungs=("gcc", "cortex-m4"))


@pytest.mark.toolchain
def test_sums_that_move_on(tmp_path: Path) -> None:
    """ops.RunningSum(), ops.MeanOfSums() and sums of pixels: rows of codes and of sums, one new row and two."""
    graphs = []
    for n, (width, axes, same) in enumerate(((5, "hw", True), (1, "h", False), (3, "h", True), (4, "hw", False))):
        net = Net((18, width, (3, 4, 5, 13)[n]), n)
        x = net.depthwise("x", (3, 1), padding=(1, 1, 0, 0) if same else (0, 0, 0, 0))
        graphs.append(net.graph(net.add("mean", ops.Mean(axes, ("integer", "float32_even")[n % 2]), (x,))))  # type: ignore[arg-type]
    for number, (graph, hop) in enumerate(zip(graphs, (1, 1, 2, 2), strict=True)):
        streamed = stream_in_time(normalize(graph), hop)
        assert {ops.RunningSum, ops.MeanOfSums} <= {type(node.op) for node in streamed.nodes}
        rungs = (*RUNGS, "cortex-m55", *(["clang"] if number == 1 else []))
        climb(streamed, tmp_path / str(number), vectors=calls_for(streamed, 30), rungs=rungs)
