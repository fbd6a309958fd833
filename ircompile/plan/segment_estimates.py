"""What segments need, estimated without firing them.

The whole network is fired once as a single segment. That says how many rows of every tensor are alive at once, and
so the size of every ring buffer. From these follow the bytes of any segment:

    carried bytes + rings within + the greater of what it reads and what it writes + scratch and sums
"""

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.allocations import root_live_ranges
from ircompile.plan.liveness import live_ranges
from ircompile.plan.scheduled_graph import ScheduledGraph


def estimated_bytes(scheduled: ScheduledGraph, rows_input: bool) -> Array:
    """Bytes [first, stop] that the formula gives for segment [first, stop)."""
    graph, count = scheduled.graph, len(scheduled.stages)
    carried, inside = np.zeros((count, count + 1)), np.zeros((count, count + 1))
    read, written = np.zeros((count, count + 1)), np.zeros((count, count + 1))
    for name, (made, used, ring) in _spans(scheduled).items():
        pitch, height = scheduled.rows[name]
        whole, begin, end = pitch * height, max(made + 1, 0), min(used, count - 1)
        carried[begin:, : used + 1] += whole
        written[: made + 1, made + 1 : used + 1] += whole
        if name in graph.input_names and rows_input and name == graph.input_names[0]:
            begin, made = 1, 0  # pushed: only a ring of it, where the first segment is done with it
        inside[: made + 1, used + 1 :] += ring
        read[begin : end + 1, used + 1 :] += whole
    return carried + inside + np.maximum(read, written) + _own(scheduled)


def _own(scheduled: ScheduledGraph) -> Array:
    """The greatest scratch and all sums of every segment."""
    count = len(scheduled.stages)
    scratch = np.array([scheduled.demands[stage.node.name].scratch for stage in scheduled.stages])
    sums = np.array(scheduled.sums)
    own = np.zeros((count, count + 1))
    for first in range(count):
        own[first, first + 1 :] = np.maximum.accumulate(scratch[first:]) + np.cumsum(sums[first:])
    return own


def _spans(scheduled: ScheduledGraph) -> dict[str, tuple[int, int, int]]:
    """For every tensor with rows of its own: the stage that writes it, the last that reads it, its ring's bytes."""
    graph, count = scheduled.graph, len(scheduled.stages)
    times, end = scheduled.segment_times(0, count, True)
    live = live_ranges(scheduled, times, end, set(graph.input_names[1:]), set())
    own, roots = root_live_ranges(scheduled, live)
    made = {stage.node.output: i for i, stage in enumerate(scheduled.stages)}
    made |= dict.fromkeys(graph.input_names, -1)
    spans = {
        name: [made.get(name, count), -1, ranges.slots * scheduled.rows[name].bytes]
        for name, ranges in own.items()
        if name in made
    }
    for name, root in roots.items():
        if root in spans and name in made:
            spans[root][0] = min(spans[root][0], made[name])
            spans[root][1] = max(spans[root][1], scheduled.last_reader[name])
    return {name: (first, last, ring) for name, (first, last, ring) in spans.items()}
