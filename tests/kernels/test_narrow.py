"""Narrow tensors, a row a moment: channels are the long axis, and rows are read where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb, codes_for, join
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.kernels.lower import lower
from ircompile.pipeline import build
from ircompile.target import load_target
from ircompile.verification.bench import count_instructions
from ircompile.verification.runners.host import run_host

CORES = ("gcc", "clang", "cortex-m0plus", "cortex-m4", "cortex-m55")


def depthwise_nets(seed: int) -> list[Graph]:
    """Windows with and without padding, strides and holes, on rows of one to four pixels."""
    rng = np.random.default_rng(seed)
    graphs = []
    for width in (1, 2, 3, 4):
        for kernel in ((5, 1), (9, width), (3, 3), (2, 2)):
            net = Net(
                (int(rng.integers(9, 14)), width, int(rng.integers(1, 14))),
                seed,
                ["double", "float32_even"][seed % 2],
            )
            stride, dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 3))), (int(rng.integers(1, 3)), 1)
            top, side = int(rng.integers(0, 3)), int(rng.integers(kernel[1] > width, 2))
            padding = (top, top, side, side) if kernel[0] < 9 else (8, 8, 0, 0)
            graphs.append(net.graph(net.depthwise("x", kernel, stride, padding, dilation)))
    return graphs


def dense_nets(seed: int) -> list[Graph]:
    """Windows of whole rows, a multiple of four codes or not, one to nine channels."""
    rng = np.random.default_rng(seed)
    graphs = []
    for width, channels in ((1, 4), (1, 12), (1, 7), (2, 6), (3, 8), (4, 3), (1, 16), (2, 20)):
        for outputs in (1, 2, 5, 8):
            net = Net((11, width, channels), seed, ["double", "float32_even"][seed % 2])
            top = int(rng.integers(0, 3))
            kernel = (int(rng.integers(2, 7)), width)
            x = net.conv(
                "x", outputs, kernel, (int(rng.integers(1, 3)), 1), (top, top, 0, 0), (int(rng.integers(1, 3)), 1)
            )
            graphs.append(net.graph(x))
    return graphs


@pytest.mark.toolchain
@pytest.mark.parametrize("seed", range(2))
def test_depthwise(seed: int, tmp_path: Path) -> None:
    climb(join(depthwise_nets(seed)), tmp_path, rungs=CORES)


def taps_nets(rounding: str) -> list[Graph]:
    """Sizes about those that two taps of four channels at a time take whole, with and without a clamp."""
    graphs = []
    for n, (taps, channels) in enumerate(
        [(2, 4), (3, 5), (4, 8), (5, 6), (5, 3), (6, 7), (7, 9), (9, 12), (23, 4), (24, 5), (25, 4)]
    ):
        net = Net((taps + 3, 1, channels), n, rounding)
        graphs.append(net.graph(net.depthwise("x", (taps, 1), padding=(0, 0, 0, 0), relu=n % 3 == 0)))
    return graphs


@pytest.mark.toolchain
@pytest.mark.parametrize("rounding", ["double", "single", "float32_even"])
def test_taps(rounding: str, tmp_path: Path) -> None:
    graph = join(taps_nets(rounding))
    built = climb(graph, tmp_path, rungs=("gcc", "cortex-m4"))
    code = (tmp_path / "cortex-m4" / "net.c").read_text()
    assert "net_depthwise_taps_5x1" in code
    assert "net_depthwise_column_25x1" in code
    assert ("net_depthwise_taps_4x1_p0_twice" in code) == (rounding == "double")
    vectors = codes_for(graph, 2)
    arrays = [[vector[name] for name in graph.input_names] for vector in vectors]
    on_pc = run_host(tmp_path / "cortex-m4", built["cortex-m4"].interface, arrays)
    for vector, outputs in zip(vectors, on_pc.outputs, strict=True):
        wanted = run_graph(graph, vector)
        assert all((got == wanted[name]).all() for got, name in zip(outputs, graph.output_names, strict=True))


@pytest.mark.toolchain
@pytest.mark.parametrize(("core", "most"), [("cortex-m4", 3.0), ("cortex-m55", 1.2)])
def test_instructions_a_mac(core: str, most: float) -> None:
    """Of one row of a depthwise convolution along time, as wake words have them.

    30 channels are seven groups of four and two more; of Helium's vectors they are all but two lanes.
    """
    graphs, few = [], 30 if core == "cortex-m4" else 32
    for taps, channels in ((5, few), (9, 60), (13, 62), (21, 60)):
        net = Net((taps, 1, channels), taps)
        graphs.append(net.graph(net.depthwise("x", (taps, 1), padding=(0, 0, 0, 0))))
    layers = count_instructions(build(join(graphs), load_target(core), "net"))["layers"]
    costs = [layer["instructions"] / layer["macs"] for layer in layers if layer["macs"]]
    assert len(costs) == len(graphs)
    assert max(costs) <= most, costs


def lanes_nets(rounding: str) -> list[Graph]:
    """Sizes about vectors of 16 channels, windows with and without padding, of one column and of two."""
    graphs = []
    for n, (taps, channels) in enumerate(
        [(2, 16), (3, 17), (5, 31), (5, 32), (4, 15), (6, 33), (7, 20), (9, 48), (1, 18), (3, 40)]
    ):
        width, top = 1 + n // 8, n % 2
        net = Net((taps + 2, width, channels), n, rounding)
        graphs.append(net.graph(net.depthwise("x", (taps, width), padding=(top, 0, 0, 0), relu=n % 3 == 0)))
    return graphs


@pytest.mark.toolchain
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_lanes(rounding: str, tmp_path: Path) -> None:
    climb(join(lanes_nets(rounding)), tmp_path, rungs=("cortex-m55",))
    code = (tmp_path / "cortex-m55" / "net.c").read_text()
    assert ("net_depthwise_lanes_3x1_p0_twice" in code) == (rounding == "double")
    assert "net_depthwise_channels" not in code


@pytest.mark.toolchain
@pytest.mark.parametrize("seed", range(2))
def test_dense(seed: int, tmp_path: Path) -> None:
    climb(join(dense_nets(seed)), tmp_path, rungs=CORES)


def test_they_are_chosen() -> None:
    """On rows of few pixels, whichever the core; a wider row has the kernels that slide along it."""
    for width, kernel, wanted in (
        (1, (9, 1), "depthwise_taps"),
        (4, (5, 3), "depthwise_taps"),
        (9, (5, 3), "strip"),
    ):
        net = Net((12, width, 8))
        graph = net.graph(net.depthwise("x", kernel))
        chosen = {t: lower(graph, load_target(t)).kernels["dw0"].template for t in ("cortex-m4", "cortex-m0plus")}
        assert wanted in chosen["cortex-m4"]
        assert (chosen["cortex-m0plus"] == "depthwise_column") == (width <= 4)
    net = Net((12, 2, 8))
    graph = net.graph(net.conv("x", 5, (3, 2), padding=(1, 1, 0, 0)))
    assert lower(graph, load_target("cortex-m4")).kernels["conv0"].template == "dense_column"
