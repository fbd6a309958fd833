"""A proof that a plan is right, for all inputs: its schedule replayed over a shadow of the arena.

The driver here fires layers as the C's driver does, out of the tables that it reads; `shadow` knows what each
firing must find, spare and leave behind. Nothing of that is shared with the planner.

A network with states is replayed for two calls. Between them all is forgotten but what outlives a call, and
these must hold the rows that the next call counts on; so what holds for the second call holds for all that follow,
with every row a few slots further round its ring.
"""

from collections.abc import Iterator

from ircompile.checks.shadow import CALLS, Replayed, Shadow
from ircompile.errors import InternalError
from ircompile.plan.model import Plan, Tables


def check_plan(plan: Plan, tables: Tables) -> Replayed:
    """Raises InternalError, naming node, step and byte, unless every read of the plan finds what was written."""
    shadow, graph = Shadow(plan), plan.graph
    for state in graph.states:
        for row in range(state.rows):
            shadow.write("begin", state.tensor, row, plan.buffers[state.tensor].layout)
    for call in range(CALLS if graph.states else 1):
        shadow.begin(call)
        _replay_call(shadow, tables)
    return shadow.count


def _replay_call(shadow: Shadow, tables: Tables) -> None:
    plan, graph = shadow.plan, shadow.plan.graph
    rows, before = plan.input_mode == "rows", graph.history
    for name in graph.input_names[rows:]:
        for row in range(before.get(name, 0), plan.tensor(name).height):
            shadow.write("the caller", name, row, "hwc")
    for index, step in replay(plan, tables):
        if index < 0:
            name = graph.input_names[0]
            shadow.write("push_row", name, before.get(name, 0) + step, "hwc")
        else:
            shadow.run(plan.stages[index], step)
    for name in graph.output_names:
        for row in range(plan.tensor(name).height):
            shadow.read("the caller", name, row, "hwc")
    for state in graph.states:
        height = plan.tensor(state.tensor).height
        for row in range(height - state.rows, height):
            shadow.read("the next call", state.tensor, row, plan.buffers[state.tensor].layout)


def replay(plan: Plan, tables: Tables) -> Iterator[tuple[int, int]]:
    """The firings (node, step) and pushes (-1, row), as the C's driver makes them out of its tables."""
    pushed = 0
    for number, (first, stop) in enumerate(zip(tables.segments, tables.segments[1:], strict=False)):
        done = dict.fromkeys(range(first, stop), 0)
        if plan.input_mode == "rows" and number == 0:
            while pushed < tables.rows:
                yield -1, pushed
                pushed += 1
                yield from _stream(tables, done, first, stop, pushed)
        else:
            yield from _stream(tables, done, first, stop, pushed)
        for node, steps in done.items():
            if steps != tables.stages[node].steps:
                raise InternalError(
                    f"layer {plan.stages[node].node.name}",
                    f"stops after {steps} of {tables.stages[node].steps} steps",
                )


def _stream(tables: Tables, done: dict[int, int], first: int, stop: int, pushed: int) -> Iterator[tuple[int, int]]:
    node = stop - 1
    while node >= first:
        if node not in done:
            raise InternalError(f"stage {node} of the schedule", "is not of the segment that goes on there")
        following = _next(tables, done, node, pushed)
        if following != node:
            node = following
            continue
        yield node, done[node]
        done[node] += 1
        node = tables.stages[node].resume_at


def _next(tables: Tables, done: dict[int, int], node: int, pushed: int) -> int:
    stage, step = tables.stages[node], done[node]
    if step == stage.steps:
        return node - 1
    for wait in tables.waits[stage.first_wait : stage.end_wait]:
        need = (step * wait.times + wait.plus) // wait.over if wait.over else tables.tables[wait.times][step]
        if wait.source >= 0 and wait.source not in done:
            raise InternalError(f"stage {node} of the schedule", "waits for one of another segment")
        if (pushed if wait.source < 0 else done[wait.source]) < min(need, wait.most):
            return node - 1 if wait.source < 0 else wait.source
    return node
