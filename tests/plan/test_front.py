"""The front of memory and work: monotone, and every point of it is what compiling with its bytes gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from ladder import climb, codes_for
from nets import Net, mobilenet_v2, random_inputs
from plan.models import real_model
from plan.random_nets import random_net
from proved import prove

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.plan.simulate import run_plan
from ircompile.plan.work import instructions, macs
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan, explore
from ircompile.variants.tradeoffs import PlanVariant

M4 = load_target("cortex-m4")
MODES: tuple[InputMode, InputMode] = ("resident", "rows")


def blocks() -> Graph:
    net = Net((24, 20, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    return net.graph(net.inverted_residual(net.inverted_residual(x, 4, 8), 4, 12, 2, 5))


def partly(point: PlanVariant) -> bool:
    """Whether some parts of a layer are recomputed, and its others kept."""
    return any(count < point.parts.get(name, 1) for name, count in point.recomputing.items())


FRONT = {
    "cfu_mnv2_035_160_person": (22_656, 18_408),
    "mobilenet_v2_035_144": (19_468, 15_818),
    "coral_tf2_mobilenet_v2_100_224_ptq": (81_177, 65_956),
    "mcunet_vww_tinyengine": (14_694, 11_939),
    "mcunet_person_det": (18_411, 16_132),
    "mcunet_320kb_1mb_imagenet": (55_308, 50_544),
    "openmv_fomo_face": (12_172, 9_890),
}
"""Bytes with pushed rows at 1.05 and 1.15 times the MACs: 20 % and 35 % below the row floor where that is held."""


def front_bars() -> list[object]:
    quick = "openmv_fomo_face"
    return [
        pytest.param(name, *bars, id=name, marks=[] if name == quick else [pytest.mark.slow])
        for name, bars in FRONT.items()
    ]


def check_front(graph: Graph, mode: InputMode, front: Sequence[PlanVariant]) -> None:
    for more, less in pairwise(front):
        assert more.ram > less.ram
        assert more.work < less.work
        assert more.macs <= less.macs
    inputs = random_inputs(graph)
    for point in front:
        compiled = build(graph, M4, "net", mode, ram=point.ram)
        plan = compiled.plan
        assert (plan.arena_bytes, macs(plan), instructions(plan)) == (point.ram, point.macs, point.work)
        header = compiled.files()["net.h"]
        assert isinstance(header, str)
        assert re.findall(r"#define NET_ARENA_BYTES (\d+)", header) == [str(point.ram)]
        prove(plan)
        for name, want in run_graph(graph, inputs).items():
            np.testing.assert_array_equal(run_plan(plan, inputs)[name], want)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["rows", pytest.param("resident", marks=pytest.mark.slow)])
def test_front(mode: InputMode) -> None:
    graph = blocks()
    front = explore(graph, M4, mode)
    assert len(front) > 3
    assert front[-1].macs > front[0].macs == graph.macs()
    assert any(partly(point) for point in front)
    check_front(graph, mode, front)


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", MODES)
def test_some_parts_of_a_layer_recomputed(mode: InputMode, tmp_path: Path) -> None:
    graph = blocks()
    ram = next(point.ram for point in explore(graph, M4, mode) if partly(point))
    plan = climb(graph, tmp_path, mode, codes_for(graph, 2), ("cortex-m4",), ram=ram)["cortex-m4"].plan
    windows = [stage for stage in plan.stages if stage.node.name.startswith("dw6_part")]
    again = [stage.node.name for stage in windows if stage.recomputed_producer]
    assert again
    assert {stage.node.name for stage in windows if stage.line_buffer} == {s.node.name for s in windows} - {*again}


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "few", "some"), front_bars())
def test_front_of_real_networks(name: str, few: int, some: int) -> None:
    graph = normalize(mobilenet_v2(0.35, 144)) if name == "mobilenet_v2_035_144" else real_model(name)
    front = explore(graph, M4, "rows")
    for share, bar in ((1.05, few), (1.15, some)):
        point = min((point for point in front if point.macs <= share * graph.macs()), key=lambda point: point.ram)
        assert point.ram <= bar
        prove(point.plan)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(8))
def test_the_bytes_of_a_plan_with_a_name_give_none_that_is_slower(mode: InputMode, seed: int) -> None:
    graph = random_net(seed)
    if mode == "rows" and len(graph.inputs) > 1:
        mode = "resident"
    front = explore(graph, M4, mode)
    words: list[Literal["auto", "min"]] = ["auto", "min"]
    for word in words:
        named = choose_plan(graph, M4, mode, word)
        assert choose_plan(graph, M4, mode, named.ram).work <= named.work
        assert any(point.ram <= named.ram and point.work <= named.work for point in front)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_front_of_a_person_detector(mode: InputMode) -> None:
    graph = real_model("cfu_mnv2_035_160_person")
    check_front(graph, mode, explore(graph, M4, mode))


@pytest.mark.slow
@pytest.mark.toolchain
def test_a_person_detector_in_18_kilobytes(tmp_path: Path) -> None:
    graph, ram = real_model("cfu_mnv2_035_160_person"), 18 * 1024
    plan = climb(graph, tmp_path, "rows", codes_for(graph, 2), ("gcc", "cortex-m4"), ram=ram)["cortex-m4"].plan
    assert plan.arena_bytes <= ram
    assert macs(plan) <= 1.5 * graph.macs()
