"""C statements with which the driver finds the rows of windows, computes rows again and fills line buffers."""

import re
from collections.abc import Sequence

from ircompile.emit.memory import Memory
from ircompile.ir.ops import Window, window_of
from ircompile.ir.tensor import Site
from ircompile.plan.model import Stage
from ircompile.plan.steps import lead_of, reach_of, stride_of


def output_row(stage: Stage) -> str:
    """The output row that a step of a stage with a line buffer writes, where it writes one, as a C expression."""
    lead, stride = lead_of(stage.node), stride_of(stage.node)
    row = f"step - {lead}" if lead else "step"
    return f"({row})" if stride == 1 else f"({row}) / {stride}"


def buffered_step_comment(stage: Stage) -> str:
    """What a step of a stage with a line buffer reads and writes."""
    row = re.sub(r"\bstep\b", "s", output_row(stage))
    row = row.strip("()") if stride_of(stage.node) == 1 else row
    return f"Step s takes input row s and writes output row {row}, where that is one; row s is not kept yet"


def recomputed_rows(stage: Stage, site: Site, call: Sequence[str]) -> list[str]:
    """The statements that compute the rows of a window again; `call` computes row `step`."""
    top, stride, height = window_of(stage.node.op).padding[0], stride_of(stage.node), site.inputs[0].height
    first = ("step" if stride == 1 else f"step * {stride}") + (f" - {top}" if top else "")
    begin = f"{first} < 0 ? 0 : {first}" if top else first
    return [
        f"for (int32_t row = {begin}; row < {first} + {reach_of(stage.node)} && row < {height}; row++) {{",
        *("    " + re.sub(r"\bstep\b", "row", line) for line in call),
        "}",
    ]


def window_call(prefix: str, window: Window, first: str, local: str, buffer: str, moved: str = "") -> list[str]:
    """Declares `rows` and fills it with pointers to the rows of a window from row `first` on.

    `moved` is the constant that says where the number stands by which the rows have moved, if they do.
    """
    taps, apart = window.kernel[0], window.dilation[0]
    function, last = (f"{prefix}_kept_window", f", {moved}") if moved else (f"{prefix}_window", "")
    return [
        f"const int8_t *rows[{taps}];",
        f"{function}(rows, {local}, &{buffer}, {first}, {taps}, {apart}{last});",
    ]


def with_line_buffer(prefix: str, memory: Memory, stage: Stage, call: Sequence[str]) -> list[str]:
    """The statements of a stage with a line buffer around those that call its kernel on `rows`."""
    plan, node = memory.plan, stage.node.name
    window, tensor = window_of(stage.node.op), plan.tensor(stage.node.inputs[0])
    kept, height = plan.line_buffers[node], tensor.height
    lead, stride = lead_of(stage.node), stride_of(stage.node)
    newest = memory.row(tensor.name, "step")
    local, buffer = memory.local(kept.offset), memory.line_buffer(node, height)
    first = f"step - {window.reach[0] - 1}"
    due = [f"step >= {lead}"] if lead else []
    due += [f"(step - {lead}) % {stride} == 0" if lead else f"step % {stride} == 0"] if stride > 1 else []
    body = [
        *window_call(prefix, window, first, local, buffer),
        f"{f'if (step < {height}) ' if stage.steps > height else ''}rows[{window.kernel[0] - 1}] = {newest};",
        *call,
    ]
    row = memory.line_buffer_row(node, height, "step")
    return [
        f"if ({' && '.join(due)}) {{" if due else "{",
        *(f"    {line}" for line in body),
        "}",
        f"if (step < {min(height, stage.steps - 1)})",
        f"    {prefix}_keep({row}, {newest}, {buffer}.pitch);",
    ]
