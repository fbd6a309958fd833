"""What a stage does at each of its steps: which rows it reads, which it completes.

A node with lines takes input row v at step v, and writes output row r once the window's last row is there: at step
r * stride + reach - 1 - top. Steps past the input's end stand for the padding below.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.ops import output_rows, steps_of, window_of
from ircompile.ir.tensor import Array, Site
from ircompile.plan.model import Stage


def stride_of(node: Node) -> int:
    """Input rows from one output row to the next."""
    return window_of(node.op).stride[0]


def reach_of(node: Node) -> int:
    """Rows of its window."""
    return window_of(node.op).reach[0]


def lead_of(node: Node) -> int:
    """The last input row of the first window."""
    window = window_of(node.op)
    return window.reach[0] - 1 - window.padding[0]


def needs_of(stage: Stage, site: Site, step: int) -> tuple[tuple[int, int], ...]:
    """Rows [first, stop) of each input that a step reads."""
    if not stage.lines:
        return stage.node.op.needs(site, step)
    height = site.inputs[0].height
    return ((min(step, height), min(step + 1, height)),)


def writes_of(stage: Stage, site: Site, step: int) -> tuple[int, int]:
    """Output rows [first, stop) that a step completes."""
    if not stage.lines:
        return output_rows(stage.node.op, site, step)
    row, rest = divmod(step - lead_of(stage.node), stride_of(stage.node))
    return (row, row + 1) if row >= 0 and rest == 0 else (0, 0)


def last_use(stage: Stage, site: Site, row: int) -> int:
    """The last step of a stage with lines whose window holds `row`; `row` itself where no later one does."""
    newest = min((row + window_of(stage.node.op).padding[0]) // stride_of(stage.node), site.output.height - 1)
    return max(newest * stride_of(stage.node) + lead_of(stage.node), row)


def step_count(node: Node, site: Site, lines: bool) -> int:
    """Steps of a node, with lines or without."""
    return (site.output.height - 1) * stride_of(node) + lead_of(node) + 1 if lines else steps_of(node.op, site)


@dataclass(frozen=True)
class StageRows:
    """All steps of a stage at once.

    `stops`: for each input, the rows that must be there before each step. `done`: the steps after which output rows
    [0, n) are there, for n = 0 .. H. `writer`: the step that writes each output row. `readers`: for each input, the
    last step that reads each row; -1 where none does. `kept`: with lines, the last step that reads each input row
    from them; -1 where none does.
    """

    stops: tuple[tuple[int, ...], ...]
    done: tuple[int, ...]
    writer: Array
    readers: tuple[Array, ...]
    kept: Array


def rows_of(stage: Stage, site: Site) -> StageRows:
    """Of all steps of a stage."""
    needs = [needs_of(stage, site, step) for step in range(stage.steps)]
    readers = tuple(np.full(tensor.height, -1, np.int64) for tensor in site.inputs)
    writer, done = np.zeros(site.output.height, np.int64), [0]
    for step, ranges in enumerate(needs):
        for last, (lo, hi) in zip(readers, ranges, strict=True):
            last[lo:hi] = step
        start, stop = writes_of(stage, site, step)
        writer[start:stop] = step
        done += [step + 1] * (stop + 1 - len(done))
    stops = tuple(tuple(need[position][1] for need in needs) for position in range(len(site.inputs)))
    return StageRows(stops, tuple(done), writer, readers, _kept(stage, site))


def _kept(stage: Stage, site: Site) -> Array:
    kept = np.full(site.inputs[0].height, -1, np.int64)
    for row in range(min(stage.steps, len(kept)) if stage.lines else 0):
        use = last_use(stage, site, row)
        kept[row] = use if use > row else -1
    return kept


def kind_of(stage: Stage, site: Site) -> Hashable:
    """All that the rows of its steps depend on."""
    shapes = tuple((tensor.shape, tensor.itemsize) for tensor in (*site.inputs, site.output))
    return stage.node.op, shapes, stage.lines
