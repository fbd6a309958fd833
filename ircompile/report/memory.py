"""The arena over time, for people to look at: which bytes hold what from which step to which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ircompile.plan import Plan
from ircompile.plan.firing import Event, whole_run
from ircompile.plan.stages import needs_of, writes_of

Touch = dict[tuple[str, int], list[int]]  # (tensor, row) -> [first step, last step]


def memory_map(plan: Plan) -> dict[str, Any]:
    """Spans (name, kind, layer, offset, bytes, first step, last step) and the layer that fires at every step.

    A row lives from the step that writes it to the last that reads it. Rows that follow each other in one slot of
    a ring are one span; the rows of a stored tensor are spans of their own.
    """
    rows = plan.graph.tensors[plan.graph.input_names[0]].height if plan.input_mode == "rows" else 0
    events = whole_run(plan.stages, plan.segments, rows)
    spans = [*_tensor_spans(plan, events), *_block_spans(plan, events)]
    return {"steps": len(events), "fired": _runs(events), "spans": spans}


def _touched(plan: Plan, events: list[Event]) -> Touch:
    touched: Touch = {}
    first_pushed = 1 if plan.input_mode == "rows" else 0
    for name in plan.graph.input_names[first_pushed:]:
        touched |= {(name, row): [0, 0] for row in range(plan.tensor(name).height)}
    for time, (index, step) in enumerate(events):
        for key in _rows_of(plan, index, step):
            touched.setdefault(key, [time, time])[1] = time
    for name in plan.graph.output_names:
        for row in range(plan.tensor(name).height):
            touched[name, row][1] = len(events)
    return touched


def _rows_of(plan: Plan, index: int, step: int) -> Iterator[tuple[str, int]]:
    """The rows that an event writes and reads."""
    if index < 0:
        yield plan.graph.input_names[-1 - index], step
        return
    stage = plan.stages[index]
    site = plan.graph.site(stage.node)
    for row in range(*writes_of(stage, site, step)):
        yield stage.node.output, row
    for name, (first, stop) in zip(stage.inputs, needs_of(stage, site, step), strict=True):
        for row in range(first, stop):
            yield name, row


def _tensor_spans(plan: Plan, events: list[Event]) -> list[dict[str, Any]]:
    slots: dict[tuple[str, int], list[int]] = {}
    for (name, row), (first, last) in _touched(plan, events).items():
        span = slots.setdefault((name, plan.buffers[name].row(row)), [first, last])
        span[0], span[1] = min(span[0], first), max(span[1], last)
    layer = {stage.node.output: i for i, stage in enumerate(plan.stages)}
    return [
        {"name": name, "kind": _kind(plan, name), "layer": layer.get(name, -1), "offset": offset,
         "bytes": plan.buffers[name].pitch, "first": first, "last": last}
        for (name, offset), (first, last) in sorted(slots.items())
    ]  # fmt: skip


def _kind(plan: Plan, name: str) -> str:
    if name in plan.graph.input_names:
        return "input"
    if name in plan.graph.output_names:
        return "output"
    return "ring" if plan.buffers[name].slots < plan.tensor(name).height else "stored"


def _block_spans(plan: Plan, events: list[Event]) -> list[dict[str, Any]]:
    spans = []
    again = {s.again.name: plan.buffers[s.again.output] for s in plan.stages if s.again}
    for kind, blocks in (("scratch", plan.scratch), ("sums", plan.states)):
        for name, block in blocks.items():
            index = plan.index[name]
            fired = [time for time, event in enumerate(events) if event[0] == index]
            spans.append({"name": name, "kind": kind, "layer": index, "offset": block.offset, "bytes": block.bytes,
                          "first": fired[0], "last": fired[-1]})  # fmt: skip
    for kind, buffers in (("lines", plan.lines), ("again", again)):
        for name, buffer in buffers.items():
            index = plan.index[name]
            fired = [time for time, event in enumerate(events) if event[0] == index]
            spans.append({"name": name, "kind": kind, "layer": index, "offset": buffer.offset,
                          "bytes": buffer.bytes, "first": fired[0], "last": fired[-1]})  # fmt: skip
    counters = plan.counters
    spans.append({"name": "schedule", "kind": "schedule", "layer": -1, "offset": counters.offset,
                  "bytes": counters.bytes, "first": 0, "last": len(events)})  # fmt: skip
    return spans


def _runs(events: list[Event]) -> list[list[int]]:
    """[layer, steps in a row] over the whole run; -1 where an input row is pushed."""
    runs: list[list[int]] = []
    for index, _ in events:
        layer = max(index, -1)
        if runs and runs[-1][0] == layer:
            runs[-1][1] += 1
        else:
            runs.append([layer, 1])
    return runs
