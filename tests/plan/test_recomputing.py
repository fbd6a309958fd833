"""Rows of expanding convolutions recomputed for every window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import codes_for
from nets import Net
from proved import prove

from ircompile.checks import check
from ircompile.emit import emit
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.kernels.lower import lower
from ircompile.kernels.pack import pack
from ircompile.passes.split_channels import split_channels, splittable
from ircompile.pipeline import Compiled
from ircompile.plan import lay_out
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.search import find_candidate
from ircompile.plan.simulate import run_plan
from ircompile.plan.stages import can_have_line_buffer, recomputable_producers
from ircompile.plan.work import macs
from ircompile.target import load_target
from ircompile.verification.runners.host import run_host


def blocks() -> Graph:
    net = Net((17, 11, 3))
    x = net.conv("x", 8, (3, 3), (2, 2))
    for channels, stride, kernel in ((8, 1, 3), (12, 2, 3), (12, 1, 5), (16, 2, 5)):
        x = net.inverted_residual(x, 4, channels, stride, kernel)
    return net.graph(x)


@pytest.mark.toolchain
@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_compiled(mode: InputMode, parts: int, tmp_path: Path) -> None:
    """With `parts`, every second part of the channels is recomputed, and the others have line buffers."""
    target, graph = load_target("host"), blocks()
    lowered = lower(split_channels(graph, dict.fromkeys(splittable(graph), parts)), target)
    possible = recomputable_producers(lowered.graph, lowered.demands)
    recomputing = frozenset(list(possible)[:: min(parts, 2)])
    assert len(recomputing) == (4 if parts == 1 else 8)
    line_buffers = {
        node.name
        for node in lowered.graph.nodes
        if can_have_line_buffer(lowered.graph, node, lowered.demands[node.name])
    } - recomputing
    plan = lay_out(find_candidate(ScheduledGraph(lowered.graph, lowered.demands, line_buffers, recomputing), mode))
    prove(plan)
    assert macs(plan) > graph.macs()
    vectors = codes_for(graph, 3)
    program = pack(lowered, plan, target)
    compiled = Compiled("net", "net", graph, program, check(program), emit(program, "net", "net"))
    compiled.write(tmp_path)
    result = run_host(tmp_path, compiled.interface, [[v["x"]] for v in vectors])
    for vector, outputs in zip(vectors, result.outputs, strict=True):
        (name, want), *_ = run_graph(graph, vector).items()
        np.testing.assert_array_equal(run_plan(plan, vector)[name], want)
        np.testing.assert_array_equal(outputs[0], want)
