"""Random networks, planned: bit-exact in one byte arena, proved by the symbolic check, within budgets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladder import climb
from nets import random_inputs
from plan.random_nets import random_net
from proved import prove

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.plan.simulate import run_plan
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan, explore
from ircompile.variants.tradeoffs import PlanVariant

MODES: tuple[InputMode, InputMode] = ("resident", "rows")
M4 = load_target("cortex-m4")
CASES = (st.integers(0, 2**32 - 1), st.sampled_from(MODES), st.floats(0.3, 1.1))
"""Seed, input mode, and the budget as a share of what the default plan needs."""
MOST_INPUTS = 3


def net_for(seed: int, mode: InputMode) -> Graph:
    return random_net(seed, 1 if mode == "rows" else 1 + seed % MOST_INPUTS)


def check(graph: Graph, fitted: PlanVariant, seed: int) -> None:
    plan = fitted.plan
    prove(plan)
    inputs = random_inputs(graph, seed)
    got, wanted = run_plan(plan, inputs), run_graph(graph, inputs)
    for name, want in wanted.items():
        np.testing.assert_array_equal(got[name], want)
    assert plan.peak_live <= plan.arena_bytes == fitted.ram
    if not fitted.recomputing:
        assert plan.lower_bound <= plan.peak_live


def check_budget(seed: int, mode: InputMode, share: float) -> None:
    """The default plan, and that of a budget, or the least where nothing fits, which the error then names."""
    graph = net_for(seed, mode)
    default = choose_plan(graph, M4, mode)
    check(graph, default, seed)
    budget = max(int(share * default.ram), 1)
    try:
        fitted = choose_plan(graph, M4, mode, budget)
    except CompileError as error:
        found = re.search(r"([\d,]+) bytes are given, the least found is ([\d,]+)", error.problem)
        assert found
        asked, least = (int(number.replace(",", "")) for number in found.groups())
        assert least > asked == budget
        fitted = choose_plan(graph, M4, mode, least)
        assert fitted.ram == least
    else:
        assert fitted.ram <= budget
    check(graph, fitted, seed)


@pytest.mark.thorough
@settings(max_examples=25, deadline=None, derandomize=True)
@given(*CASES[:2], st.sampled_from(["auto", "min"]))
def test_random_networks(seed: int, mode: InputMode, ram: Literal["auto", "min"]) -> None:
    graph = net_for(seed, mode)
    check(graph, choose_plan(graph, M4, mode, ram), seed)


@pytest.mark.thorough
@settings(max_examples=8, deadline=None, derandomize=True)
@given(*CASES)
def test_random_networks_within_budgets(seed: int, mode: InputMode, share: float) -> None:
    check_budget(seed, mode, share)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(*CASES)
def test_many_random_networks_within_budgets(seed: int, mode: InputMode, share: float) -> None:
    check_budget(seed, mode, share)


def climb_budget(seed: int, folder: Path) -> None:
    """A network in C, under sanitizers, within the bytes of a point of its front: in the middle, or the least."""
    mode = MODES[seed % 2]
    graph, host = net_for(seed, mode), load_target("host")
    front = explore(graph, host, mode)
    climb(graph, folder, mode, rungs=("gcc",), ram=front[len(front) // 2 if seed % 3 else -1].ram)


@pytest.mark.toolchain
@pytest.mark.parametrize("seed", range(6))
def test_compiled_random_networks(seed: int, tmp_path: Path) -> None:
    climb_budget(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.toolchain
@pytest.mark.parametrize("seed", range(6, 60))
def test_more_compiled_random_networks(seed: int, tmp_path: Path) -> None:
    climb_budget(seed, tmp_path)
