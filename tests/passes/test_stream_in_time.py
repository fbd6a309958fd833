"""A window of time that moves on: each call gives what the whole window gives, and computes little of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net
from proved import prove
from remembering import Remembering, calls_for, wake_word

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_calls, run_graph
from ircompile.passes import normalize
from ircompile.passes.stream_in_time import stream_in_time
from ircompile.pipeline import build
from ircompile.report import html_report, memory_map, report_data
from ircompile.target import load_target
from ircompile.verification.original import windows_of


def keyword_net(padding: tuple[int, int, int, int] | None, rows: int = 33) -> Graph:
    """A small DS-CNN over time: a strided stem, separable convolutions, a mean, a fully connected layer."""
    net = Net((rows, 6, 1), seed=7)
    x = net.conv("x", 8, (8, 4), (2, 2), None if padding is None else (0, 0, 1, 1), relu=True)
    for _ in range(3):
        x = net.depthwise(x, (3, 3), padding=padding)
        x = net.conv(x, 8, relu=True)
    return net.graph(net.conv(net.add("mean", ops.Mean(), (x,)), 4))


def branches() -> Graph:
    """Two branches of unequal reach, sums and concatenations of them, pooling, and outputs that are rows."""
    net = Net((24, 4, 4), seed=3)
    a = net.depthwise("x", (5, 3))
    b = net.conv("x", 4, (3, 3))
    both = net.sum(a, b)
    joined = net.add("cat", ops.Concat(2), (both, a), 0.05, net.tensors[both].zero_point)
    pooled = net.add(
        "pool", ops.MaxPool(ops.Window((2, 2), (2, 2))), (joined,), 0.05, net.tensors[joined].zero_point
    )
    late = net.conv(pooled, 5, (3, 1))
    part = net.add("part", ops.Slice((0, 1, 0), (24, 2, 4)), (both,), 0.05, net.tensors[both].zero_point)
    average = net.add("average", ops.AveragePool(ops.Window((3, 3), (1, 1), (1, 1, 1, 1))), (b,))
    whole = net.add("rows", ops.Mean("w"), (average,))
    return net.graph(late, part, net.conv(whole, 3))


def check(graph: Graph, hop: int, calls: int = 40) -> Graph:
    streamed = stream_in_time(graph, hop)
    vectors = calls_for(streamed, calls)
    for window, found in zip(
        windows_of(graph, streamed, vectors), run_calls(streamed, vectors, calls // 2), strict=True
    ):
        for name, want in run_graph(graph, window).items():
            np.testing.assert_array_equal(found[name], want)
    return streamed


@pytest.mark.thorough
@pytest.mark.parametrize("hop", [2, 4, 6])
@pytest.mark.parametrize("padding", [None, (0, 0, 1, 1)])
def test_every_call_gives_what_the_whole_window_gives(hop: int, padding: tuple[int, int, int, int] | None) -> None:
    graph = normalize(keyword_net(padding))
    streamed = check(graph, hop)
    assert streamed.macs() < (0.06 * hop if padding else 0.85) * graph.macs()


@pytest.mark.parametrize("hop", [1, 2, 3])
def test_branches(hop: int) -> None:
    """One new row does not suffice for pooling by two: what is behind it is computed whole."""
    graph = normalize(branches())
    streamed = check(graph, hop)
    assert streamed.macs() < graph.macs()


def test_slopes_of_rows_belong_to_their_rows() -> None:
    """A row that moves on would take another row's slope: all rows are computed again."""
    net = Net((12, 1, 4))
    x = net.conv("x", 6, (3, 1), padding=(0, 0, 0, 0))
    rows = net.tensors[x].height
    slopes = net.const("slopes", net.rng.integers(-90, 90, (rows, 1, 6)).astype(np.int8))
    y = net.add("prelu", ops.Prelu(slopes, 0.01, 3), (x,))
    streamed = check(net.graph(net.conv(y, 4, (3, 1), padding=(0, 0, 0, 0))), 1)
    assert y not in streamed.history


def test_what_no_row_of_is_read_is_not_kept() -> None:
    """Without padding in time, a ring has the rows of the next layer's window and no more; a sum has two."""
    streamed = stream_in_time(normalize(keyword_net((0, 0, 1, 1))), 2)
    heights = sorted(streamed.tensors[name].height for name in streamed.history)
    assert heights[:4] == [2, 3, 3, 3]
    assert heights[-1] <= 33


@pytest.mark.parametrize(
    ("graph", "hop", "words"),
    [
        (keyword_net(None), 33, "new ones"),
        (keyword_net(None), 0, "new ones"),
        (keyword_net(None), 3, "can be kept"),
        (wake_word(), 1, "remembers already"),
    ],
)
def test_refusals(graph: Graph, hop: int, words: str) -> None:
    with pytest.raises(CompileError, match=words):
        stream_in_time(normalize(graph), hop)


def test_two_inputs_are_refused() -> None:
    net = Remembering((8, 2, 3))
    with pytest.raises(CompileError, match="2 inputs"):
        stream_in_time(normalize(net.graph(net.sum("x", net.input((8, 2, 3))))), 1)


@pytest.mark.thorough
def test_the_report_shows_what_is_kept() -> None:
    compiled = build(stream_in_time(normalize(keyword_net(None)), 2), load_target("cortex-m4"), "net")
    prove(compiled.plan)
    data = report_data(compiled)
    assert 0 < data["arena"]["state"] < data["arena"]["bytes"]
    blocks = memory_map(compiled.plan)["blocks"]
    assert {block["name"] for block in blocks if block["kind"] == "state"} == set(compiled.plan.graph.history)
    page = html_report(data, memory_map(compiled.plan))
    assert "kept for the next call" in page


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", [pytest.param("resident", marks=pytest.mark.slow), "rows"])
def test_c(mode: str, tmp_path: Path) -> None:
    for number, graph in enumerate(
        (stream_in_time(normalize(branches()), 2), stream_in_time(normalize(keyword_net(None)), 2))
    ):
        climb(graph, tmp_path / str(number), mode, calls_for(graph, 24), ("gcc", "cortex-m4"))  # type: ignore[arg-type]
