"""The arena over time, for people to look at: which bytes hold what from which step to which."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan import Plan
from ircompile.plan.model import POSITION_BYTES, Block, Buffer, Stage
from ircompile.plan.schedule import Event, rows_pushed, whole_run
from ircompile.plan.steps import last_use, needs_of, writes_of

Touch = dict[tuple[str, int], list[int]]  # (tensor, row) -> [first step, last step]


def memory_map(plan: Plan) -> dict[str, Any]:
    """The whole run as plain values, all bytes and steps.

    `blocks`: what lies in the arena, each with its name, kind, the layer that writes it (-1: none), and its spans
    [offset, bytes, first step, last step], one for every row. A row lives from the step that writes it to the last
    that reads it. `fired`: [layer, steps] in the order of the run, -1 where an input row is pushed. `segments`: the
    first step of each. `live`: bytes in use at every step. `peak`: the fullest step and what is in the arena then.
    """
    rows = rows_pushed(plan.stages) if plan.input_mode == "rows" else 0
    events = whole_run(plan.stages, plan.segments, rows)
    blocks = [*_tensors(plan, events), *_others(plan, events)]
    live = _live(blocks, len(events) + 1)
    return {
        "steps": len(events),
        "fired": _runs(events),
        "segments": _segment_starts(plan, events),
        "blocks": blocks,
        "live": live.tolist(),
        "peak": _peak(blocks, events, live),
    }


def peak_text(plan: Plan) -> str:
    """At which step the most bytes are in use, and by what: why the arena is not smaller."""
    memory = memory_map(plan)
    peak = memory["peak"]
    fires = f", while {plan.stages[peak['layer']].node.name} fires" if peak["layer"] >= 0 else ""
    counters = plan.counters.bytes
    parts = f"{peak['bytes'] - counters} bytes alive + {counters} counters"
    lines = [f"peak at step {peak['step']} of {memory['steps']}{fires}: {parts}"]
    lines += [f"  {held['bytes']:>8} {held['name']} ({held['kind']})" for held in peak["held"]]
    gaps = "".join(f" [{start}, {stop})" for start, stop in _gaps(memory["blocks"], peak["step"], plan.arena_bytes))
    lines += [f"  nothing lies then in{gaps}"] if gaps else []
    return "\n".join(lines) + "\n"


def _gaps(blocks: list[dict[str, Any]], step: int, arena: int) -> list[tuple[int, int]]:
    """The bytes [start, stop) of the arena in which nothing lies at a step: what placing loses."""
    spans = [span for block in blocks for span in block["spans"] if span[2] <= step <= span[3]]
    gaps, end = list[tuple[int, int]](), 0
    for offset, size, *_ in [*sorted(spans), [arena, 0]]:
        if offset > end:
            gaps.append((end, offset))
        end = max(end, offset + size)
    return gaps


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
            touched.setdefault((name, row), [0, 0])[1] = len(events)
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


def _tensors(plan: Plan, events: list[Event]) -> list[dict[str, Any]]:
    spans: dict[str, list[list[int]]] = {}
    for (name, row), (first, last) in _touched(plan, events).items():
        buffer = plan.buffers[name]
        if name in plan.graph.history:  # there all the time, whichever row each slot holds
            spans[name] = [[buffer.offset, buffer.bytes, 0, len(events)]]
            continue
        spans.setdefault(name, []).append([buffer.row(row), buffer.pitch, first, last])
    layer = {stage.node.output: i for i, stage in enumerate(plan.stages)}
    return [
        {"name": name, "kind": _kind(plan, name), "layer": layer.get(name, -1), "spans": found}
        for name, found in spans.items()
    ]


def _kind(plan: Plan, name: str) -> str:
    if name in plan.graph.history:
        return "state"
    if name in plan.graph.input_names:
        return "input"
    if name in plan.graph.output_names:
        return "output"
    return "ring" if plan.buffers[name].slots < plan.tensor(name).height else "stored"


def _others(plan: Plan, events: list[Event]) -> list[dict[str, Any]]:
    """What is no tensor: what single nodes need while they fire, lines, and the schedule's counters."""
    again = {node.name: plan.buffers[node.output] for s in plan.stages if (node := s.recomputed_producer)}
    kinds: dict[str, Mapping[str, Block | Buffer]] = {"scratch": plan.scratch, "sums": plan.sums, "again": again}
    times = {index: [t for t, event in enumerate(events) if event[0] == index] for index in range(len(plan.stages))}
    found = []
    for kind, blocks in kinds.items():
        for name, block in blocks.items():
            fired = times[plan.index[name]]
            runs = [[fired[0], fired[-1]]] if kind == "sums" else _joined(fired)
            spans = [[block.offset, block.bytes, *run] for run in runs]
            found.append({"name": name, "kind": kind, "layer": plan.index[name], "spans": spans})
    for name, buffer in plan.line_buffers.items():
        index = plan.index[name]
        spans = _lines(plan, plan.stages[index], buffer, times[index])
        found.append({"name": name, "kind": "lines", "layer": index, "spans": spans})
    counters = [[plan.counters.offset, plan.counters.bytes, 0, len(events)]]
    moved = POSITION_BYTES * sum(buffer.position >= 0 for buffer in plan.buffers.values())
    counters += [[0, moved, 0, len(events)]] if moved else []
    return [*found, {"name": "schedule", "kind": "schedule", "layer": -1, "spans": counters}]


