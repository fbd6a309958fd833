"""How a program that was compiled right is made wrong: its plan, its tables, its constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array
from ircompile.kernels.model import Packed, Program
from ircompile.kernels.requantize.form import OFFSET_BITS, Form
from ircompile.plan.model import Block, Buffer, Plan, Region

Change = Callable[[Program], Program]


def in_plan(**changes: Callable[[Plan], Any]) -> Change:
    """Changes fields of the plan."""

    def change(program: Program) -> Program:
        plan = program.plan
        return replace(program, plan=replace(plan, **{name: make(plan) for name, make in changes.items()}))

    return change


def buffer(pick: Callable[[Plan], str], **changes: Callable[[Plan, Buffer], int | str]) -> Change:
    """Changes the buffer of the tensor that is picked."""

    def buffers(plan: Plan) -> dict[str, Buffer]:
        name = pick(plan)
        old = plan.buffers[name]
        values: dict[str, Any] = {field: make(plan, old) for field, make in changes.items()}
        return {**plan.buffers, name: replace(old, **values)}

    return in_plan(buffers=buffers)


def ring(plan: Plan) -> str:
    """A tensor with fewer slots than rows."""
    return next(name for name, b in plan.buffers.items() if 1 < b.slots < plan.tensor(name).height)


def kept(plan: Plan) -> str:
    """A tensor with no more slots than the rows that outlive a call, and those that it moves by."""
    rows = plan.graph.history
    return next(n for n in rows if plan.buffers[n].slots == rows[n] + plan.buffers[n].advance)


def stored(plan: Plan) -> str:
    """A tensor that is stored whole, which a node writes."""
    made = [node.output for node in plan.graph.nodes]
    return next(n for n in made if plan.buffers[n].slots >= plan.tensor(n).height > 1)


def sum_in_place(plan: Plan) -> str:
    """The output of a sum that lies over an operand."""
    return next(
        node.output
        for node in plan.graph.nodes
        if isinstance(node.op, ops.Binary)
        and any(plan.buffers[name].offset == plan.buffers[node.output].offset for name in node.inputs)
    )


def part(plan: Plan) -> str:
    """A tensor whose pixels are parts of another's."""
    return next(name for name, b in plan.buffers.items() if b.pixel_stride)


def block(kind: str, **changes: Callable[[Plan, str, Block], int]) -> Change:
    """Changes the first block of scratch or sums."""

    def blocks_of(plan: Plan) -> dict[str, Block]:
        found: Mapping[str, Block] = getattr(plan, kind)
        name = next(name for name, old in found.items() if old.bytes)
        values = {field: make(plan, name, found[name]) for field, make in changes.items()}
        return {**found, name: replace(found[name], **values)}

    return in_plan(**{kind: blocks_of})


def output_of(plan: Plan, node: str) -> Buffer:
    """Where a node's output lies."""
    return plan.buffers[plan.stages[plan.index[node]].node.output]


def input_of(plan: Plan, node: str) -> Buffer:
    """Where a node's input lies."""
    return plan.buffers[plan.stages[plan.index[node]].node.inputs[0]]


def line_buffer(**changes: Callable[[Plan, Buffer], int]) -> Change:
    """Changes the first line buffer."""

    def lines(plan: Plan) -> dict[str, Buffer]:
        name, old = next(iter(plan.line_buffers.items()))
        values: dict[str, Any] = {field: make(plan, old) for field, make in changes.items()}
        return {**plan.line_buffers, name: replace(old, **values)}

    return in_plan(line_buffers=lines)


def demand(pick: Callable[[Plan], str], **values: Any) -> Change:
    """Changes what the kernel of a node asks of the plan."""
    return in_plan(demands=lambda plan: {**plan.demands, pick(plan): replace(plan.demands[pick(plan)], **values)})


def tables(**changes: Callable[[Any], Any]) -> Change:
    """Changes the tables of the schedule."""

    def change(program: Program) -> Program:
        return replace(
            program,
            tables=replace(program.tables, **{name: make(program.tables) for name, make in changes.items()}),
        )

    return change


def one(items: tuple[Any, ...], index: int, **values: Any) -> tuple[Any, ...]:
    """A tuple with fields of one item changed."""
    return (*items[:index], replace(items[index], **values), *items[index:][1:])


def constant(template: str, array: str, change: Callable[[Array, Packed], None], nth: int = 0) -> Change:
    """Changes an array of the nth node that has a kernel of this template."""

    def changed(program: Program) -> Program:
        names = [name for name, kernel in program.lowered.kernels.items() if kernel.template == template]
        packed = program.packed[names[nth]]
        values = packed.arrays[array].copy()
        change(values, packed)
        packed = replace(packed, arrays={**packed.arrays, array: values})
        return replace(program, packed={**program.packed, names[nth]: packed})

    return changed


def size(template: str, field: str, by: int = 1, nth: int = 0) -> Change:
    """Changes a number of a layer's struct."""

    def changed(program: Program) -> Program:
        names = [name for name, kernel in program.lowered.kernels.items() if kernel.template == template]
        packed = program.packed[names[nth]]
        packed = replace(packed, sizes={**packed.sizes, field: packed.sizes[field] + by})
        return replace(program, packed={**program.packed, names[nth]: packed})

    return changed


def plus(index: int, by: int = 1) -> Callable[[Array, Packed], None]:
    """Adds to an element."""

    def change(values: Array, packed: Packed) -> None:
        flat = values.reshape(-1)
        flat[index] += values.dtype.type(by)

    return change


def word(parameter: str, by: int = 1, channel: int = 1) -> Callable[[Array, Packed], None]:
    """Adds to a word of requantization of a channel; "start" is what begins its sum."""

    def change(values: Array, packed: Packed) -> None:
        form = packed.form
        assert form is not None
        flat = values.reshape(-1)
        if parameter in form.common:  # type: ignore[union-attr]
            flat[form.common.index(parameter)] += by  # type: ignore[union-attr]
            return
        assert isinstance(form, Form)
        first = OFFSET_BITS if form.storage == "beside start" else 0
        place, bit, _ = {"start": (0, first, 32), **form.places}[parameter]
        place += len(form.common) + channel * form.fields_count
        flat[place] = wrap_int32(int(flat[place]) + (by << bit))

    return change


def exchanged(values: Array, packed: Packed) -> None:
    """Exchanges the halves of an array."""
    flat = values.reshape(-1)
    half = len(flat) // 2
    flat[: 2 * half] = np.concatenate([flat[half : 2 * half], flat[:half]])


def cut(plan: Plan) -> tuple[Region, ...]:
    """Two memories with the border through a row."""
    place = plan.buffers[stored(plan)]
    middle = place.offset + place.pitch // 2
    return Region("a", 0, middle), Region("b", middle, plan.arena_bytes - middle)
