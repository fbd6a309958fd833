"""`ircompile sweep`, and the families of networks that it knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nets import Net, mobilenet_v2
from test_answers import run, valid

from ircompile.cli import parse
from ircompile.errors import CompileError
from ircompile.importers.ir import write_ir
from ircompile.ir.families import FAMILIES, rounded
from ircompile.ir.ops import Depthwise
from ircompile.ir.simulate import run_graph
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.plan.simulate import run_plan
from ircompile.target import load_target
from ircompile.variants.estimate import analyze_graph

M4 = load_target("cortex-m4")


def test_the_v2_of_the_package_is_the_v2_of_the_tests() -> None:
    ours, theirs = FAMILIES["mobilenet_v2"](0.35, 96), mobilenet_v2(0.35, 96, classes=2)
    assert [n.op.__class__ for n in ours.nodes] == [n.op.__class__ for n in theirs.nodes]
    assert [t.shape for t in ours.tensors.values()] == [t.shape for t in theirs.tensors.values()]
    assert ours.macs() == theirs.macs()


def test_the_v1_has_the_published_work() -> None:
    graph = FAMILIES["mobilenet_v1"](1.0, 224)
    assert 560e6 < graph.macs() < 575e6  # 569 M in the paper, its classifier for 1000 classes included
    assert len(graph.nodes) == 1 + 2 * 13 + 2


def test_proxyless_has_the_published_work_and_size() -> None:
    graph = FAMILIES["proxyless"](1.0, 224)
    weights = sum(array.size for name, array in graph.consts.items() if name.startswith("w"))
    assert 317e6 < graph.macs() < 321e6  # 320 M as published, its classifier for 1000 classes included
    assert 2.7e6 < weights < 2.8e6  # 4.08 M, of which 1.28 M in that classifier and the rest in normalization
    kernels = {n.op.window.kernel for n in graph.nodes if isinstance(n.op, Depthwise)}
    assert kernels == {(3, 3), (5, 5), (7, 7)}


@pytest.mark.parametrize(("channels", "count"), [(3.2, 8), (11.2, 16), (24, 24), (33.6, 32), (56, 56), (4, 8)])
def test_channels_are_rounded_as_the_mobilenets_do(channels: float, count: int) -> None:
    assert rounded(channels) == count


@pytest.mark.thorough
@pytest.mark.parametrize("family", FAMILIES)
def test_members_compile_and_run(family: str) -> None:
    graph = normalize(FAMILIES[family](0.1, 33))
    plan = build(graph, M4, "net").plan
    x = {"x": np.random.default_rng(0).integers(-128, 128, (33, 33, 3)).astype("int8")}
    want, got = run_graph(graph, x), run_plan(plan, x)
    assert all((want[name] == got[name]).all() for name in want)


@pytest.mark.thorough
def test_a_family_is_swept(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--target", "m4", "--widths", "0.25,0.35", "--sizes", "64,96", "--ram", 20_000)
    assert run("sweep", "mobilenet_v2", *words, "-j", 2, "--json") == 0
    found = valid(capsys.readouterr().out, "sweep")
    names = [f"mobilenet_v2_{w}_{s}" for w in ("0.25", "0.35") for s in (64, 96)]
    assert [each["model"] for each in found] == names
    assert [each["fits"] for each in found] == [True, False, True, False]
    alone = analyze_graph(normalize(FAMILIES["mobilenet_v2"](0.35, 96), prune=False), M4, advise=False)
    assert found[3]["arena"] == alone.arena
    assert run("sweep", "mobilenet_v2", *words, "-j", 1) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("\tfits")


def test_files_are_swept_and_bad_ones_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = Net((8, 8, 3))
    net.conv("x", 4)
    write_ir(net.graph(), tmp_path / "a.ir")
    (tmp_path / "b.onnx").write_text("nonsense")
    words = ("sweep", tmp_path / "a.ir", tmp_path / "b.onnx", "--target", "m4", "-j", 1)
    assert run(*words, "--json") == 0
    good, bad = valid(capsys.readouterr().out, "sweep")
    assert (good["model"], good["verdict"]) == ("a.ir", "not asked")
    assert "b.onnx" in bad["error"]
    assert run(*words, "--ram", 10) == 1
    assert "does not fit" in capsys.readouterr().out


def test_lists_of_nothing_are_refused() -> None:
    with pytest.raises(CompileError, match="no list of numbers"):
        parse(["sweep", "mobilenet_v2", "--target", "m4", "--widths", "a,b"])
