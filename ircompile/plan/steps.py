"""What a stage does at each of its steps: which rows it reads, and which it completes.

A stage with a line buffer takes input row v at step v. It writes output row r as soon as the last row of the window
is there: at step r * stride + reach - 1 - top padding. Its steps past the input's end stand for the padding below.
"""

from dataclasses import dataclass

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.ops import window_of
from ircompile.ir.tensor import Array, Site
from ircompile.plan.model import Stage


def stride_of(node: Node) -> int:
    """Input rows from one output row to the next."""
    return window_of(node.op).stride[0]


def reach_of(node: Node) -> int:
    """The rows that the node's window spans, dilation included."""
    return window_of(node.op).reach[0]


def lead_of(node: Node) -> int:
    """The last input row of the first window; it is negative if that window lies in the padding."""
    window = window_of(node.op)
    return window.reach[0] - 1 - window.padding[0]


def needs_of(stage: Stage, site: Site, step: int) -> tuple[tuple[int, int], ...]:
    """The rows [first, stop) of each input that a step reads from the input's own buffer."""
    height = site.inputs[0].height
    if stage.whole:
        return ((0, height),)
    if not stage.line_buffer:
        return stage.node.op.needs(site, step)
    return ((min(step, height), min(step + 1, height)),)


def writes_of(stage: Stage, site: Site, step: int) -> tuple[int, int]:
    """The output rows [first, stop) that a step completes."""
    if stage.whole:
        return 0, site.output.height
    if not stage.line_buffer:
        return stage.node.op.output_rows(site, step)
    row, rest = divmod(step - lead_of(stage.node), stride_of(stage.node))
    return (row, row + 1) if row >= 0 and rest == 0 else (0, 0)


def last_use(stage: Stage, site: Site, row: int) -> int:
    """The last step of a stage with a line buffer whose window holds input row `row`; at least `row` itself."""
    newest = min((row + window_of(stage.node.op).padding[0]) // stride_of(stage.node), site.output.height - 1)
    return max(newest * stride_of(stage.node) + lead_of(stage.node), row)


def step_count(node: Node, site: Site, line_buffer: bool, whole: bool) -> int:
    """The steps of a node, with a line buffer or without; one if it works as a whole."""
    if whole:
        return 1
    if not line_buffer:
        return node.op.steps(site)
    return (site.output.height - 1) * stride_of(node) + lead_of(node) + 1


@dataclass(frozen=True)
class StepRows:
    """The rows that all steps of a stage read and complete.

    `required[i][s]`: how many rows of input i must be complete before step s.
    `done[n]`: after how many steps the first n output rows are complete, for n = 0 .. height.
    `writer[r]`: the step that writes output row r.
    `readers[i][r]`: the last step that reads row r of input i from the input's buffer; -1 if no step does.
    `buffered[r]`: the last step that reads input row r from the line buffer; -1 if no step does.
    """

    required: tuple[tuple[int, ...], ...]
    done: tuple[int, ...]
    writer: Array
    readers: tuple[Array, ...]
    buffered: Array


def step_rows(stage: Stage, site: Site) -> StepRows:
    """Asks the operator for the rows of every step. The time grows with the steps and the rows that they read."""
    needs = [needs_of(stage, site, step) for step in range(stage.steps)]
    readers = tuple(np.full(tensor.height, -1, np.int64) for tensor in site.inputs)
    writer, done = np.zeros(site.output.height, np.int64), [0]
    for step, ranges in enumerate(needs):
        for last, (lo, hi) in zip(readers, ranges, strict=True):
            last[lo:hi] = step
        start, stop = writes_of(stage, site, step)
        writer[start:stop] = step
        done += [step + 1] * (stop + 1 - len(done))
    required = tuple(tuple(need[position][1] for need in needs) for position in range(len(site.inputs)))
    return StepRows(required, tuple(done), writer, readers, _buffered(stage, site))


def _buffered(stage: Stage, site: Site) -> Array:
    buffered = np.full(site.inputs[0].height, -1, np.int64)
    for row in range(min(stage.steps, len(buffered)) if stage.line_buffer else 0):
        use = last_use(stage, site, row)
        buffered[row] = use if use > row else -1
    return buffered
