"""The schedule as the C has it: segments, nodes and waits, small whatever the picture's height."""

from __future__ import annotations

from dataclasses import dataclass

from ircompile.plan.firing import rows_pushed
from ircompile.plan.model import Plan
from ircompile.plan.waits import affine_wait


@dataclass(frozen=True)
class StageRow:
    """A node: its steps, its waits [first_wait, last_wait), and the node of its segment whose turn is next."""

    steps: int
    first_wait: int
    last_wait: int
    join: int


@dataclass(frozen=True)
class WaitRow:
    """Step s waits until `source` has done min((s * times + plus) / over, most) steps.

    Where `over` is 0, the steps stand in table number `times` instead. Source -1 is the pushed input.
    """

    source: int
    times: int
    plus: int
    over: int
    most: int


@dataclass(frozen=True)
class Tables:
    """All that the driver in C reads. `segments` are the first nodes, and the end.

    `rows` input rows are pushed before the segments after the first run.
    """

    stages: tuple[StageRow, ...]
    waits: tuple[WaitRow, ...]
    tables: tuple[tuple[int, ...], ...]
    segments: tuple[int, ...]
    rows: int


def schedule_tables(plan: Plan) -> Tables:
    """The tables of a plan: waits within segments only, as lines where they are straight."""
    stages: list[StageRow] = []
    waits: list[WaitRow] = []
    tables: list[tuple[int, ...]] = []
    rows = plan.input_mode == "rows"
    for number, (first, stop) in enumerate(plan.segments):
        for i in range(first, stop):
            stage, begin = plan.stages[i], len(waits)
            for wait in dict.fromkeys(stage.waits):
                if wait.source >= first or (wait.source == -1 and rows and number == 0):
                    line = affine_wait(wait.stops)
                    if line is None:
                        tables.append(wait.stops)
                        line = (len(tables) - 1, 0, 0, max(wait.stops))
                    waits.append(WaitRow(wait.source, *line))
            join = max(min(stage.join, stop - 1), i)
            stages.append(StageRow(stage.steps, begin, len(waits), join))
    segments = (0, *(stop for _, stop in plan.segments))
    return Tables(tuple(stages), tuple(waits), tuple(tables), segments, rows_pushed(plan.stages))