def _lines(plan: Plan, stage: Stage, buffer: Buffer, fired: list[int]) -> list[list[int]]:
    """A row is kept from behind the step that reads it first to the last step that reads it."""
    site = plan.graph.site(stage.node)
    uses = [(row, last_use(stage, site, row)) for row in range(min(stage.steps, site.inputs[0].height))]
    return [[buffer.row(row), buffer.pitch, fired[row] + 1, fired[use]] for row, use in uses if use > row]


def _joined(steps: list[int]) -> list[list[int]]:
    """[first, last] of the runs of steps that follow each other."""
    joined: list[list[int]] = []
    for step in steps:
        if joined and joined[-1][1] + 1 == step:
            joined[-1][1] = step
        else:
            joined.append([step, step])
    return joined


def _live(blocks: list[dict[str, Any]], steps: int) -> Array:
    """Bytes in use at every step; a byte that two blocks share counts once."""
    live = np.zeros(steps, np.int64)
    spans = [span for block in blocks for span in block["spans"]]
    edges = np.unique([edge for offset, size, *_ in spans for edge in (offset, offset + size)])
    alive = np.zeros((len(edges) - 1, steps), bool)
    for offset, size, first, last in spans:
        low, high = np.searchsorted(edges, (offset, offset + size))
        alive[low:high, first : last + 1] = True
    live += np.diff(edges) @ alive
    return live


def _peak(blocks: list[dict[str, Any]], events: list[Event], live: Array) -> dict[str, Any]:
    """The first of the fullest steps: bytes in use, the layer that fires, and the bytes of every block alive."""
    step = int(np.argmax(live))
    held = []
    for block in blocks:
        size = sum(size for _, size, first, last in block["spans"] if first <= step <= last)
        if size:
            held.append({"name": block["name"], "kind": block["kind"], "layer": block["layer"], "bytes": size})
    layer = max(events[min(step, len(events) - 1)][0], -1)
    held.sort(key=lambda block: -int(block["bytes"]))
    return {"step": step, "layer": layer, "bytes": int(live[step]), "held": held}


def _segment_starts(plan: Plan, events: list[Event]) -> list[int]:
    """The first step of every segment; rows pushed belong to the first."""
    starts = [0]
    for first, stop in plan.segments[1:]:
        starts.append(next(t for t, event in enumerate(events) if first <= event[0] < stop))
    return starts


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
