"""From a schedule to lives: from which step to which every row must be kept."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.ops import state_bytes
from ircompile.ir.tensor import Array
from ircompile.plan.firing import Fired, fire_times, rows_pushed
from ircompile.plan.known import Known
from ircompile.plan.model import Demand
from ircompile.plan.overlays import overlays_of, slices_of
from ircompile.plan.stages import stages_of
from ircompile.plan.steps import reach_of

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Life:
    """First and last step of every row of a tensor; rows that no step touches have last < first."""

    first: Array
    last: Array

    @cached_property
    def alive(self) -> Array:
        """Which rows are touched at all."""
        return self.last >= self.first

    @cached_property
    def begin(self) -> int:
        """The first step at which any is there."""
        return int(self.first.min())

    @cached_property
    def end(self) -> int:
        """The last such step."""
        return int(self.last.max())

    @cached_property
    def slots(self) -> int:
        """The least number of slots in which rows never meet a row still alive: r lives in slot r mod slots."""
        if len(self.first) == 1:
            return 1
        last = np.maximum.accumulate(self.last)
        oldest = last.searchsorted(self.first)
        rows = np.arange(len(self.first))
        return max(1, int(((rows - np.minimum(oldest, rows) + 1) * self.alive).max()))


class Problem:
    """What is to be planned, looked up once: which steps write and read every row, and who overwrites whom."""

    def __init__(
        self,
        graph: Graph,
        demands: Mapping[str, Demand],
        lines: Set[str] = frozenset(),
        again: Set[str] = frozenset(),
        known: Known | None = None,
    ) -> None:
        self.graph = graph
        self.demands = demands
        self.lines = frozenset(lines)
        self.known = known or Known()
        self.stages, rows = stages_of(graph, lines, again, self.known)
        pairs = [(stage, graph.site(stage.node)) for stage in self.stages]
        self.writer = [its.writer for its in rows]
        self.readers = [its.readers for its in rows]
        self.stops = [its.stops for its in rows]
        self.kept = {i: rows[i].kept for i, stage in enumerate(self.stages) if stage.lines}
        self.sums = [state_bytes(stage.node.op, site) for stage, site in pairs]
        self.slices = slices_of(graph, demands)
        self.overlays = overlays_of(graph, demands, self.lines)
        self._over = dict(self.overlays)
        self.unturned = {
            name for node in graph.nodes if not demands[node.name].row_pointers for name in node.inputs
        }
        self.rows = {name: (t.row_bytes, t.height) for name, t in graph.tensors.items()}
        self.rows |= {
            lines_name(self.stages[i].node.name): self.rows[self.stages[i].node.inputs[0]] for i in self.kept
        }
        self.pushed = rows_pushed(self.stages)
        self._fired: dict[tuple[int, int, bool], Fired] = {}
        self.last_reader = dict.fromkeys(graph.tensors, -1)
        for i, stage in enumerate(self.stages):
            self.last_reader |= dict.fromkeys(stage.inputs, i)
        self.last_reader |= dict.fromkeys(graph.output_names, len(self.stages))

    def fired(self, first: int, stop: int, rows_input: bool) -> Fired:
        """The firings of one segment, found once."""
        key = first, stop, rows_input and first == 0
        if key not in self._fired:
            pushed = self.pushed if key[2] else 0
            self._fired[key] = fire_times(self.stages, first, stop, pushed)
        return self._fired[key]

    @cached_property
    def facts(self) -> list[int]:
        """Of each stage a number that stands for all that is known of it, whatever comes before it and behind."""
        return [self.known.number(self._facts(i)) for i in range(len(self.stages))]

    def _facts(self, index: int) -> Hashable:
        stage, none = self.stages[index], np.zeros(0, np.int64)
        steps = [self.writer[index], *self.readers[index], self.kept.get(index, none)]
        nodes = [node for node in (stage.node, stage.again) if node]
        return (
            stage.steps,
            stage.lines,
            tuple(wait.stops for wait in stage.waits),
            tuple(rows.tobytes() for rows in steps),
            tuple(self.demands[node.name].scratch for node in nodes),
            self.sums[index],
            (self.rows[stage.again.output], reach_of(stage.node)) if stage.again else None,
            tuple(self.facts_of(name) for name in (stage.node.output, *stage.inputs)),
        )

    def facts_of(self, name: str) -> Hashable:
        """All that is known of a tensor, but for when it lives."""
        return name, self.rows[name], self._over.get(name), self.slices.get(name), name in self.unturned


def row_lives(
    problem: Problem, times: Mapping[int, Array], end: int, whole: Set[str], kept: Set[str]
) -> dict[str, Life]:
    """Lives of the rows of every tensor that the schedule touches, and of lines.

    Tensors of `whole` are there from the start, those of `kept` live on after the last step.
    """
    lives: dict[str, Life] = {}

    def live(name: str, first: Array | int | None, last: Array | int) -> None:
        if name not in lives:
            height = problem.rows[name][1]
            lives[name] = Life(np.full(height, NEVER), np.full(height, -1, np.int64))
        life = lives[name]
        if first is not None:
            np.minimum(life.first, first, out=life.first)
        np.maximum(life.last, last, out=life.last)

    for name in whole:
        live(name, 0, 0)
    for index, fired in times.items():
        if index < 0:
            height = problem.graph.tensors[problem.graph.input_names[-1 - index]].height
            late = height - len(fired)  # rows that nobody reads are never stored
            times_of_rows = (
                np.concatenate([fired, np.full(late, NEVER)]),
                np.concatenate([fired, np.full(late, -1)]),
            )
            live(problem.graph.input_names[-1 - index], *times_of_rows)
            continue
        node = problem.stages[index].node
        written = fired[problem.writer[index]]
        lives[node.output] = Life(written, written.copy())
        for name, readers in zip(problem.stages[index].inputs, problem.readers[index], strict=True):
            live(name, None, np.where(readers >= 0, fired[readers], -1))
        if index in problem.kept:
            lives[lines_name(node.name)] = _life_of_lines(problem.kept[index], fired)
    for name in kept & lives.keys():
        live(name, None, end)
    return lives


def lines_name(node: str) -> str:
    """What the lines of a node are called among tensors."""
    return f"{node}:lines"


def _life_of_lines(uses: Array, fired: Array) -> Life:
    """A row is put into the lines at the end of its step, when what the step has read may be written over."""
    alive = uses >= 0
    born = np.full(len(uses), NEVER)
    born[alive] = fired[np.flatnonzero(alive)] + 1
    return Life(born, np.where(alive, fired[uses], -1))


def both(a: Life, b: Life) -> Life:
    """Lives of the rows in which two tensors live, one of which may have fewer."""
    height = max(len(a.first), len(b.first))
    first, last = np.full(height, NEVER), np.full(height, -1, np.int64)
    for life in (a, b):
        rows = slice(len(life.first))
        np.minimum(first[rows], life.first, out=first[rows])
        np.maximum(last[rows], life.last, out=last[rows])
    return Life(first, last)
