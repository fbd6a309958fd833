"""`ircompile sweep`, and the families of networks that it knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from nets import Net, mobilenet_v2
from test_answers import run, valid

from ircompile.cli import parse
from ircompile.errors import CompileError
from ircompile.importers.ir import write_ir
from ircompile.ir.families import FAMILIES, SPACES, rounded
from ircompile.ir.ops import Depthwise, Table
from ircompile.ir.simulate import run_graph
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.plan.simulate import run_plan
from ircompile.sweeps.front import front, picture, ranked
from ircompile.sweeps.space import Candidate, draw
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
    assert found[3]["basis"] == "bound"  # not planned for nothing
    assert 20_000 < found[3]["lower_bound"] <= alone.lower_bound
    assert run("sweep", "mobilenet_v2", "--target", "m4", "--widths", "0.35", "--sizes", 96, "-j", 1, "--json") == 0
    (plain,) = valid(capsys.readouterr().out, "sweep")
    assert (plain["arena"], plain["basis"]) == (alone.arena, "planned")
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


def test_files_are_cut_where_one_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = Net((8, 8, 3))
    first = net.conv("x", 4)
    net.conv(first, 4)
    write_ir(net.graph(), tmp_path / "a.ir")
    words = ("sweep", tmp_path / "a.ir", "--target", "m4", "-j", 1, "--json")
    macs = []
    for cut in ((), ("--outputs", first)):
        assert run(*words, *cut) == 0
        macs.append(valid(capsys.readouterr().out, "sweep")[0]["macs"])
    assert macs == [8 * 8 * (3 * 4 + 4 * 4), 8 * 8 * 3 * 4]
    assert run(*words, "--outputs", "none") == 0
    assert "no operator computes" in valid(capsys.readouterr().out, "sweep")[0]["error"]


def test_lists_of_nothing_are_refused() -> None:
    for words in (("--widths", "a,b"), ("--space", "expand"), ("--space", "=3")):
        with pytest.raises(CompileError, match="is no"):
            parse(["sweep", "mobilenet_v2", "--target", "m4", *words])


@pytest.mark.parametrize(
    ("family", "macs", "weights"),
    [
        ("mobilenet_v3_small", 56e6, 2.5e6),  # Howard et al. 2019: 56 M, 2.5 M
        ("mobilenet_v3_large", 219e6, 5.4e6),  # 219 M, 5.4 M
        ("mobilenet_v4_small", 190e6, 3.8e6),  # Qin et al. 2024: 0.2 G, 3.8 M
        ("efficientnet_lite", 407e6, 4.7e6),  # google's README: 407 M, 4.7 M
    ],
)
def test_families_have_the_published_work_and_size(family: str, macs: float, weights: float) -> None:
    graph = FAMILIES[family](1.0, 224, classes=1000)
    assert graph.macs() == pytest.approx(macs, rel=0.06)
    assert sum(a.size for a in graph.consts.values() if a.dtype == np.int8) == pytest.approx(weights, rel=0.04)


def test_families_follow_their_parameters() -> None:
    v2, mcunet = FAMILIES["mobilenet_v2"], FAMILIES["mcunet"]
    assert v2(0.5, 64, depth=0.34).macs() < v2(0.5, 64).macs()
    assert v2(0.5, 64, expand=3).macs() < v2(0.5, 64).macs()
    found = mcunet(0.5, 64, kernels="35735", depths="11111")
    assert [n.op.window.kernel[0] for n in found.nodes if isinstance(n.op, Depthwise)] == [3, 3, 5, 7, 3, 5]
    tables = [
        sum(isinstance(n.op, Table) for n in FAMILIES["mobilenet_v3_small"](0.5, 64, excite=e).nodes)
        for e in (True, False)
    ]
    assert tables[0] > tables[1] > 0
    assert FAMILIES["fomo"](0.35, 96).tensors[FAMILIES["fomo"](0.35, 96).output_names[0]].shape == (12, 12, 2)
    for family, space in SPACES.items():
        parameters = {name: values[0] for name, values in space.items()}
        assert FAMILIES[family](**parameters).nodes


def test_random_candidates_are_different_and_the_same_for_a_seed() -> None:
    spaces = {"mobilenet_v2": SPACES["mobilenet_v2"], "fomo": SPACES["fomo"]}
    found = draw(spaces, 300, seed=1)
    assert len(set(found)) == len({candidate.key for candidate in found}) == 300
    assert found == draw(spaces, 300, seed=1) != draw(spaces, 300, seed=2)
    assert {candidate.family for candidate in found} == set(spaces)
    assert len(draw({"x": {"a": (1, 2), "b": (1, 2)}}, 100, 0)) == 4


def test_the_order_of_parameters_makes_no_other_candidate() -> None:
    one, two = Candidate("x", (("a", 1), ("b", 2))), Candidate("x", (("b", 2), ("a", 1)))
    assert one.key == two.key


def test_the_front_is_what_nothing_else_beats() -> None:
    points = [(10, 1.0), (20, 3.0), (20, 2.0), (30, 3.0), (40, 5.0)]
    results = [{"model": str(i), "arena": a, "proxy": p, "fits": None} for i, (a, p) in enumerate(points)]
    assert [r["model"] for r in front(results)] == ["0", "1", "4"]
    results[4]["fits"] = False
    results[1]["fits"] = True
    assert [r["model"] for r in front([*results, {"model": "x", "error": "?"}])] == ["1"]
    assert ranked(results)[0]["model"] == "1"
    assert "<polyline" in picture(results, "a & b", "macs", 25)
    ElementTree.fromstring(picture(results, "a & b", "macs", 25))


FAMILY = f"{Path(__file__).parent / 'sweep_family.py'}:net"
SMALL = ("--space", "width=1,2,3", "--space", "size=8,9", "--target", "m4")
POINTS = [f"{width} {size}" for width in (1, 2, 3) for size in (8, 9)]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What was computed, in which the family of tests/sweep_family.py notes its calls."""
    monkeypatch.setenv("IRCOMPILE_TEST_SWEEP", str(tmp_path))
    return lambda: (tmp_path / "calls").read_text().splitlines()


