"""A certified lower bound: no schedule that computes every row once, in order, needs fewer bytes.

The state of a run is how many steps every node has done. Along a chain of nodes from an input to an output, what
is alive between neighbours depends on the two of them only. So the least that must live while node i takes step s,
whatever all others have done, is a shortest path through the chain; every run takes every step, so the greatest of
these is a bound for all runs, cuts, interleavings and placements. Tensors beside the chain are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ircompile.graph import Graph
from ircompile.plan.lifetimes import Problem
from ircompile.tensor import Array

NEVER = np.int64(2**40)


@dataclass(frozen=True)
class Edge:
    """From a node of the chain to the next, or from the input to the first; q are steps done of the latter.

    `there[p]` rows exist once the former has done p steps, `dead[q]` of them no step from q on reads, `stop[q]`
    must exist before step q, `held[q]` are the bytes of scratch and sums during step q, less what it writes
    over the rows that it reads.
    """

    row_bytes: int
    there: Array
    dead: Array
    stop: Array
    held: Array

    def between(self) -> Array:
        """Bytes alive between steps, by steps done of both; NEVER where it cannot be."""
        needed = np.append(0, self.stop)
        possible = self.there[:, None] >= needed[None, :]
        alive = np.maximum(self.there[:, None] - self.dead[None, :], 0) * self.row_bytes
        return np.where(possible, alive, NEVER)

    def during(self) -> Array:
        """Bytes alive while the latter takes a step, its own output not counted."""
        possible = self.there[:, None] >= self.stop[None, :]
        alive = np.maximum(self.there[:, None] - self.dead[None, :-1], 0) * self.row_bytes + self.held[None, :]
        return np.where(possible, alive, NEVER)


def lower_bound(problem: Problem, rows_input: bool) -> int:
    """Bytes, schedule counters not counted, below which no plan without recomputation can go at row grain."""
    graph = problem.graph
    chain = heaviest_chain(graph)
    if not chain:
        return 0
    edges = [_edge(problem, *pair) for pair in zip((-1, *chain), chain, strict=False)]
    upstream = [np.zeros(len(edges[0].there), np.int64)]
    if not rows_input:
        upstream[0][:-1] = NEVER  # the input is there whole from the start
    for edge in edges[:-1]:
        upstream.append(np.min(upstream[-1][:, None] + edge.between(), axis=0))
    final = graph.tensors[graph.nodes[chain[-1]].output]
    produced = _rows_after(problem, chain[-1])
    downstream = [produced * final.row_bytes]
    for edge in reversed(edges[1:]):
        downstream.append(np.min(edge.between() + downstream[-1][None, :], axis=1))
    downstream.reverse()
    bound = 0 if rows_input else sum(graph.tensors[name].bytes for name in graph.input_names)
    for i, edge in enumerate(edges):
        before = np.min(upstream[i][:, None] + edge.during(), axis=0)
        after = _while_writing(edges, downstream, i, problem, chain)
        bound = max(bound, int(np.max(before + after)))
    return bound


def _while_writing(edges: list[Edge], downstream: list[Array], i: int, problem: Problem, chain: list[int]) -> Array:
    """Least bytes at and after the output of node i while it takes each step: the new rows there, unread."""
    if i + 1 == len(edges):
        return downstream[i][1:]
    edge = edges[i + 1]
    needed = np.append(0, edge.stop)
    possible = edge.there[:-1, None] >= needed[None, :]
    alive = np.maximum(edge.there[1:, None] - edge.dead[None, :], 0) * edge.row_bytes
    return np.asarray(np.min(np.where(possible, alive, NEVER) + downstream[i + 1][None, :], axis=1))


def _edge(problem: Problem, source: int, node: int) -> Edge:
    graph = problem.graph
    name = graph.input_names[0] if source < 0 else graph.nodes[source].output
    if source < 0:
        name = next(n for n in graph.nodes[node].inputs if n in graph.input_names)
    position = graph.nodes[node].inputs.index(name)
    stage, tensor = problem.stages[node], graph.tensors[name]
    readers = problem.readers[node][position]
    site = graph.site(stage.node)
    stop = np.array([stage.node.op.needs(site, step)[position][1] for step in range(stage.steps)], np.int64)
    dead = np.array([int(np.sum(readers < q)) for q in range(stage.steps + 1)], np.int64)
    there = np.arange(tensor.height + 1) if source < 0 else _rows_after(problem, source)
    demand, sums = problem.demands[stage.node.name], problem.sums[node]
    held = np.full(stage.steps, demand.scratch + sums, np.int64)
    if demand.in_place is not None:
        written = np.diff(_rows_after(problem, node))
        held -= np.minimum(written, np.diff(dead)) * min(
            graph.tensors[stage.node.output].row_bytes, tensor.row_bytes
        )
    return Edge(tensor.row_bytes, there, dead, np.maximum.accumulate(stop), held)


def _rows_after(problem: Problem, node: int) -> Array:
    """Output rows complete after 0, 1, ... steps."""
    writer = problem.writer[node]
    return np.array([int(np.sum(writer < q)) for q in range(problem.stages[node].steps + 1)], np.int64)


def heaviest_chain(graph: Graph) -> list[int]:
    """The nodes of the path from an input to an output whose tensors have the most bytes, last one included."""
    weight: dict[str, int] = {name: graph.tensors[name].bytes for name in graph.input_names}
    before: dict[str, int | None] = dict.fromkeys(graph.input_names)
    via: dict[int, str] = {}
    for i, node in enumerate(graph.nodes):
        known = [name for name in node.inputs if name in weight]
        if known:
            via[i] = max(known, key=lambda n: weight[n])
            weight[node.output] = weight[via[i]] + graph.tensors[node.output].bytes
            before[node.output] = i
    name = max(graph.output_names, key=lambda n: weight.get(n, 0))
    chain: list[int] = []
    while (node_index := before.get(name)) is not None:
        chain.append(node_index)
        name = via[node_index]
    return chain[::-1]
