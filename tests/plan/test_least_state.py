"""The least bytes alive while a stage takes a step: the same as over all states, and below every schedule."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Literal

import numpy as np
import pytest
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan.bound import lower_bound
from ircompile.plan.least_state import LeastStates
from ircompile.plan.max_flow import Network
from ircompile.plan.peak_bound import bound_beside
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.search import find_default, find_least
from ircompile.target import load_target

State = tuple[int, ...]
"""The steps that each stage has taken and, last, the input rows that are there."""


def skip() -> Graph:
    net = Net((5, 4, 2))
    x = net.depthwise(net.conv("x", 3), (3, 3))
    return net.graph(net.sum("x", net.conv(x, 2)))


def resized() -> Graph:
    """A decoder: what stands before the coarse rows is needed again when these are made fine."""
    net = Net((4, 4, 2))
    coarse = net.conv("x", 3, (3, 3), (2, 2))
    fine = net.add("resize", ops.Resize("nearest", (4, 4)), (coarse,), zero=net.tensors[coarse].zero_point)
    return net.graph(net.sum(fine, net.conv("x", 3)))


def joined() -> Graph:
    net = Net((4, 3, 2))
    a, b = net.conv("x", 2, (3, 3)), net.conv("x", 3)
    return net.graph(net.conv(net.add("concat", ops.Concat(2), (a, b)), 4))


def gated() -> Graph:
    net = Net((4, 3, 2))
    x = net.conv("x", 4)
    gate = net.conv(net.add("mean", ops.Mean(), (x,)), 4)
    return net.graph(net.sum(x, gate, "mul"))


def two_outputs() -> Graph:
    net = Net((6, 3, 2))
    x = net.conv("x", 3, (3, 3), (2, 2))
    return net.graph(net.conv(x, 2), net.depthwise(x, (3, 3)))


class States:
    """All states of a schedule, and what is alive in them by definition."""

    def __init__(self, scheduled: ScheduledGraph, rows_input: bool) -> None:
        self.scheduled, self.rows_input = scheduled, rows_input
        (self.input,) = scheduled.graph.input_names
        self.height = scheduled.graph.tensors[self.input].height

    def start(self) -> State:
        return (*[0] * len(self.scheduled.stages), 0 if self.rows_input else self.height)

    def can_step(self, state: State, index: int) -> bool:
        stage = self.scheduled.stages[index]
        return state[index] < stage.steps and all(
            state[d.source] >= d.required_steps[state[index]] for d in stage.dependencies
        )

    def steps(self, state: State) -> Iterator[tuple[int, State]]:
        """What can come next: a stage, or -1 where a row arrives, and the state after it."""
        for index in range(-1, len(self.scheduled.stages)):
            if self.can_step(state, index) if index >= 0 else state[-1] < self.height:
                at = index % len(state)
                yield index, (*state[:at], state[at] + 1, *state[at + 1 :])

    def alive(self, state: State) -> int:
        graph, scheduled = self.scheduled.graph, self.scheduled
        total = sum(s for s, done, stage in zip(scheduled.sums, state, scheduled.stages, strict=False)
                    if 0 < done < stage.steps)  # fmt: skip
        for name, tensor in graph.tensors.items():
            made = next((i for i, stage in enumerate(scheduled.stages) if stage.node.output == name), -1)
            for row in range(tensor.height):
                there = state[made] > (row if made < 0 else int(scheduled.step_rows[made].writer[row]))
                needed = name in graph.output_names
                for index, (stage, rows) in enumerate(zip(scheduled.stages, scheduled.step_rows, strict=True)):
                    for operand, last in zip(stage.inputs, rows.readers, strict=True):
                        needed |= operand == name and last[row] >= state[index]
                total += tensor.row_bytes * (there and needed)
        return total

    def all(self) -> set[State]:
        found, todo = {self.start()}, [self.start()]
        while todo:
            for _, after in self.steps(todo.pop()):
                if after not in found:
                    found.add(after)
                    todo.append(after)
        return found


NETS = {net.__name__: net for net in (skip, resized, joined, gated, two_outputs)}


@pytest.mark.parametrize("rows_input", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_as_over_all_states(name: str, rows_input: bool) -> None:
    lowered = lower(NETS[name](), load_target("cortex-m4"))
    scheduled = ScheduledGraph(lowered.graph, lowered.demands)
    states, network = States(scheduled, rows_input), LeastStates(scheduled, rows_input)
    alive = {state: states.alive(state) for state in states.all()}
    during: dict[tuple[int, int], int] = {}
    for index, stage in enumerate(scheduled.stages):
        for step in range(stage.steps):
            least = min(alive[s] for s in alive if s[index] == step and states.can_step(s, index))
            during[index, step] = network.during(index, step)
            assert during[index, step] == least + network.own_bytes(index, step)
    # The best of all schedules: its highest state is as low as can be.
    peak = {states.start(): alive[states.start()]}
    todo = [(peak[states.start()], states.start())]
    while todo:
        high, state = heappop(todo)
        for index, after in states.steps(state):
            there = alive[state] + (network.own_bytes(index, state[index]) if index >= 0 else 0)
            reached = max(high, there, alive[after])
            if reached < peak.get(after, 2**30):
                peak[after] = reached
                heappush(todo, (reached, after))
    best = peak[max(alive, key=sum)]
    assert max(during.values()) <= best
    mode: Literal["rows", "resident"] = "rows" if rows_input else "resident"
    for find in (find_default, find_least):
        candidate = find(lowered.graph, lowered.demands, mode)
        assert bound_beside(candidate) <= best <= candidate.peak_bytes


def test_what_a_decoder_adds_again_is_there_whole() -> None:
    net = Net((12, 12, 4))
    skipped = net.conv("x", 8)
    coarse = net.conv(net.add("mean", ops.Mean(), (skipped,)), 8)
    fine = net.add("resize", ops.Resize("nearest", (12, 12)), (coarse,), zero=net.tensors[coarse].zero_point)
    lowered = lower(net.graph(net.conv(net.sum(skipped, fine), 2)), load_target("cortex-m4"))
    candidate = find_least(lowered.graph, lowered.demands, "rows")
    whole = net.tensors[skipped].bytes
    assert lower_bound(ScheduledGraph(lowered.graph, lowered.demands), True) < whole
    assert whole < bound_beside(candidate) <= candidate.peak_bytes < 1.2 * whole


@pytest.mark.parametrize("seed", range(200))
def test_max_flow_is_the_least_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 8))
    arcs = [tuple(int(n) for n in (*rng.integers(count, size=2), rng.integers(1, 9))) for _ in range(3 * count)]
    arcs = [(a, b, size) for a, b, size in arcs if a != b]
    network = Network(count, arcs)
    network.supply = supply = [int(n) for n in rng.integers(0, 9, count)]
    network.demand = demand = [int(n) for n in rng.integers(0, 9, count)]
    cuts = []
    for chosen in range(2**count):
        inside = [bool(chosen >> v & 1) for v in range(count)]
        crossing = sum(size for a, b, size in arcs if inside[a] and not inside[b])
        cuts.append(crossing + sum(demand[v] if inside[v] else supply[v] for v in range(count)))
    assert network.flow(100) == min(cuts)
