"""What a network is verified on: extreme inputs, and as many random ones as were asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from golden_nets import dense
from nets import Net

import ircompile
from ircompile.cli import main
from ircompile.importers.ir import write_ir
from ircompile.ir.graph import Graph
from ircompile.kernels.model import Prefer
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target
from ircompile.verification.confirm import INPUTS
from ircompile.verification.ladder import (
    EXTREMES,
    FEW,
    RUNNERS,
    Codes,
    climb,
    cut_where_wide,
    extremes,
    for_host,
    random_vectors,
    vectors_for,
)


@pytest.fixture
def graph() -> Graph:
    net = Net((9, 7, 3))
    net.conv("x", 8, (3, 3), (2, 2), relu=True)
    return net.graph()


def alike(one: list[Codes], other: list[Codes]) -> bool:
    return all(np.array_equal(a["x"], b["x"]) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_random_inputs_come_beside_the_extremes(graph: Graph, count: int) -> None:
    vectors = vectors_for(graph, count, 7)
    assert len(vectors) == EXTREMES + count
    assert alike(vectors[:EXTREMES], extremes(graph, 7))
    assert alike(vectors[EXTREMES:], random_vectors(graph, count, 7))


def test_the_extremes_are_of_least_and_greatest_codes(graph: Graph) -> None:
    least, greatest, mixed, checkered = (vector["x"] for vector in extremes(graph))
    assert set(least.flat) == {-128}
    assert set(greatest.flat) == {127}
    assert set(mixed.flat) == set(checkered.flat) == {-128, 127}
    assert 0.25 < np.mean(mixed == 127) < 0.75
    assert np.all(checkered[1:] != checkered[:-1])
    assert not np.array_equal(mixed, checkered)


def test_seeds_give_other_inputs_and_the_same_ones_again(graph: Graph) -> None:
    assert alike(vectors_for(graph, 2, 3), vectors_for(graph, 2, 3))
    assert not np.array_equal(random_vectors(graph, 1, 3)[0]["x"], random_vectors(graph, 1, 4)[0]["x"])
    assert not np.array_equal(extremes(graph, 3)[2]["x"], extremes(graph, 4)[2]["x"])
    assert len(np.unique(random_vectors(graph, 1)[0]["x"])) > 100


def test_a_comparison_at_each_compile_has_room_for_random_inputs() -> None:
    assert INPUTS > EXTREMES


def test_verify_takes_as_many_random_inputs_as_it_is_told(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.ir"
    write_ir(graph, path)
    (rung,) = ircompile.verify(graph, on=["numpy"], random=2).rungs
    assert rung.vectors == EXTREMES + 2
    assert main(["verify", str(path), "--target", "host", "--on", "numpy", "--random", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["vectors"] == EXTREMES + 3
    assert main(["verify", str(path), "--target", "host", "--on", "numpy", "--random", "0"]) == 2
    assert "no inputs" in capsys.readouterr().err


def test_a_wide_tensor_is_compared_where_outputs_are_few(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = dense()
    compiled = build(graph, load_target("host"), "net")
    inner = cut_where_wide(compiled)
    assert inner is not None
    (name,) = inner.graph.output_names
    wide, few = (int(np.prod(graph.tensors[n].shape)) for n in (name, *graph.output_names))
    assert few <= FEW < wide
    vectors = vectors_for(graph, 1)
    (rung,) = climb(compiled, ["numpy"], vectors, inner)
    assert (rung.compared, rung.differing) == ((few + wide) * len(vectors), 0)
    path = tmp_path / "net.ir"
    write_ir(graph, path)
    command = ["verify", str(path), "--target", "host", "--on", "numpy", "--random", "1"]
    assert main(command) == 0
    told = f"{few * len(vectors):,} of outputs; {wide * len(vectors):,} of {name}"
    assert told in capsys.readouterr().out

    right = RUNNERS["numpy"]

    def wrong_inside(made: Compiled, given: Sequence[Codes]) -> list[Codes]:
        return [{key: codes ^ (key == name) for key, codes in found.items()} for found in right(made, given)]

    monkeypatch.setitem(RUNNERS, "numpy", wrong_inside)
    (rung,) = climb(compiled, ["numpy"], vectors, inner)
    assert rung.differing == wide * len(vectors)
    assert rung.first is not None
    assert rung.first.where == name
    assert main(command) == 1


@pytest.mark.parametrize("prefer", ["speed", "size"])
def test_parts_are_compiled_as_the_whole(prefer: Prefer) -> None:
    graph = dense()
    inner = cut_where_wide(build(graph, load_target("host"), "net", prefer=prefer))
    assert inner is not None
    here = for_host(build(graph, load_target("cortex-m55"), "net", prefer=prefer))
    assert inner.program.prefer == here.program.prefer == prefer


def test_outputs_of_many_elements_tell_enough(graph: Graph) -> None:
    assert cut_where_wide(build(graph, load_target("host"), "net")) is None
