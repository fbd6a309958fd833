"""The firing rule: what the most downstream node needs for its next row, and nothing ahead of that.

From the last node of a segment upstream to whoever owes rows; once that has fired, on from where a short branch
joins the others again, else from its last reader. The branch that comes first in the order is asked first: a short
one takes rows while they are there. When the last node is done, or lacks rows of the input that are not pushed yet,
the node before it takes its place.
The same rule, over the same tables, runs in the planner, in `run_plan` and in the C.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.model import Stage

Event = tuple[int, int]  # (stage index, step), or (-1 - input, row) where an input row is pushed


def firing_order(stages: Sequence[Stage], first: int, stop: int, pushed_rows: int = 0) -> list[int]:
    """The stages of segment [first, stop) as they fire, one step each time. All that is computed before is there.

    With `pushed_rows`, input 0 arrives row by row, the first before anything fires and each other once nothing else
    can; else it is there whole. Such a row is -1.
    """
    order: list[int] = []
    count = stop - first
    done, steps = [0] * (count + 1), [stage.steps for stage in stages[first:stop]]  # done[-1] counts pushed rows
    waits = [
        [(w.source - first, w.stops) for w in stage.waits if w.source >= first]
        + [(-1, w.stops) for w in stage.waits if w.source == -1 and pushed_rows]
        for stage in stages[first:stop]
    ]
    turns = [max(min(stage.join, stop - 1) - first, node) for node, stage in enumerate(stages[first:stop])]
    while True:
        if done[-1] < pushed_rows:
            order.append(-1)
            done[-1] += 1
        node = count - 1
        while node >= 0:
            step = done[node]
            if step == steps[node]:
                node -= 1
                continue
            for source, stops in waits[node]:
                if done[source] < stops[step]:
                    node = source if source >= 0 else node - 1
                    break
            else:
                order.append(first + node)
                done[node] = step + 1
                node = turns[node]
        if done[-1] >= pushed_rows:
            return order


def fire(stages: Sequence[Stage], first: int, stop: int, pushed_rows: int = 0) -> Iterator[Event]:
    """The events of a segment in order."""
    done: Counter[int] = Counter()
    for stage in firing_order(stages, first, stop, pushed_rows):
        yield stage, done[stage]
        done[stage] += 1


class Fired(NamedTuple):
    """When each stage fired its steps, -1 - n where input n's rows were pushed; and how many steps that took."""

    times: dict[int, Array]
    steps: int

    def stage_at(self, step: int) -> int:
        """The stage that fires at a step, or at the last one; 0 where an input row is pushed."""
        step = min(step, self.steps - 1)
        return max(next(index for index, times in self.times.items() if step in times), 0)


def fire_times(stages: Sequence[Stage], first: int, stop: int, pushed_rows: int) -> Fired:
    """The firings of one segment."""
    order = np.array(firing_order(stages, first, stop, pushed_rows), np.int64)
    by_stage = np.argsort(order, kind="stable")
    indices, begins = np.unique(order[by_stage], return_index=True)
    times = np.split(by_stage, begins[1:])
    return Fired(dict(zip(indices.tolist(), times, strict=True)), len(order))


def one_after_other(segments: Sequence[Fired]) -> Fired:
    """The firings of a whole run."""
    times: dict[int, Array] = {}
    steps = 0
    for segment in segments:
        times |= {index: when + steps for index, when in segment.times.items()}
        steps += segment.steps
    return Fired(times, steps)


def rows_pushed(stages: Sequence[Stage]) -> int:
    """How many rows of input 0 anything reads; the rest need not arrive."""
    return max((w.stops[-1] for s in stages for w in s.waits if w.source == -1 and w.stops), default=1) or 1


def whole_run(stages: Sequence[Stage], segments: Sequence[tuple[int, int]], pushed_rows: int) -> list[Event]:
    """All events of a run, segment after segment; pushed rows arrive during the first segments that read them."""
    events: list[Event] = []
    for number, (first, stop) in enumerate(segments):
        events += fire(stages, first, stop, pushed_rows if number == 0 else 0)
    return events
