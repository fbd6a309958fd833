"""The least that must be alive while a stage takes a given step, whatever all others have done: a minimum cut.

A state of a run is the set of steps that are done. It is closed: with a step also the steps before it, and those
that write the rows that it reads, are done. A row is alive if the step that writes it is done and one that reads it
is not. So the bytes of a state are a sum over pairs of steps of which one is done and the other is not, and the
state of least bytes is a minimum cut between what is surely done and what surely is not. Its bytes equal the
greatest flow from the one to the other. Any lesser flow is a lower bound, too.

Every run takes every step, so each such minimum bounds every schedule, cut and placement. Rows count as a plan
stores them at the least: an output may stand where the same step has read an operand for the last time, if the
kernel can write it there, and the parts of a concatenation may stand where the whole does.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ircompile.plan.max_flow import UNBOUNDED, Network
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import BOUND_EFFORT, FLOW_EFFORT

DONE, TODO, FREE = 0, 1, 2  # the first two are nodes of the network, too


class LeastStates:
    """The steps of a schedule without line buffers as a network, in which states are cuts.

    All calls of `during` together visit about BOUND_EFFORT nodes; then what they return is less than it could be.
    """

    def __init__(self, scheduled: ScheduledGraph, rows_input: bool) -> None:
        self.scheduled, self.effort = scheduled, BOUND_EFFORT
        self.first: dict[int, int] = {}  # of each stage, or input -1 - i, the node of its first step or row
        self.implied: list[list[int]] = [[], []]  # what is done if a node is
        self.costs: list[tuple[int, int, int]] = []  # (a, b, bytes): alive if a is done and b is not
        self._add_steps(rows_input)
        self._add_rows()
        self.implies: list[list[int]] = [[] for _ in self.implied]
        for node, others in enumerate(self.implied):
            for other in others:
                self.implies[other].append(node)

    def _add_steps(self, rows_input: bool) -> None:
        graph, stages = self.scheduled.graph, self.scheduled.stages
        for i, name in enumerate(graph.input_names):
            given = name in graph.history or not (rows_input and i == 0)
            self._add_chain(-1 - i, graph.fresh(name).height)
            if given:
                self.implied[DONE].append(len(self.implied) - 1)
        for i, stage in enumerate(stages):
            self._add_chain(i, stage.steps)
            if sums := self.scheduled.sums[i]:
                self.costs.append((self.first[i], self.first[i] + stage.steps - 1, sums))
        for i, stage in enumerate(stages):
            for dependency in stage.dependencies:
                most = 0
                for step, required in enumerate(dependency.required_steps):
                    if required > most:
                        most = required
                        self.implied[self.first[i] + step].append(self.first[dependency.source] + required - 1)

    def _add_chain(self, index: int, count: int) -> None:
        self.first[index] = len(self.implied)
        self.implied += [[self.first[index] + k - 1] if k else [] for k in range(count)]

    def _add_rows(self) -> None:
        """A cost for every row; if several stages read it, by way of a node that is done once all of them are."""
        graph, scheduled = self.scheduled.graph, self.scheduled
        made = {stage.node.output: i for i, stage in enumerate(scheduled.stages)}
        made |= {name: -1 - i for i, name in enumerate(graph.input_names)}
        readers = self._readers()
        for name in made.keys() - graph.history.keys():
            tensor, maker = graph.tensors[name], made[name]
            writer = np.arange(tensor.height) if maker < 0 else scheduled.step_rows[maker].writer
            for row, step in enumerate((writer + self.first[maker]).tolist()):
                last = {TODO} if name in graph.output_names else {r[row] for r in readers.get(name, ())} - {-1}
                end = next(iter(last), step)
                if len(last) > 1:
                    end = len(self.implied)
                    self.implied.append(list(last))
                if end != step:
                    self.costs.append((step, end, tensor.row_bytes))

    def _readers(self) -> Mapping[str, Sequence[Sequence[int]]]:
        """For every tensor and each stage that reads it: the node of the last step that reads each row, or -1."""
        found: dict[str, list[list[int]]] = {}
        for i, (stage, rows) in enumerate(zip(self.scheduled.stages, self.scheduled.step_rows, strict=True)):
            for name, steps in zip(stage.inputs, rows.readers, strict=True):
                found.setdefault(name, []).append(np.where(steps < 0, -1, steps + self.first[i]).tolist())
        return found

    def during(self, index: int, step: int) -> int:
        """Bytes alive at the least while stage `index` takes `step`; less if that takes too long to find out."""
        side = self._sides(index, step)
        free = {node: k for k, node in enumerate(node for node, of in enumerate(side) if of == FREE)}
        certain = 0
        arcs = [(free[a], free[b], UNBOUNDED) for a in free for b in self.implied[a] if b in free]
        arcs += [(free[a], free[b], size) for a, b, size in self.costs if a in free and b in free]
        network = Network(len(free), arcs)
        for a, b, size in self.costs:
            if side[a] == DONE and side[b] == TODO:
                certain += size
            elif side[a] == DONE and b in free:
                network.supply[free[b]] += size
            elif a in free and side[b] == TODO:
                network.demand[free[a]] += size
        rounds = min(FLOW_EFFORT, self.effort) // max(len(free), 1)
        flow = network.flow(rounds)
        self.effort -= network.rounds * len(free)
        return certain + flow + self.own_bytes(index, step)

    def _sides(self, index: int, step: int) -> list[int]:
        """What is done, what is not, and what is free to be either, while a stage takes a step."""
        side = [FREE] * len(self.implied)
        own = self.first[index] + step
        todo = [DONE, *self.implied[own]]
        for dependency in self.scheduled.stages[index].dependencies:
            if required := dependency.required_steps[step]:
                todo.append(self.first[dependency.source] + required - 1)
        for value, start, ways in ((DONE, todo, self.implied), (TODO, [TODO, own], self.implies)):
            while start:
                node = start.pop()
                if side[node] == FREE:
                    side[node] = value
                    start += ways[node]
        return side

    def own_bytes(self, index: int, step: int) -> int:
        """Scratch, sums and output rows of a step, less what can stand where it reads a row for the last time."""
        scheduled, graph = self.scheduled, self.scheduled.graph
        stage, rows = scheduled.stages[index], scheduled.step_rows[index]
        name, demand = stage.node.output, scheduled.demands[stage.node.name]
        own = demand.scratch + (scheduled.sums[index] if step == 0 else 0)
        if name in graph.history:
            return own
        size = graph.tensors[name].row_bytes
        written = size * int(np.count_nonzero(rows.writer == step))
        dying = [
            int(np.count_nonzero(last == step)) * min(graph.tensors[operand].row_bytes, size)
            for operand, last in zip(stage.inputs, rows.readers, strict=True)
        ]
        if scheduled.slices.keys() & set(stage.inputs):
            written -= min(written, sum(dying))
        elif demand.in_place is not None:
            written -= min(written, max(dying, default=0))
        return own + written
