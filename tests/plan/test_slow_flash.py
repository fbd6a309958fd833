"""Layers in turn and in parts, where weights lie in slow flash: each is brought once, and no code changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import ladder
import pytest
from nets import Net, mobilenet_v2
from plan.models import real_model
from remembering import wake_word

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.pipeline import build
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.weight_reads import order_of_steps, weights_brought
from ircompile.target import SlowFlash, Target, load_target
from ircompile.timing.board import list_boards, load_board
from ircompile.timing.network import time_of
from ircompile.variants.choose import choose_plan
from ircompile.variants.estimate import analyze_graph
from ircompile.variants.estimate.screen import screen
from ircompile.variants.slow_flash import weight_sizes
from ircompile.variants.tradeoffs import PlanVariant

CACHE = 2048
BOTH: list[InputMode] = ["resident", "rows"]
WORDS: tuple[Literal["auto"], Literal["min"]] = ("auto", "min")
SLOW_BOARDS = ["raspberry-pi-pico", "raspberry-pi-pico-2", "nucleo-n657x0-q"]


def detector() -> Graph:
    """Layers that the cache has no room for: before a depthwise one, before an addition, with windows."""
    net = Net((24, 20, 3), 7)
    x = net.depthwise(net.conv("x", 16, (3, 3), (2, 2), relu=True), stride=(2, 2))
    x = net.depthwise(net.conv(x, 44, relu=True), stride=(1, 2))
    x = net.depthwise(net.conv(x, 52, relu=True))
    x = net.sum(net.conv(x, 52), x)
    return net.graph(net.conv(net.conv(x, 13, (3, 3)), 5))


def slow(core: str) -> Target:
    return replace(load_target(core), slow_flash=SlowFlash(CACHE, 8.0))


def brought(variant: PlanVariant) -> float:
    plan = variant.plan
    return sum(weights_brought(plan, order_of_steps(plan), weight_sizes(plan.graph), CACHE).values())


@pytest.mark.thorough
@pytest.mark.parametrize("mode", BOTH)
def test_each_weight_is_brought_once(mode: InputMode) -> None:
    """Where there is room; in the bytes that the plan has in any case, as many are saved as can be."""
    graph, target = detector(), slow("cortex-m33")
    plain = choose_plan(graph, load_target("cortex-m33"), mode)
    auto, least = choose_plan(graph, target, mode), choose_plan(graph, target, mode, "min")
    roomy = choose_plan(graph, target, mode, 4 * plain.ram)
    assert brought(roomy) == sum(weight_sizes(roomy.plan.graph).values())
    assert brought(roomy) <= brought(auto) < 0.6 * brought(plain)
    assert auto.ram <= 1.05 * plain.ram
    assert roomy.ram <= 4 * plain.ram
    assert least.ram <= choose_plan(graph, load_target("cortex-m33"), mode, "min").ram
    assert any("_part" in node.name for node in roomy.plan.graph.nodes)
    assert roomy.plan.placed, "the parts are not written where they are read"


@pytest.mark.parametrize("ram", ["auto", 10**6])
def test_memory_is_taken_for_what_it_saves_alone(ram: int | Literal["auto"]) -> None:
    """A cache that holds all weights asks for nothing."""
    target = replace(load_target("cortex-m33"), slow_flash=SlowFlash(10**6, 8.0))
    plain, other = (choose_plan(detector(), core, "resident", ram).plan for core in (load_target("m33"), target))
    assert (other.segments, other.arena_bytes, other.demands) == (plain.segments, plain.arena_bytes, plain.demands)


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", BOTH)
def test_no_code_differs(mode: InputMode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ladder, "load_target", slow)
    rungs = ("gcc", "cortex-m0plus", "cortex-m33", "cortex-m55")[: 4 if mode == "resident" else 3]
    for core, compiled in ladder.climb(detector(), tmp_path, mode, rungs=rungs, ram=20_000).items():
        before = build(detector(), load_target(core), "net", mode, ram=20_000)
        assert len(compiled.plan.segments) > len(before.plan.segments), core
        assert len(compiled.plan.graph.nodes) > len(before.plan.graph.nodes), core


@pytest.mark.toolchain
def test_networks_that_remember(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ladder, "load_target", slow)
    (compiled,) = ladder.climb(wake_word(3, 44, 6), tmp_path, rungs=("gcc",)).values()
    assert any("_part" in node.name for node in compiled.plan.graph.nodes)


def promised(graph: Graph, name: str, mode: InputMode) -> None:
    """Asserts that what `analyze` says of a board is kept: bytes, of `--ram min` too, those read, and the time."""
    board = load_board(name)

    def timed(plan: CandidatePlan) -> dict[str, Any]:
        return time_of(plan.scheduled, board, order=plan.times.order()).data

    said = analyze_graph(graph, board.core, mode, advise=False, timed=timed)
    auto, least = (choose_plan(graph, board.core, mode, ram, board.core.memory) for ram in WORDS)
    assert auto.ram <= 1.1 * said.in_turn
    assert auto.ram - auto.in_turn <= 1.1 * said.arena
    assert least.ram <= said.arena
    taken = time_of(auto.plan, board)
    assert said.timing is not None
    assert taken.milliseconds == pytest.approx(said.timing["milliseconds"], rel=0.1)
    if name in SLOW_BOARDS:  # on others no plan is made for it
        assert taken.brought == pytest.approx(said.timing["weight_bytes_brought"], rel=0.2)


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("board", [*SLOW_BOARDS, "nucleo-u575zi-q"])
def test_what_analyze_says(board: str, mode: InputMode) -> None:
    promised(detector(), board, mode)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("board", SLOW_BOARDS)
@pytest.mark.parametrize(
    "name",
    [
        "mlperf_kws_dscnn_int8",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("mlperf_ic_resnet8_int8", "mcunet_vww_tinyengine")
        ),
    ],
)
def test_what_analyze_says_of_real_networks(name: str, board: str, mode: InputMode) -> None:
    promised(real_model(name), board, mode)


def test_what_a_sweep_says() -> None:
    """It is what `analyze` says; what no limit can be reached with is told before anything is planned."""
    board, graph = load_board("raspberry-pi-pico-2"), mobilenet_v2(0.35, 64, 10)
    found, said = screen(graph, board.core), analyze_graph(graph, board.core, advise=False)
    assert (found.arena, found.in_turn) == (said.arena, said.in_turn)
    assert found.in_turn > found.arena
    planned = time_of(found.scheduled, board, order=found.order)
    least: list[float] = []
    screen(graph, board.core, hopeless=lambda plan: bool(least.append(time_of(plan, board).milliseconds)))
    assert 0.9 * planned.milliseconds < least[0] < 1.02 * planned.milliseconds
    assert screen(graph, board.core, ram=said.arena).in_turn == said.arena


def test_boards_of_serial_flash_alone_have_slow_flash() -> None:
    found = {board.name for board in list_boards() if board.core.slow_flash}
    assert found == set(SLOW_BOARDS)
    assert load_board("raspberry-pi-pico-2").core.slow_flash == SlowFlash(16384, 135 / 8)
