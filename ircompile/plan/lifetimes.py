"""From a schedule to rectangles: which bytes must live from which step to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from ircompile.graph import Graph
from ircompile.ops import output_rows, state_bytes
from ircompile.plan.firing import Event, stages_of
from ircompile.plan.model import Demand
from ircompile.tensor import Array


@dataclass(frozen=True)
class Item:
    """Something to place: `bytes` at one base; `rects` rows (offset, length, first step, last step)."""

    name: str
    bytes: int
    rects: Array
    slots: int = 1
    pitch: int = 0


@dataclass
class Life:
    """First and last step of every row of a tensor; rows that no step touches have last < first."""

    first: Array
    last: Array


class Problem:
    """What is to be planned, looked up once: which rows every step reads and writes, and who overwrites whom."""

    def __init__(self, graph: Graph, demands: Mapping[str, Demand]) -> None:
        self.graph = graph
        self.demands = demands
        self.stages = stages_of(graph)
        sites = [graph.site(node) for node in graph.nodes]
        pairs = list(zip(self.stages, sites, strict=True))
        self.reads = [[tuple(s.node.op.needs(site, t)) for t in range(s.steps)] for s, site in pairs]
        self.writes = [[output_rows(s.node.op, site, t) for t in range(s.steps)] for s, site in pairs]
        self.sums = [state_bytes(s.node.op, site) for s, site in pairs]
        self.roots = overwritten(graph, demands)
        self.producer = {node.output: i for i, node in enumerate(graph.nodes)}
        self.last_reader = dict.fromkeys(graph.tensors, -1)
        for i, node in enumerate(graph.nodes):
            self.last_reader |= dict.fromkeys(node.inputs, i)
        self.last_reader |= dict.fromkeys(graph.output_names, len(graph.nodes))


def overwritten(graph: Graph, demands: Mapping[str, Demand]) -> dict[str, str]:
    """Tensors over which their only reader writes its output, row by row: {tensor: the one it lives in}."""
    consumers = graph.consumers()
    partner: dict[str, str] = {}
    for node in graph.nodes:
        position = demands[node.name].in_place
        if position is None:
            continue
        for name in (node.inputs[position], *node.inputs):
            alone = len(consumers[name]) == 1 and name not in graph.output_names
            same = graph.tensors[name].shape == graph.tensors[node.output].shape
            if alone and same and node.inputs.count(name) == 1:
                partner[name] = node.output
                break
    roots = {}
    for name in partner:
        root = name
        while root in partner:
            root = partner[root]
        roots[name] = root
    return roots


def row_lives(problem: Problem, events: Sequence[Event], whole: Set[str], kept: Set[str]) -> dict[str, Life]:
    """Birth and death step of every row of every buffer that the events touch.

    Tensors of `whole` are there from the start, those of `kept` live on after the last event.
    """
    graph, end = problem.graph, len(events)
    lives: dict[str, Life] = {}

    def life(name: str) -> Life:
        name = problem.roots.get(name, name)
        if name not in lives:
            height = graph.tensors[name].height
            lives[name] = Life(np.full(height, end, np.int64), np.full(height, -1, np.int64))
        return lives[name]

    for name in whole:
        life(name).first[:] = 0
        life(name).last[:] = 0
    for time, (index, step) in enumerate(events):
        if index < 0:
            row = life(graph.input_names[-1 - index])
            row.first[step] = row.last[step] = time
            continue
        node = problem.stages[index].node
        start, stop = problem.writes[index][step]
        if start < stop:
            out = life(node.output)
            out.first[start:stop] = np.minimum(out.first[start:stop], time)
            out.last[start:stop] = time
        for name, (lo, hi) in zip(node.inputs, problem.reads[index][step], strict=True):
            if lo < hi:
                life(name).last[lo:hi] = time
    for name in kept:
        if problem.roots.get(name, name) in lives:
            life(name).last[:] = end
    return lives


def slots_needed(life: Life) -> int:
    """The least number of slots in which rows never meet a row still alive: r lives in slot r mod slots."""
    last = np.maximum.accumulate(life.last)
    oldest = np.searchsorted(last, life.first, side="left")
    rows = np.arange(len(life.first))
    used = life.last >= life.first
    return max(1, int(np.max(np.where(used, rows - np.minimum(oldest, rows) + 1, 1))))


def tensor_item(name: str, pitch: int, life: Life) -> Item:
    """Rectangles of a tensor's slots: one a row where it is stored, one a slot where it is a ring."""
    height, slots = len(life.first), slots_needed(life)
    first = np.full(slots, np.iinfo(np.int64).max)
    last = np.full(slots, -1)
    slot = np.arange(height) % slots
    np.minimum.at(first, slot, life.first)
    np.maximum.at(last, slot, life.last)
    alive = last >= first
    offsets = np.arange(slots) * pitch
    rects = np.stack([offsets, np.full(slots, pitch), first, last], axis=1)[alive]
    return Item(name, slots * pitch, rects, slots, pitch)


def extra_items(problem: Problem, events: Sequence[Event]) -> list[Item]:
    """Scratch, alive at each firing of its node, and sums, alive from first to last firing."""
    times: dict[int, list[int]] = {}
    for time, (index, _) in enumerate(events):
        times.setdefault(index, []).append(time)
    items = []
    for index, fired in times.items():
        if index < 0:
            continue
        name = problem.stages[index].node.name
        scratch, sums = problem.demands[name].scratch, problem.sums[index]
        if scratch:
            items.append(Item(f"{name}:scratch", scratch, _runs(np.array(fired), scratch)))
        if sums:
            items.append(Item(f"{name}:sums", sums, np.array([[0, sums, fired[0], fired[-1]]])))
    return items


def _runs(times: Array, size: int) -> Array:
    """Rectangles of runs of consecutive steps."""
    breaks = np.flatnonzero(np.diff(times) > 1)
    first = times[np.concatenate([[0], breaks + 1])]
    last = times[np.concatenate([breaks, [len(times) - 1]])]
    return np.stack([np.zeros_like(first), np.full_like(first, size), first, last], axis=1)


def items_of(problem: Problem, events: Sequence[Event], whole: Set[str], kept: Set[str]) -> list[Item]:
    """All that a schedule must place."""
    lives = row_lives(problem, events, whole, kept)
    items = [tensor_item(name, problem.graph.tensors[name].row_bytes, life) for name, life in lives.items()]
    return items + extra_items(problem, events)


def peak_live(items: Sequence[Item]) -> int:
    """The most bytes alive at one step."""
    if not items:
        return 0
    rects = np.concatenate([item.rects for item in items])
    change = np.zeros(int(rects[:, 3].max()) + 2, np.int64)
    np.add.at(change, rects[:, 2], rects[:, 1])
    np.subtract.at(change, rects[:, 3] + 1, rects[:, 1])
    return int(np.cumsum(change).max())
