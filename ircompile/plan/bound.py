"""A certified lower bound: no schedule that computes every row once, in order, needs fewer bytes.

The state of a run is how many steps every node has taken. Along a chain of nodes from an input to an output, the
rows that are alive between two neighbours depend on the steps of these two only. So the least that must be alive
while node i takes step s, whatever all others have done, is a shortest path through the chain. Every run takes
every step, so the greatest of these is a bound for all runs, cuts, interleavings and placements. Tensors beside
the chain are not counted.

Of a tensor with a state, the rows that the next call keeps count: all of them between two calls; during a call at
least those that are neither new nor the oldest, which no step can spare.
"""

from dataclasses import dataclass

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.plan.scheduled_graph import ScheduledGraph

MEANING = "no plan of these layers that computes each row once needs less"
"""What the bound says, for people."""
NEVER = np.int64(2**40)


@dataclass(frozen=True)
class Edge:
    """Two neighbours of the chain: a producer (or the input) after p steps, and a consumer after q steps.

    `there[p]` rows exist after p steps of the producer. No step of the consumer from q on reads the first `dead[q]`
    of them, and `required[q]` must exist before its step q. `held[q]` are the bytes of scratch and sums during step
    q, less those that it writes over rows that it reads. Each but `held` never falls from one step to the next.
    """

    row_bytes: int
    there: Array
    dead: Array
    required: Array
    held: Array

    @property
    def needed(self) -> Array:
        """The rows that must exist once q steps are done."""
        return np.append(0, self.required)

    def least_before(self, upstream: Array) -> Array:
        """For every q the least of upstream[p] and the bytes alive between the two nodes, over all p."""
        return self._over_producer(upstream, self.needed, self.dead)

    def least_during(self, upstream: Array) -> Array:
        """The same while the consumer takes step q; its scratch and sums count, its own output does not."""
        return self._over_producer(upstream, self.required, self.dead[:-1]) + self.held

    def least_after(self, downstream: Array) -> Array:
        """For every p the least of downstream[q] and the bytes alive between the two nodes, over all q."""
        return self._over_consumer(downstream, self.there, self.there)

    def least_while_written(self, downstream: Array) -> Array:
        """The same while the producer takes step p: its new rows are there, and no step can have read them."""
        return self._over_consumer(downstream, self.there[:-1], self.there[1:])

    def _over_producer(self, upstream: Array, needed: Array, dead: Array) -> Array:
        return least_sums(upstream, self.there, self.there, needed, dead, self.row_bytes)

    def _over_consumer(self, downstream: Array, complete: Array, stored: Array) -> Array:
        """Steps of the consumer are searched from the last to the first, with all row counts negated."""
        needed, dead = -self.needed[::-1], -self.dead[::-1]
        return least_sums(downstream[::-1], needed, dead, -complete, -stored, self.row_bytes)


def least_sums(cost: Array, have: Array, stored: Array, needed: Array, dead: Array, row_bytes: int) -> Array:
    """For every q the least cost[p] + row_bytes * max(stored[p] - dead[q], 0) over the p with have[p] >= needed[q].

    NEVER where there is no such p. `have` and `stored` must not fall. So the p that are allowed are the last ones,
    and of these the first have stored[p] < dead[q], where only the cost counts. Time and memory grow with n log n.
    """
    count = len(cost)
    allowed, counted = have.searchsorted(needed), stored.searchsorted(dead)
    tail = np.minimum.accumulate((cost + stored * row_bytes)[::-1])[::-1]
    stored_too = np.append(tail, NEVER)[np.maximum(allowed, counted)] - dead * row_bytes
    free = _range_minimum(cost, allowed, counted)
    possible = allowed < count
    return np.where(possible, np.minimum(stored_too, free), NEVER)


def _range_minimum(values: Array, start: Array, stop: Array) -> Array:
    """The least of values[start:stop], for arrays of ends; NEVER where there is none."""
    levels = [values]  # level k: the least of 2 ** k values from each place on
    while 2 ** len(levels) <= len(values):
        half = 2 ** (len(levels) - 1)
        levels.append(np.minimum(levels[-1][:-half], levels[-1][half:]))
    found = np.full(len(start), NEVER)
    lengths = np.maximum(stop - start, 0)
    for level, least in enumerate(levels):
        these = np.flatnonzero((lengths >= 2**level) & (lengths < 2 ** (level + 1)))
        found[these] = np.minimum(least[start[these]], least[stop[these] - 2**level])
    return found


