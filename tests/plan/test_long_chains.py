"""How the work of planning grows with the number of operators: in calls of functions, not in seconds."""

from __future__ import annotations

import cProfile
import pstats
from typing import Literal

import pytest
from nets import long_chain
from proved import prove

from ircompile.interface import InputMode
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan


def calls(operators: int, mode: InputMode, ram: Literal["auto", "min"]) -> int:
    """Functions called, to the last one in C, while a chain is planned."""
    graph, target = long_chain(operators), load_target("cortex-m4")
    with cProfile.Profile() as profile:
        fitted = choose_plan(graph, target, mode, ram)
    prove(fitted.plan)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
@pytest.mark.parametrize("operators", [80, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ram", ["auto", "min"])
def test_work_grows_little_faster_than_the_chain(
    operators: int, mode: InputMode, ram: Literal["auto", "min"]
) -> None:
    """Four times the operators take four times the calls, and half as many more at most."""
    assert calls(operators, mode, ram) < 1.5 * 4 * calls(operators // 4, mode, ram)
