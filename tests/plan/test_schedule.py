"""The firing rule on a network deeper than Python may recurse."""

from __future__ import annotations

import numpy as np
from nets import long_chain

from ircompile.kernels.lower import lower
from ircompile.plan.lifetimes import Problem
from ircompile.target import load_target


def test_a_long_chain_is_one_segment() -> None:
    graph = long_chain(1200)
    lowered = lower(graph, load_target("cortex-m4"))
    problem = Problem(lowered.graph, lowered.demands)
    count = len(problem.stages)
    fired = problem.fired(0, count, False)
    assert np.array_equal(np.sort(np.concatenate(list(fired.times.values()))), np.arange(fired.steps))
