"""The certified lower bound: the same as over all pairs of steps, and below every plan."""

from __future__ import annotations

import numpy as np
import pytest
from nets import Net
from plan.random_nets import random_net

from ircompile.ir import ops
from ircompile.ir.tensor import Array
from ircompile.kernels.lower import lower
from ircompile.pipeline import build
from ircompile.plan import bound
from ircompile.plan.bound import NEVER, least_sums, lower_bound
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.target import load_target


def over_all_pairs(cost: Array, have: Array, stored: Array, needed: Array, dead: Array, row_bytes: int) -> Array:
    """What `least_sums` says it computes, as a matrix."""
    alive = np.maximum(stored[:, None] - dead[None, :], 0) * row_bytes
    sums = np.where(have[:, None] >= needed[None, :], cost[:, None] + alive, NEVER)
    return np.asarray(sums.min(axis=0))


def rising(rng: np.random.Generator, count: int) -> Array:
    return np.sort(rng.integers(-5, 20, count))


@pytest.mark.parametrize("seed", range(300))
def test_least_sums(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, others = (int(n) for n in rng.integers(1, 40, 2))
    cost, have = rng.integers(0, 200, steps), rising(rng, steps)
    stored = have if seed % 2 else have + rng.integers(0, 2)
    needed, dead = rising(rng, others), rising(rng, others)
    given = (cost, have, stored, needed, dead, int(rng.integers(1, 9)))
    np.testing.assert_array_equal(least_sums(*given), over_all_pairs(*given))


@pytest.mark.parametrize("seed", range(40))
def test_as_over_all_pairs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = lower(random_net(seed, 1 + seed % 2), load_target("cortex-m4"))
    scheduled = ScheduledGraph(lowered.graph, lowered.demands)
    found = [lower_bound(scheduled, rows) for rows in (False, True)]
    monkeypatch.setattr(bound, "least_sums", over_all_pairs)
    assert [lower_bound(scheduled, rows) for rows in (False, True)] == found


@pytest.mark.parametrize("core", ["host", "cortex-m0plus", "cortex-m4"])
@pytest.mark.parametrize("channels", [8, 64])
def test_slices_of_a_concatenation_are_written_over(core: str, channels: int) -> None:
    """Its output lies where its inputs lie: both need no more than the larger."""
    net = Net((8, 16, 1))
    y = net.add("concat", ops.Concat(2), tuple(net.conv("x", channels, relu=True) for _ in range(2)), 0.05, -128)
    compiled = build(net.graph(net.conv(y, 1)), load_target(core), "net", "rows")
    assert compiled.plan.lower_bound <= compiled.plan.arena_bytes
    scheduled = ScheduledGraph(compiled.lowered.graph, compiled.lowered.demands)
    assert lower_bound(scheduled, rows_input=True) <= compiled.plan.peak_live
