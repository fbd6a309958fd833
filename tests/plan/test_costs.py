"""What streaming costs: executed instructions of plans against one layer after the other, with the same kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layered import layer_by_layer
from nets import Net, random_inputs
from proved import prove

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.pipeline import build, read
from ircompile.plan.simulate import run_plan
from ircompile.target import load_target
from ircompile.verification.bench import count_instructions

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"
M4 = load_target("cortex-m4")


def blocks() -> Graph:
    net = Net((48, 48, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    for channels, stride in ((8, 1), (12, 2), (12, 1), (16, 2), (16, 1)):
        x = net.inverted_residual(x, 6, channels, stride)
    return net.graph(x)


def instructions(graph: Graph, mode: InputMode, ram: str) -> int:
    return int(count_instructions(build(graph, M4, "net", mode, ram=ram))["instructions"])  # type: ignore[arg-type]


def test_layer_by_layer_keeps_every_tensor_whole() -> None:
    graph = blocks()
    plan = layer_by_layer(graph, M4, "net").plan
    assert all(stop == first + 1 for first, stop in plan.segments)
    assert all(buffer.slots == plan.tensor(name).height for name, buffer in plan.buffers.items())
    assert not plan.line_buffers
    prove(plan)
    inputs = random_inputs(graph)
    for name, want in run_graph(graph, inputs).items():
        np.testing.assert_array_equal(run_plan(plan, inputs)[name], want)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("net", "mode"), [("digits", "rows"), pytest.param("blocks", "resident", marks=pytest.mark.slow)]
)
def test_instructions(net: str, mode: InputMode) -> None:
    graph = read(EXAMPLE) if net == "digits" else blocks()
    layered = int(count_instructions(layer_by_layer(graph, M4, "net"))["instructions"])
    default, least = (instructions(graph, mode, ram) for ram in ("auto", "min"))
    assert default <= 1.05 * layered
    assert least <= 1.15 * default
