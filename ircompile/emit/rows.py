"""C expressions and statements with which the driver finds memory and rows, and keeps lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ircompile.ir.ops import window_of
from ircompile.ir.tensor import Site
from ircompile.plan.model import Buffer, Plan, Region, Stage
from ircompile.plan.steps import lead_of, reach_of, stride_of


class Arena:
    """C names of the memory: `arena` where it is one block, else NAME_arena for each region."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = tuple(regions)

    @property
    def several(self) -> bool:
        """Whether there is more than one region."""
        return len(self.regions) > 1

    @property
    def parameter(self) -> str:
        """The first argument of every function."""
        return "arenas" if self.several else "arena"

    def local(self, region: Region) -> str:
        """The variable that points to a region."""
        return f"{region.name}_arena" if self.several else "arena"

    def pointer(self, region: Region) -> str:
        """A region's pointer as the caller hands it in."""
        return f"arenas->{region.name}" if self.several else "arena"

    def region_of(self, offset: int) -> Region:
        """The region in which an offset of the plan lies."""
        return next(r for r in reversed(self.regions) if r.offset <= offset and r.bytes)

    def at(self, offset: int) -> str:
        """The place of an offset of the plan, as a C expression."""
        region = self.region_of(offset)
        return f"{self.local(region)} + {offset - region.offset}"

    def cast(self, offset: int, constant: bool = False) -> str:
        """The same in a public function."""
        return self.public(self.at(offset), constant)

    def public(self, place: str, constant: bool = False) -> str:
        """A place as the public functions write it, out of their parameter."""
        name, rest = place.split(" + ", 1)
        pointer = next(self.pointer(region) for region in self.regions if self.local(region) == name)
        return f"({'const ' if constant else ''}int8_t *){pointer} + {rest}"

    def end_of_first(self) -> str:
        """What follows the first region's buffers, as `cast` says it."""
        return f"(int8_t *){self.pointer(self.regions[0])} + {self.regions[0].bytes}"


def row_place(arena: Arena, buffer: Buffer, row: str, height: int) -> str:
    """The place of a row, as a C expression."""
    if buffer.slots == 1 or row == "0":
        return arena.at(buffer.row(0))
    if buffer.slot_offset:
        row = f"({row} + {buffer.slot_offset})"
    slot = row if buffer.slots >= height and not buffer.slot_offset else f"{row} % {buffer.slots}"
    return f"{arena.at(buffer.offset)} + {slot} * {buffer.pitch}"


def window_call(prefix: str, arena: Arena, taps: int, first: str, apart: int, buffer: Buffer, height: int) -> str:
    """Fills `rows` with pointers to the rows of a window."""
    return (
        f"{prefix}_window(rows, {taps}, {first}, {apart}, "
        f"{arena.at(buffer.offset)}, {height}, {buffer.slot_offset}, {buffer.slots}, {buffer.pitch});"
    )


def output_row(stage: Stage) -> str:
    """The output row that a step of a stage with lines writes, where it writes one, as a C expression."""
    lead, stride = lead_of(stage.node), stride_of(stage.node)
    row = f"step - {lead}" if lead else "step"
    return f"({row})" if stride == 1 else f"({row}) / {stride}"


def before_again(stage: Stage, site: Site, call: Sequence[str]) -> list[str]:
    """The statements that compute the rows of a window anew; `call` computes row `step`."""
    top, stride, height = window_of(stage.node.op).padding[0], stride_of(stage.node), site.inputs[0].height
    first = ("step" if stride == 1 else f"step * {stride}") + (f" - {top}" if top else "")
    begin = f"{first} < 0 ? 0 : {first}" if top else first
    return [
        f"for (int32_t row = {begin}; row < {first} + {reach_of(stage.node)} && row < {height}; row++) {{",
        *("    " + re.sub(r"\bstep\b", "row", line) for line in call),
        "}",
    ]


def with_lines(prefix: str, arena: Arena, plan: Plan, stage: Stage, call: Sequence[str]) -> list[str]:
    """The statements of a stage with lines around those that call its kernel on `rows`."""
    window, tensor = window_of(stage.node.op), plan.tensor(stage.node.inputs[0])
    lines, height = plan.line_buffers[stage.node.name], tensor.height
    lead, stride = lead_of(stage.node), stride_of(stage.node)
    newest = row_place(arena, plan.buffers[tensor.name], "step", height)
    first = f"step - {window.reach[0] - 1}"
    due = [f"step >= {lead}"] if lead else []
    due += [f"(step - {lead}) % {stride} == 0" if lead else f"step % {stride} == 0"] if stride > 1 else []
    body = [
        f"const int8_t *rows[{window.kernel[0]}];",
        window_call(prefix, arena, window.kernel[0], first, window.dilation[0], lines, height),
        f"{f'if (step < {height}) ' if stage.steps > height else ''}rows[{window.kernel[0] - 1}] = {newest};",
        *call,
    ]
    kept = min(height, stage.steps - 1)
    keep = f"{prefix}_keep({row_place(arena, lines, 'step', height)}, {newest}, {lines.pitch});"
    return [
        f"if ({' && '.join(due)}) {{" if due else "{",
        *(f"    {line}" for line in body),
        "}",
        f"if (step < {kept})",
        f"    {keep}",
    ]
