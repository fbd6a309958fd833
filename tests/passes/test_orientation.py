"""Networks over one axis, as rows and as columns."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ladder import codes_for
from nets import Net
from remembering import wake_word

import ircompile
from ircompile.importers.ir import write_ir
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.options import Options
from ircompile.passes import normalize
from ircompile.passes.orientation import transposed, upright
from ircompile.pipeline import read
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan
from ircompile.variants.orientation import choose_orientation


def over_time(flat: bool, rounding: str = "double") -> Graph:
    """What heart beats are told with: convolutions, pools and a mean along one axis."""

    def along(n: int) -> tuple[int, int]:
        return (1, n) if flat else (n, 1)

    def beside(a: int, b: int) -> tuple[int, int, int, int]:
        return (0, 0, a, b) if flat else (a, b, 0, 0)

    net = Net((*along(64), 2), 3, rounding)
    x = net.conv("x", 8, along(5), along(2), beside(2, 1), relu=True)
    for op in (ops.MaxPool, ops.AveragePool):
        window = ops.Window(along(2), along(2), (0, 0, 0, 0))
        x = net.add("pool", op(window), (x,), net.tensors[x].scale, net.tensors[x].zero_point)
    y = net.depthwise(x, along(3), along(1), beside(1, 1), along(1))
    y = net.sum(y, net.conv(x, 8))
    cut = net.add("cut", ops.Slice((*(n - 1 for n in along(3)), 0), (*along(4), 8)), (y,), 0.05, 0)
    both = net.add("joined", ops.Concat(1 if flat else 0), (y, cut), 0.05, 0)
    both = net.add("padded", ops.Pad((*(n - 1 for n in along(2)), 0), (0, 0, 0), 0), (both,), 0.05, 0)
    mean = net.add("mean", ops.Mean("w" if flat else "h"), (both,))
    whole = net.add("flat", ops.Reshape((1, 1, 64)), (y,), 0.05, net.tensors[y].zero_point)
    return net.graph(net.conv(mean, 5), net.conv(whole, 3))


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_codes_stay_where_they_are(flat: bool, rounding: str) -> None:
    graph = over_time(flat, rounding)
    other = transposed(graph)
    assert other is not None
    assert {t.height for t in other.tensors.values()} == {t.width for t in graph.tensors.values()}
    back = transposed(other)
    assert back is not None
    assert (back.nodes, back.tensors, back.inputs) == (graph.nodes, graph.tensors, graph.inputs)
    for codes in codes_for(graph, 5):
        found = run_graph(other, {name: code.swapaxes(0, 1) for name, code in codes.items()})
        for name, wanted in run_graph(graph, codes).items():
            np.testing.assert_array_equal(found[name].reshape(-1), wanted.reshape(-1))


def test_what_is_not_transposed() -> None:
    """Two axes, memory, vectors, an op that is not known."""
    net = Net((4, 4, 2))
    assert transposed(net.graph(net.conv("x", 3))) is None
    assert transposed(normalize(wake_word())) is None
    net = Net((1, 1, 8))
    assert transposed(net.graph(net.conv("x", 3))) is None
    net = Net((6, 1, 8))
    assert transposed(net.graph(net.add("moved", ops.Transpose((2, 1, 0)), ("x",), 0.05, 0))) is None
    tall = over_time(False)
    assert upright(tall) is tall
    assert {t.width for t in upright(over_time(True)).tensors.values()} == {1}


@pytest.mark.thorough
def test_bytes_choose(tmp_path: Path) -> None:
    """The least by default, whichever way the file has it; within many bytes the fastest."""
    target, arenas = load_target("cortex-m4"), []
    for flat in (False, True):
        graph = normalize(over_time(flat))
        resident = partial(choose_plan, target=target, input_mode="resident")
        least, form = choose_orientation(graph, resident, "resident", "auto")
        assert form.tensors["x"].shape == (64, 1, 2)
        fast, other = choose_orientation(graph, partial(resident, ram=100_000), "resident", 100_000)
        assert other.tensors["x"].shape == (1, 64, 2)
        assert fast.work < least.work
        assert fast.ram > least.ram
        rows, form = choose_orientation(
            graph, partial(choose_plan, target=target, input_mode="rows"), "rows", "auto"
        )
        assert form.tensors["x"].height == 64
        arenas.append((least.ram, fast.ram, rows.ram))
    assert arenas[0] == arenas[1]


def test_the_least_is_that_of_both_ways() -> None:
    """Also where it is less by a few bytes only, and slower."""
    net, target = Net((1, 40, 32)), load_target("cortex-m4")
    graph = normalize(net.graph(net.conv("x", 16)))
    other = transposed(graph)
    assert other is not None
    choose = partial(choose_plan, target=target, input_mode="resident", ram="min")
    both = [choose(form).ram for form in (graph, other)]
    assert 0.9 * max(both) < min(both) < max(both)
    assert choose_orientation(graph, choose, "resident", "min")[0].ram == min(both)


@pytest.mark.toolchain
@pytest.mark.parametrize("flat", [False, True])
def test_files(flat: bool, tmp_path: Path) -> None:
    """The C of either way, on a budget and without; a window of one row streams in time."""
    path = tmp_path / "beats.ir"
    graph = over_time(flat)
    write_ir(graph, path)
    for ram in ("auto", 100_000):
        result = ircompile.compile(path, "cortex-m4", ram=ram, unverified=True)  # type: ignore[arg-type]
        assert result.compiled.graph.tensors["x"].height == (64 if ram == "auto" else 1)
        codes = np.random.default_rng(0).integers(-128, 128, graph.tensors["x"].shape).astype(np.int8)
        assert result.verify(on=["numpy", "qemu"], inputs=[codes[np.newaxis]], random=1).equal


def test_a_window_of_one_row_streams(tmp_path: Path) -> None:
    net = Net((1, 24, 3))
    x = net.conv("x", 4, (1, 3), (1, 1), (0, 0, 0, 0))
    graph = net.graph(net.conv(x, 5, (1, 22), (1, 1), (0, 0, 0, 0)))
    path = tmp_path / "window.ir"
    write_ir(replace(graph, name="window"), path)
    streamed = read(path, Options(stream=2))
    assert streamed.fresh(streamed.input_names[0]).shape == (2, 1, 3)
    assert ircompile.compile(path, "host", stream=2, unverified=True).verify(on=["numpy"], random=5).equal
