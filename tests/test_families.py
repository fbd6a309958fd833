"""Families of networks: their published work and sizes, and the spaces of their members."""

from __future__ import annotations

import numpy as np
import pytest
from nets import mobilenet_v2

from ircompile.ir.families import FAMILIES, SPACES, rounded
from ircompile.ir.ops import Depthwise, Table
from ircompile.ir.simulate import run_graph
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.plan.simulate import run_plan
from ircompile.sweeps.space import Candidate, draw
from ircompile.target import load_target

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
