"""Sums of means that are kept from call to call: the same codes, less memory, a proof that finds mistakes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nets import Net
from remembering import calls_for

from ircompile.checks.running_sums import check_running_sums
from ircompile.errors import CompileError, InternalError
from ircompile.importers.ir import parse_ir, print_ir
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_calls, run_graph
from ircompile.ir.validate import validate
from ircompile.passes import normalize
from ircompile.passes.stream_in_time import stream_in_time
from ircompile.pipeline import build
from ircompile.plan.simulate import new_arena, run_plan
from ircompile.qtype import INT16
from ircompile.target import load_target
from ircompile.verification.original import windows_of


def pooled(width: int, op: ops.Mean, same: bool = False, table: bool = False) -> Graph:
    """A window over time, a convolution that leaves the width, a table if wanted, a mean over the rows."""
    net = Net((16, width, 3), seed=width)
    x = net.depthwise("x", (3, 1), padding=(1, 1, 0, 0) if same else (0, 0, 0, 0))
    if table:
        curve = net.const("curve", net.rng.permutation(256).astype(np.uint8).view(np.int8))
        x = net.add("curved", ops.Table(curve), (x,), 0.031, 7)
    return normalize(net.graph(net.add("mean", op, (x,))))


def of_halves(width: int) -> Graph:
    """The same of codes of 16 bits, behind a pooling."""
    net = Net((16, width, 3), dtype="int16")
    net.tensors["x"] = replace(net.tensors["x"], zero_point=0)
    codes = INT16.range
    x = net.add("pool", ops.MaxPool(ops.Window((3, 1)), *codes), ("x",), 0.05, 0, "int16")
    return normalize(net.graph(net.add("mean", ops.Mean("hw", "integer", *codes), (x,), 0.04, 0, "int16")))


CASES = {
    "pixels are added up": (pooled(5, ops.Mean()), 1),
    "one pixel": (pooled(1, ops.Mean("hw", "float32_even")), 2),
    "two new rows": (pooled(4, ops.Mean("hw", "code")), 2),
    "pixels stay apart": (pooled(3, ops.Mean("h", "code_up")), 3),
    "a table, pixels added up": (pooled(3, ops.Mean(), table=True), 1),
    "a table, one pixel": (pooled(1, ops.Mean("h"), table=True), 1),
    "padding in time": (pooled(5, ops.Mean(), same=True), 1),
    "padding in time, pixels apart, a table": (pooled(2, ops.Mean("h"), same=True, table=True), 2),
    "rows that int16 cannot add up": (pooled(256, ops.Mean()), 1),
    "codes of 16 bits": (of_halves(3), 1),
    "codes of 16 bits, one pixel": (of_halves(1), 2),
}


def kinds(graph: Graph) -> set[type[ops.Op]]:
    return {type(node.op) for node in graph.nodes}


@pytest.mark.thorough
@pytest.mark.parametrize("name", CASES)
def test_every_call_gives_the_mean_of_the_whole_window(name: str) -> None:
    graph, hop = CASES[name]
    streamed = stream_in_time(graph, hop)
    assert {ops.RunningSum, ops.MeanOfSums} <= kinds(streamed)
    assert check_running_sums(streamed) == 2
    calls = calls_for(streamed, 40)
    if streamed.tensors[streamed.input_names[0]].dtype == "int16":
        calls = [{name: codes.astype(np.int16) * 255 for name, codes in call.items()} for call in calls]
    wanted = [run_graph(graph, window) for window in windows_of(graph, streamed, calls)]
    plan = build(streamed, load_target("cortex-m4"), "net").plan
    arena = new_arena(plan)
    for number, (found, want) in enumerate(zip(run_calls(streamed, calls, 20), wanted, strict=True)):
        np.testing.assert_equal(found, want)
        if number == 20:
            arena = new_arena(plan)
        np.testing.assert_equal(run_plan(plan, calls[number], arena, number % 20), want)


def test_sums_of_pixels_take_fewer_bytes_than_pixels() -> None:
    """Rows of two bytes a channel, and one sum of four, in place of rows of all pixels."""
    graph, hop = CASES["pixels are added up"]
    kept = build(stream_in_time(graph, hop), load_target("cortex-m4"), "net").plan.state_bytes
    assert kept < 14 * 5 * 3


def test_where_more_rows_are_new_than_stay_they_are_added_up() -> None:
    assert ops.RunningSum not in kinds(stream_in_time(pooled(4, ops.Mean()), 8))


def test_rows_that_others_read_stay_as_they_are() -> None:
    net = Net((16, 2, 3))
    x = net.depthwise("x", (3, 1), padding=(0, 0, 0, 0))
    graph = normalize(net.graph(net.add("mean", ops.Mean(), (x,)), net.add("most", ops.Extreme("max"), (x,))))
    assert ops.RunningSum not in kinds(stream_in_time(graph, 1))


def test_text_reads_back() -> None:
    streamed = stream_in_time(*CASES["padding in time"])
    assert print_ir(parse_ir(print_ir(streamed), dict(streamed.consts))) == print_ir(streamed)


def changed(graph: Graph, kind: type[ops.Op], **fields: Any) -> Graph:
    """The graph whose first node of a kind has other parameters."""
    at = next(node for node in graph.nodes if isinstance(node.op, kind))
    nodes = [replace(node, op=replace(node.op, **fields)) if node is at else node for node in graph.nodes]
    return replace(graph, nodes=tuple(nodes))


STREAMED = stream_in_time(*CASES["padding in time"])
FAULTS = {
    "another number of rows": changed(STREAMED, ops.RunningSum, of=5),
    "rows enter twice": changed(STREAMED, ops.RunningSum, first=10),
    "an older row enters": changed(STREAMED, ops.RunningSum, first=10, stop=11),
    "rows never leave": changed(STREAMED, ops.RunningSum, leaving=True),
    "another number of codes": changed(STREAMED, ops.MeanOfSums, of=79),
    "another first sum": replace(
        STREAMED, consts={k: v + (k == "mean1_rest_initial") for k, v in STREAMED.consts.items()}
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_sums_of_other_rows_are_found(name: str) -> None:
    validate(STREAMED)
    with pytest.raises(CompileError):
        validate(FAULTS[name])
    with pytest.raises(InternalError):
        check_running_sums(FAULTS[name])
