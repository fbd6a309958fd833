"""The tables of the schedule that the C reads: segments, stages and what these wait for.

They do not grow with the height of the picture where required steps follow a straight line.
"""

from collections.abc import Iterator

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.model import Plan, StageRow, Tables, WaitRow
from ircompile.plan.schedule import rows_pushed


def schedule_tables(plan: Plan) -> Tables:
    """The tables of a plan. Waits for earlier segments are left out, because those are done."""
    stages: list[StageRow] = []
    waits: list[WaitRow] = []
    tables: list[tuple[int, ...]] = []
    rows = plan.input_mode == "rows"
    for number, (first, stop) in enumerate(plan.segments):
        for i in range(first, stop):
            stage, begin = plan.stages[i], len(waits)
            for wait in dict.fromkeys(stage.dependencies):
                if wait.source >= first or (wait.source == -1 and rows and number == 0):
                    line = affine_wait(wait.required_steps)
                    if line is None:
                        tables.append(wait.required_steps)
                        line = (len(tables) - 1, 0, 0, max(wait.required_steps))
                    waits.append(WaitRow(wait.source, *line))
            resume_at = max(min(stage.resume_at, stop - 1), i)
            stages.append(StageRow(stage.steps, begin, len(waits), resume_at))
    segments = (0, *(stop for _, stop in plan.segments))
    return Tables(tuple(stages), tuple(waits), tuple(tables), segments, rows_pushed(plan.stages))


def affine_wait(required: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """(times, plus, over, most) with which C finds required[s], or None if none was found.

    C computes min((s * times + plus) / over, most) and waits for as many steps, where a negative number is as good
    as 0. So the line may begin below 0, as for the second input of a concatenation of rows.
    """
    counts = np.array(required, np.int64)
    most = int(counts.max())
    if int(counts.min()) == most:
        return 0, most, 1, most
    steps, reached = np.arange(len(counts)), int(counts.argmax())
    rising = np.arange(reached + 1)
    for from_zero in (True, False):
        needed = rising if from_zero else rising[counts[rising] > 0]
        for times, over in _slopes(counts, most, reached, from_zero):
            plus = int((counts[needed] * over - needed * times).max())
            plus = max(plus, 0) if from_zero else plus
            found = np.clip((steps * times + plus) // over, 0, most)
            if np.array_equal(found, counts) and max(most, abs(plus), times, over) < 2**15:
                return times, plus, over, most
    return None


def _slopes(counts: Array, most: int, reached: int, from_zero: bool) -> Iterator[tuple[int, int]]:
    """Slopes times / over to try: simple ones first, then one step for as many as stand between two rises."""
    for over in range(1, 17):
        for times in {*range(1, 5), *([-(-(most * over) // max(reached, 1))] if reached else [])}:
            yield times, over
    rises = np.flatnonzero(np.diff(counts) > 0)
    if len(rises) > 1 and not from_zero:
        yield 1, int(rises[1] - rises[0])
