"""Chains fire as the rule says, step by step."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from nets import Net, long_chain, mobilenet_v2
from plan.random_nets import random_net

from ircompile.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan.chains import Chains
from ircompile.plan.firing import fire_times
from ircompile.plan.lifetimes import Problem
from ircompile.plan.search import lines_everywhere
from ircompile.target import load_target

LONGEST = 9  # nodes of the segments that are compared


def chains_of(graph: Graph) -> Counter[str]:
    """How many segments there are, how many are chains, or begin or end as one; all fire as they must."""
    lowered = lower(graph, load_target("cortex-m4"))
    found = Counter[str]()
    for lines in (frozenset[str](), lines_everywhere(lowered.graph)):
        stages = Problem(lowered.graph, lowered.demands, lines).stages
        chains = Chains(stages)
        for first, stop in combinations(range(len(stages) + 1), 2):
            if stop - first > LONGEST:
                continue
            head, tail = chains.core(first, stop)
            kind = "chain" if tail - head == 1 else "core alone" if (head, tail) == (first, stop) else "mixed"
            found[kind] += 1
            fired, right = chains.fired(first, stop), fire_times(stages, first, stop, 0)
            assert fired.steps == right.steps
            assert fired.times.keys() == right.times.keys()
            assert all(np.array_equal(fired.times[i], right.times[i]) for i in right.times), (first, stop)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_random_nets(seed: int) -> None:
    found = chains_of(random_net(seed))
    assert found["chain"] >= found.total() // 10


def test_cores_between_chains() -> None:
    """Of the random nets' segments many are a core with a chain before or behind it."""
    found = sum((chains_of(random_net(seed)) for seed in range(40, 50)), Counter[str]())
    assert found["mixed"] > found.total() // 10


def test_blocks_are_chains() -> None:
    found = chains_of(mobilenet_v2(0.35, 48, 10))
    assert found["chain"] > 0.9 * found.total()


def test_a_shortcut_that_runs_ahead_is_none() -> None:
    """The sum asks for rows that the branch of single rows has not asked for."""
    net = Net((9, 9, 4))
    x = net.conv("x", 4)
    graph = net.graph(net.sum(net.conv(net.conv(x, 4), 4), x))
    lowered = lower(graph, load_target("cortex-m4"))
    chains = Chains(Problem(lowered.graph, lowered.demands).stages)
    assert chains.core(0, 4) == (0, 4)
    assert chains.core(0, 3) == (0, 1)
    assert chains.core(1, 4) == (1, 2)


def test_a_long_chain_is_one_segment() -> None:
    """Deeper than Python may recurse."""
    graph = long_chain(1200)
    lowered = lower(graph, load_target("cortex-m4"))
    problem = Problem(lowered.graph, lowered.demands)
    count = len(problem.stages)
    fired = problem.fired(0, count, False)
    assert np.array_equal(np.sort(np.concatenate(list(fired.times.values()))), np.arange(fired.steps))