def lower_bound(scheduled: ScheduledGraph, rows_input: bool) -> int:
    """Bytes, without counters, that every plan needs which places whole rows and computes each of them once.

    It is that of the heaviest chain of nodes, found at once; `peak_bound` looks at whole graphs.
    """
    between, during = kept_rows_bytes(scheduled.graph)
    return max(between, during + _of_one_call(scheduled, rows_input))


def kept_rows_bytes(graph: Graph) -> tuple[int, int]:
    """Bytes of the rows that the next call keeps: between two calls, and at the least during a call."""
    between = during = 0
    for state in graph.states:
        new, row_bytes = graph.fresh(state.tensor).height, graph.tensors[state.tensor].row_bytes
        between, during = between + state.rows * row_bytes, during + max(state.rows - new, 0) * row_bytes
    return between, during


def _of_one_call(scheduled: ScheduledGraph, rows_input: bool) -> int:
    """The same of all but tensors with a state."""
    graph = scheduled.graph
    chain = heaviest_chain(graph)
    if not chain:
        return 0
    edges = [_edge(scheduled, *pair) for pair in zip((-1, *chain), chain, strict=False)]
    upstream = [np.zeros(len(edges[0].there), np.int64)]
    if not rows_input:
        upstream[0][:-1] = NEVER  # the input is there whole from the start
    for edge in edges[:-1]:
        upstream.append(edge.least_before(upstream[-1]))
    final = graph.tensors[graph.nodes[chain[-1]].output]
    produced = _rows_after(scheduled, chain[-1])
    downstream = [produced * final.row_bytes]
    for edge in reversed(edges[1:]):
        downstream.append(edge.least_after(downstream[-1]))
    downstream.reverse()
    stored = [name for name in graph.input_names if name not in graph.history]
    bound = 0 if rows_input else sum(graph.tensors[name].bytes for name in stored)
    for i, edge in enumerate(edges):
        last = i + 1 == len(edges)
        after = downstream[i][1:] if last else edges[i + 1].least_while_written(downstream[i + 1])
        bound = max(bound, int(np.max(edge.least_during(upstream[i]) + after)))
    return bound


def _edge(scheduled: ScheduledGraph, source: int, node: int) -> Edge:
    graph = scheduled.graph
    name = graph.input_names[0] if source < 0 else graph.nodes[source].output
    if source < 0:
        name = next(n for n in graph.nodes[node].inputs if n in graph.input_names)
    position = graph.nodes[node].inputs.index(name)
    stage, tensor = scheduled.stages[node], graph.tensors[name]
    rows = scheduled.step_rows[node]
    required = np.maximum.accumulate(np.array(rows.required[position], np.int64))
    dead = np.sort(rows.readers[position]).searchsorted(np.arange(stage.steps + 1))
    there = np.arange(graph.fresh(name).height + 1) if source < 0 else _rows_after(scheduled, source)
    required = np.maximum(required - graph.history.get(name, 0), 0)
    demand, sums = scheduled.demands[stage.node.name], scheduled.sums[node]
    held = np.full(stage.steps, demand.scratch + sums, np.int64)
    overwrites = demand.in_place is not None or name in scheduled.slices
    if overwrites and not {name, stage.node.output} & graph.history.keys():
        written = np.diff(_rows_after(scheduled, node))
        held -= np.minimum(written, np.diff(dead)) * min(
            graph.tensors[stage.node.output].row_bytes, tensor.row_bytes
        )
    return Edge(0 if name in graph.history else tensor.row_bytes, there, dead, required, held)


def _rows_after(scheduled: ScheduledGraph, node: int) -> Array:
    """How many output rows are complete after 0, 1, ... steps."""
    return np.sort(scheduled.step_rows[node].writer).searchsorted(np.arange(scheduled.stages[node].steps + 1))


def heaviest_chain(graph: Graph) -> list[int]:
    """The nodes on the path from an input to an output whose tensors have the most bytes in all."""
    own = {name: 0 if name in graph.history else tensor.bytes for name, tensor in graph.tensors.items()}
    weight: dict[str, int] = {name: own[name] for name in graph.input_names}
    before: dict[str, int | None] = dict.fromkeys(graph.input_names)
    via: dict[int, str] = {}
    for i, node in enumerate(graph.nodes):
        reached = [name for name in node.inputs if name in weight]
        if reached:
            via[i] = max(reached, key=lambda n: weight[n])
            weight[node.output] = weight[via[i]] + own[node.output]
            before[node.output] = i
    name = max(graph.output_names, key=lambda n: weight.get(n, 0))
    chain: list[int] = []
    while (node_index := before.get(name)) is not None:
        chain.append(node_index)
        name = via[node_index]
    return chain[::-1]
