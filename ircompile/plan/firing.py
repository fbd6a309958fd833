"""The firing rule: run the most downstream node whose rows are there.

The same rule, over the same tables, runs in the planner, in `run_plan` and in the C.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ircompile.plan.model import Stage

Event = tuple[int, int]  # (stage index, step), or (-1 - input, row) where an input row is pushed


def fire(stages: Sequence[Stage], first: int, stop: int, pushed_rows: int = 0) -> Iterator[Event]:
    """The events of segment [first, stop) in order. All that is computed before it is there already.

    With `pushed_rows`, input 0 arrives row by row, each once nothing else can fire; else it is there whole.
    """
    done = [0] * (stop - first)
    there = 0 if pushed_rows else None
    readers = [i for i in range(first, stop) if any(wait.source == -1 for wait in stages[i].waits)]
    cursor = stop - 1
    local = [[(w.source - first if w.source >= first else -1, w.stops) for w in stages[i].waits
              if w.source >= first or (w.source == -1 and pushed_rows)] for i in range(first, stop)]  # fmt: skip
    steps = [stage.steps for stage in stages[first:stop]]
    tops = [min(stage.last_reader, stop - 1) for stage in stages[first:stop]]
    i = cursor - first
    while True:
        while i >= 0:
            step = done[i]
            if step < steps[i]:
                for source, stops in local[i]:
                    if (done[source] if source >= 0 else there or 0) < stops[step]:
                        break
                else:
                    break
            i -= 1
        if i >= 0:
            yield first + i, done[i]
            done[i] += 1
            i = max(tops[i] - first, i)
        elif there is not None and there < pushed_rows:
            yield -1, there
            there += 1
            i = readers[-1] - first if readers else -1
        else:
            return


def rows_pushed(stages: Sequence[Stage]) -> int:
    """How many rows of input 0 anything reads; the rest need not arrive."""
    return max((w.stops[-1] for s in stages for w in s.waits if w.source == -1 and w.stops), default=1) or 1


def whole_run(stages: Sequence[Stage], segments: Sequence[tuple[int, int]], pushed_rows: int) -> list[Event]:
    """All events of a run, segment after segment; pushed rows arrive during the first segments that read them."""
    events: list[Event] = []
    for number, (first, stop) in enumerate(segments):
        events += fire(stages, first, stop, pushed_rows if number == 0 else 0)
    return events
