"""The firing rule: which stage takes the next step of a segment.

The rule asks the last stage of the segment for its next step. If rows are missing, it asks the stage that owes
them, and so on upstream, until a stage can take a step. After that step it goes on at the stage's `resume_at`:
where a short branch joins the others again, or at the last reader. Dependencies are asked in the order of the
nodes, so that a short branch takes rows while they are there. Once the last stage is done, or lacks input rows
that are not pushed yet, the stage before it takes its place.

The same rule over the same tables runs in the planner, in `run_plan` and in the C.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.model import Stage

Event = tuple[int, int]  # (stage index, step), or (-1 - input, row) where an input row is pushed
Segment = tuple[int, int]
"""The stages [first, stop) stream together."""


def firing_order(stages: Sequence[Stage], first: int, stop: int, pushed_rows: int = 0) -> list[int]:
    """The stages of segment [first, stop) in the order of their steps. All earlier segments are done.

    With `pushed_rows`, input 0 arrives row by row: the first row before any step, each other one when no stage can
    take a step without it. Such an arrival stands in the list as -1. Otherwise the whole input is there.
    """
    order: list[int] = []
    count = stop - first
    done, steps = [0] * (count + 1), [stage.steps for stage in stages[first:stop]]  # done[-1] counts pushed rows
    dependencies = [
        [(d.source - first, d.required_steps) for d in stage.dependencies if d.source >= first]
        + [(-1, d.required_steps) for d in stage.dependencies if d.source == -1 and pushed_rows]
        for stage in stages[first:stop]
    ]
    resume_at = [max(min(stage.resume_at, stop - 1) - first, i) for i, stage in enumerate(stages[first:stop])]
    while True:
        if done[-1] < pushed_rows:
            order.append(-1)
            done[-1] += 1
        current = count - 1
        while current >= 0:
            step = done[current]
            if step == steps[current]:
                current -= 1
                continue
            for source, required_steps in dependencies[current]:
                if done[source] < required_steps[step]:
                    current = source if source >= 0 else current - 1
                    break
            else:
                order.append(first + current)
                done[current] = step + 1
                current = resume_at[current]
        if done[-1] >= pushed_rows:
            return order


def fire(stages: Sequence[Stage], first: int, stop: int, pushed_rows: int = 0) -> Iterator[Event]:
    """The events of a segment in order."""
    done: Counter[int] = Counter()
    for stage in firing_order(stages, first, stop, pushed_rows):
        yield stage, done[stage]
        done[stage] += 1


class StepTimes(NamedTuple):
    """At which time each stage takes its steps; times count the events of the schedule from 0 to `end` - 1.

    `times` has an array for every stage, and under -1 - n one for the arrivals of the rows of input n.
    """

    times: dict[int, Array]
    end: int

    def order(self) -> list[int]:
        """The stage of each step, in the order of time."""
        order = np.full(self.end, -1, np.int64)
        for stage, at in self.times.items():
            order[at] = stage
        return order[order >= 0].tolist()

    def stage_at(self, time: int) -> int:
        """The stage that takes a step at this time, or at the last one; 0 if an input row arrives."""
        time = min(time, self.end - 1)
        return max(next(index for index, times in self.times.items() if time in times), 0)


def segment_times(stages: Sequence[Stage], first: int, stop: int, pushed_rows: int) -> StepTimes:
    """The times of all steps of one segment."""
    order = np.array(firing_order(stages, first, stop, pushed_rows), np.int64)
    by_stage = np.argsort(order, kind="stable")
    indices, begins = np.unique(order[by_stage], return_index=True)
    times = np.split(by_stage, begins[1:])
    return StepTimes(dict(zip(indices.tolist(), times, strict=True)), len(order))


def one_after_other(segments: Sequence[StepTimes]) -> StepTimes:
    """The times of a whole run: each segment begins where the one before it ends."""
    times: dict[int, Array] = {}
    end = 0
    for segment in segments:
        times |= {index: at + end for index, at in segment.times.items()}
        end += segment.end
    return StepTimes(times, end)


def rows_pushed(stages: Sequence[Stage]) -> int:
    """How many rows of input 0 any stage reads; the rest need not arrive."""
    counts = [d.required_steps[-1] for s in stages for d in s.dependencies if d.source == -1 and d.required_steps]
    return max(counts, default=1) or 1


def whole_run(stages: Sequence[Stage], segments: Sequence[Segment], pushed_rows: int) -> list[Event]:
    """All events of a run, segment after segment; pushed rows arrive during the first segment."""
    events: list[Event] = []
    for number, (first, stop) in enumerate(segments):
        events += fire(stages, first, stop, pushed_rows if number == 0 else 0)
    return events
