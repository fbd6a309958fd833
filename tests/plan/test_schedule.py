"""The firing rule on a network deeper than Python may recurse."""

from __future__ import annotations

import numpy as np
from nets import long_chain

from ircompile.kernels.lower import lower
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.target import load_target


def test_a_long_chain_is_one_segment() -> None:
    graph = long_chain(1200)
    lowered = lower(graph, load_target("cortex-m4"))
    scheduled = ScheduledGraph(lowered.graph, lowered.demands)
    count = len(scheduled.stages)
    found = scheduled.segment_times(0, count, False)
    assert np.array_equal(np.sort(np.concatenate(list(found.times.values()))), np.arange(found.end))
