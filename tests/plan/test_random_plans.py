"""Random networks, planned: bit-exact in one byte arena, proved by the symbolic check, above the lower bound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladder import climb
from nets import random_inputs
from plan.random_nets import random_net

from ircompile.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan import InputMode, make_plan
from ircompile.simulate import run_graph, run_plan
from ircompile.symbolic import prove
from ircompile.target import load_target

MODES: tuple[InputMode, InputMode] = ("resident", "rows")


def check(graph: Graph, mode: InputMode, seed: int) -> None:
    lowered = lower(graph, load_target("cortex-m4"))
    plan = make_plan(lowered.graph, lowered.demands, mode, least=seed % 3 == 0)
    prove(plan)
    inputs = random_inputs(graph, seed)
    got, wanted = run_plan(plan, inputs), run_graph(graph, inputs)
    for name, want in wanted.items():
        np.testing.assert_array_equal(got[name], want)
    assert plan.lower_bound <= plan.peak_live <= plan.arena_bytes


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.sampled_from(MODES))
def test_random_networks(seed: int, mode: InputMode) -> None:
    check(random_net(seed), mode, seed)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(MODES))
def test_many_random_networks(seed: int, mode: InputMode) -> None:
    check(random_net(seed), mode, seed)


@pytest.mark.toolchain
@pytest.mark.parametrize("seed", range(6))
def test_compiled_random_networks(seed: int, tmp_path: Path) -> None:
    climb(random_net(seed), tmp_path, MODES[seed % 2], rungs=("gcc",))


@pytest.mark.slow
@pytest.mark.toolchain
@pytest.mark.parametrize("seed", range(6, 60))
def test_more_compiled_random_networks(seed: int, tmp_path: Path) -> None:
    climb(random_net(seed), tmp_path, MODES[seed % 2], rungs=("gcc",))
