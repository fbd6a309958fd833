"""Chains fire as the rule says, step by step."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from nets import Net, mobilenet_v2
from plan.random_nets import random_net

from ircompile.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan.chains import Chains
from ircompile.plan.firing import fire_times
from ircompile.plan.lifetimes import Problem
from ircompile.plan.search import lines_everywhere
from ircompile.target import load_target

LONGEST = 9  # nodes of the segments that are compared


def chains_of(graph: Graph) -> tuple[int, int]:
    """How many segments there are, and how many of them are chains; all of these fire as they must."""
    lowered = lower(graph, load_target("cortex-m4"))
    segments = chains = 0
    for lines in (frozenset[str](), lines_everywhere(lowered.graph)):
        stages = Problem(lowered.graph, lowered.demands, lines).stages
        found = Chains(stages)
        for first, stop in combinations(range(len(stages) + 1), 2):
            if stop - first > LONGEST:
                continue
            segments += 1
            if found.is_chain(first, stop):
                chains += 1
                times, right = found.times(first, stop), fire_times(stages, first, stop, 0).times
                assert times.keys() == right.keys()
                assert all(np.array_equal(times[i], right[i]) for i in right), (first, stop)
    return segments, chains


@pytest.mark.parametrize("seed", range(40))
def test_random_nets(seed: int) -> None:
    segments, chains = chains_of(random_net(seed))
    assert chains >= segments // 10


def test_blocks_are_chains() -> None:
    segments, chains = chains_of(mobilenet_v2(0.35, 48, 10))
    assert chains > 0.9 * segments


def test_a_shortcut_that_runs_ahead_is_none() -> None:
    """The sum asks for rows that the branch of single rows has not asked for."""
    net = Net((9, 9, 4))
    x = net.conv("x", 4)
    graph = net.graph(net.sum(net.conv(net.conv(x, 4), 4), x))
    lowered = lower(graph, load_target("cortex-m4"))
    chains = Chains(Problem(lowered.graph, lowered.demands).stages)
    assert not chains.is_chain(0, 4)
    assert chains.is_chain(0, 3)
    assert chains.is_chain(1, 4)
