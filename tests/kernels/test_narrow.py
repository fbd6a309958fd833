"""Narrow tensors, a row a moment: channels are the long axis, and rows are read where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan import candidate, search
from ircompile.target import load_target


@pytest.fixture(autouse=True)
def any_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first plan will do."""
    for effort in ("SEARCH_EFFORT", "LINE_BUFFER_EFFORT"):
        monkeypatch.setattr(search, effort, 1)
    for tries in ("QUICK_TRIALS", "THOROUGH_TRIALS"):
        monkeypatch.setattr(candidate, tries, 1)


CORES = ("gcc", "cortex-m0plus", "cortex-m4", "cortex-m55")


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


@pytest.mark.toolchain
@pytest.mark.parametrize("seed", range(2))
def test_dense(seed: int, tmp_path: Path) -> None:
    climb(join(dense_nets(seed)), tmp_path, rungs=CORES)


def test_they_are_chosen() -> None:
    """On rows of few pixels, whichever the core; a wider row has the kernels that slide along it."""
    for width, kernel, wanted in (
        (1, (9, 1), "depthwise_column"),
        (4, (5, 3), "depthwise_column"),
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
