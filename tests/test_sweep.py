"""`ircompile sweep`, and the families of networks that it knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import run, valid
from nets import Net

from ircompile.cli import parse
from ircompile.errors import CompileError
from ircompile.importers.ir import write_ir
from ircompile.ir.families import FAMILIES
from ircompile.passes import normalize
from ircompile.sweeps.front import front, picture, ranked
from ircompile.target import load_target
from ircompile.variants.estimate import analyze_graph


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
M4 = load_target("cortex-m4")
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