def test_a_function_and_a_proxy_of_one_s_own(
    tmp_path: Path, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = FAMILY.replace(":net", ":score")
    words = ("sweep", FAMILY, *SMALL, "-j", 1, "--rank", proxy, "--mhz", 100, "--ms", 1000)
    picture_file = tmp_path / "all.svg"
    assert run(*words, "--json", "--picture", picture_file) == 0
    found = valid(capsys.readouterr().out, "sweep")
    assert [each["parameters"] for each in found] == [
        {"width": width, "size": size} for width in (1, 2, 3) for size in (8, 9)
    ]
    assert [each["proxy"] for each in found] == [w / s for w in (1, 2, 3) for s in (8, 9)]
    assert all(each["fits"] and each["milliseconds"] > 0 and each["band"] > 0.1 for each in found)
    ElementTree.parse(picture_file)
    assert run(*words, "--top", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("net_3_8\t")
    assert lines[-1].startswith("6 candidates, 6 fit")
    assert run(*words[:-1], 1e-6) == 1
    assert sorted(calls()) == sorted(3 * POINTS)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.py:net", "--space", "width=1"), "names no Python file and function"),
        ((FAMILY.replace(":net", ":nest"), "--space", "width=1"), "no function 'nest'"),
        ((FAMILY,), "has no parameters to sweep"),
        (("mobilenet_v2", "--space", "colour=1"), "is no parameter of mobilenet_v2"),
        (("mobilenet_v2", "--ms", "3"), "hint: --board NAME, or --mhz with --target"),
        (("mobilenet_v2", "--store", __file__), "is no store of a sweep"),
        (("mobilenet_v2", "--scheduler", "tcp://127.0.0.1:1"), "nobody answers"),
    ],
)
def test_what_cannot_be_swept_is_said(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sweep", *words, "--target", "m4", "-j", 1) == 2
    assert says in capsys.readouterr().err


def test_what_fails_is_a_result_too(calls: object, capsys: pytest.CaptureFixture[str]) -> None:
    words = (FAMILY.replace(":net", ":nothing"), *SMALL[:2], "--space", "size=8", "--target", "m4", "-j", 1)
    assert run("sweep", *words, "--json") == 0
    found = valid(capsys.readouterr().out, "sweep")
    assert all("returned NoneType" in each["error"] for each in found)


def test_an_interrupted_sweep_goes_on(
    tmp_path: Path, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    store = ("--store", tmp_path / "s.sqlite", "-j", 1)
    assert run("sweep", FAMILY, "--space", "width=1,2", *SMALL[2:], *store) == 0
    assert run("sweep", FAMILY, *SMALL, *store, "--json") == 0
    assert sorted(calls()) == POINTS  # none twice
    assert run("sweep", FAMILY, *SMALL, *store, "--ram", "9K") == 2
    assert "another target, board, limit or proxy" in capsys.readouterr().err


@pytest.mark.thorough
def test_workers_that_die_lose_nothing(
    tmp_path: Path, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """One dies once in the middle; another candidate kills whoever computes it, and is given up."""
    (tmp_path / "die-2-8").touch()
    (tmp_path / "die-always-3-9").touch()
    assert run("sweep", FAMILY, *SMALL, "-j", 2, "--json") == 0
    found = valid(capsys.readouterr().out, "sweep")
    assert [each["model"] for each in found if "error" in each] == ["net_3_9"]
    assert "its worker died 2 times" in found[-1]["error"]
    assert sorted(calls()) == [point for point in POINTS if point != "3 9"]  # each once
    assert not (tmp_path / "die-2-8").exists()


class LostClient:
    """A client of Dask whose scheduler goes away after the first look at the workers."""

    def __init__(self, *_: object, **__: object) -> None:
        self.looks = 0

    def __enter__(self) -> LostClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def nthreads(self) -> dict[str, int]:
        self.looks += 1
        if self.looks > 1:
            raise OSError("closed")
        return {}  # no workers yet


class NoResults:
    """A queue of Dask in which nothing ever is."""

    def __init__(self, name: str, client: LostClient) -> None:
        pass

    def get(self, batch: bool) -> list[object]:
        return []


@pytest.mark.thorough
def test_a_cluster_that_is_lost_is_told(
    calls: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    distributed = pytest.importorskip("dask.distributed")
    monkeypatch.setattr(distributed, "Client", LostClient)
    monkeypatch.setattr(distributed, "Queue", NoResults)
    assert run("sweep", FAMILY, *SMALL, "--scheduler", "tcp://there") == 2
    assert "was lost: closed" in capsys.readouterr().err


@pytest.mark.thorough
def test_a_dask_cluster_gives_the_same_and_survives_a_worker(
    tmp_path: Path, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    distributed = pytest.importorskip("dask.distributed")
    (tmp_path / "die-2-8").touch()
    (tmp_path / "die-always-3-9").touch()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", env={"IRCOMPILE_TEST_SWEEP": str(tmp_path)}
    ) as cluster:
        words = ("sweep", FAMILY, *SMALL, "--json")
        assert run(*words, "--scheduler", cluster.scheduler_address) == 0
        *found, killer = valid(capsys.readouterr().out, "sweep")
        assert "its worker died 2 times" in killer["error"]
        assert sorted(calls()) == [point for point in POINTS if point != "3 9"]  # each once
    assert not (tmp_path / "die-2-8").exists()
    (tmp_path / "die-always-3-9").unlink()
    assert run(*words, "-j", 1) == 0
    here = valid(capsys.readouterr().out, "sweep")
    assert [each | {"front": None} for each in here[:-1]] == [each | {"front": None} for each in found]
