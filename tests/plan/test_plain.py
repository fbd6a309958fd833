"""Plans are equal with what makes planning faster and without it."""

from __future__ import annotations

from typing import Literal

import pytest
from nets import mobilenet_v2
from plan.models import MODELS, real_model
from plan.random_nets import random_net
from plan.test_large_networks import detector

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.plan import Plan, allocate, shared_rings
from ircompile.plan.fast.known import known
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan

M4 = load_target("cortex-m4")
MODES: tuple[InputMode, InputMode] = ("resident", "rows")
Ram = Literal["auto", "min"] | int


def places(plan: Plan) -> tuple[object, ...]:
    """All that planning decides."""
    return (
        [(stage.node.name, stage.line_buffer, stage.dependencies, stage.resume_at) for stage in plan.stages],
        (plan.segments, plan.buffers, plan.line_buffers, plan.scratch, plan.sums, plan.counters, plan.placed),
        (plan.arena_bytes, plan.peak_live, plan.lower_bound),
    )


def outcome(graph: Graph, mode: InputMode, ram: Ram) -> tuple[object, ...] | str:
    """The plan, or the error if none fits."""
    try:
        return places(choose_plan(graph, M4, mode, ram).plan)
    except CompileError as error:
        return str(error)


def check_equal(graph: Graph, mode: InputMode, ram: Ram, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = outcome(graph, mode, ram)
    with monkeypatch.context() as plain:
        plain.setattr(shared_rings, "known", lambda facts, compute: compute())
        plain.setattr(
            allocate, "place_changed", lambda allocator, _, order, *rest: allocator.place(order, rest[-1])
        )
        assert outcome(graph, mode, ram) == fast


def check_random(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default plan, the least, and one that must fit into less, in turn."""
    mode = MODES[seed // 3 % 2]
    graph = random_net(seed, 1 if mode == "rows" else 1 + seed % 2)
    budgets: list[Ram] = ["auto", "min", round(0.9 * choose_plan(graph, M4, mode).ram) if seed % 3 == 2 else 0]
    check_equal(graph, mode, budgets[seed % 3], monkeypatch)


def test_what_is_known_is_computed_once() -> None:
    computed: list[int] = []
    for _ in range(2):
        known(("test", 1), lambda: computed.append(1))
    assert len(computed) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(18))
def test_random_networks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check_random(seed, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(18, 218))
def test_more_random_networks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check_random(seed, monkeypatch)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", [MODES[0], *(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES[1:])])
def test_built_networks(mode: InputMode, monkeypatch: pytest.MonkeyPatch) -> None:
    check_equal(mobilenet_v2(0.35, 48, 10), mode, "auto", monkeypatch)
    check_equal(detector(64), mode, "auto", monkeypatch)


def names() -> list[str]:
    return sorted({path.stem for path in MODELS.glob("*") if path.suffix in (".tflite", ".onnx")}) or ["none"]


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_real_models(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        graph = real_model(name)
    except CompileError as error:
        pytest.skip(str(error))
    for mode in MODES if len(graph.inputs) == 1 else MODES[:1]:
        check_equal(graph, mode, "auto", monkeypatch)
