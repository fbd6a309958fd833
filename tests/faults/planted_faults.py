"""A catalogue of faults, one or more for every mechanism, each planted in a small network that was compiled right.

`FAULTS` has what each of them changes: a program (its plan, tables or constants), or a function of the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from golden_nets import dense, elementwise, moving, pooled, separable
from nets import Net

from ircompile import pipeline
from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.kernels.model import Packed, Program
from ircompile.plan.model import Block, Buffer, Plan, Region
from ircompile.target import load_target

Change = Callable[[Program], Program]


@dataclass(frozen=True)
class Fault:
    """What is planted: the mechanism that is wrong, how, in which network, for which core, and the change."""

    mechanism: str
    what: str
    net: str
    core: str
    change: Change
    mode: InputMode = "rows"


def blocks() -> Graph:
    """Inverted residuals over rings, with line buffers and sums in place."""
    net = Net((20, 18, 4))
    x = net.conv("x", 8, (3, 3), (2, 2))
    for channels, stride in ((8, 1), (8, 1), (12, 2), (12, 1)):
        x = net.inverted_residual(x, 6, channels, stride)
    return net.graph(x)


def joined() -> Graph:
    """A concatenation of channels that its inputs are written into."""
    net = Net((9, 8, 4), 3)
    x = net.conv("x", 8, (3, 3))
    same = {"scale": 0.05, "zero": 3}
    parts = tuple(net.conv(x, channels) for channels in (4, 8))
    for name in parts:
        net.tensors[name] = replace(net.tensors[name], zero_point=3)
        node = next(node for node in net.nodes if node.output == name)
        place = net.nodes.index(node)
        requant = replace(node.op.requant, zero_point=3)  # type: ignore[union-attr]
        net.nodes[place] = replace(node, op=replace(node.op, requant=requant))  # type: ignore[type-var]
    y = net.add("concat", ops.Concat(2), parts, **same)  # type: ignore[arg-type]
    return net.graph(net.conv(y, 4, (3, 3)))


NETS: Mapping[str, Callable[[], Graph]] = {
    "blocks": blocks, "joined": joined, "dense": dense, "separable": separable, "pooled": pooled,
    "elementwise": elementwise, "moving": moving,
}  # fmt: skip


@cache
def program_of(net: str, core: str, mode: InputMode) -> Program:
    """A network compiled right."""
    return pipeline.build(NETS[net](), load_target(core), "net", mode).program


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
        names = ("start", *form.fields)  # type: ignore[union-attr]
        flat[len(form.common) + channel * form.fields_count + names.index(parameter)] += by  # type: ignore[union-attr]

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


M0, M4, M55 = "cortex-m0plus", "cortex-m4", "cortex-m55"
FAULTS = [
    Fault("rings", "a slot too few", "blocks", M4, buffer(ring, slots=lambda p, b: b.slots - 1)),
    Fault("rings", "a pitch of a byte less", "blocks", M4, buffer(ring, pitch=lambda p, b: b.pitch - 1)),
    Fault("slot offsets", "other slots than the tensor that lies there expects", "blocks", M4,
          buffer(sum_in_place, slot_offset=lambda p, b: b.slot_offset + 1)),
    Fault("placement", "a tensor one row too low", "blocks", M4,
          buffer(stored, offset=lambda p, b: b.offset - b.pitch)),
    Fault("placement", "a tensor outside of the arena", "blocks", M4,
          buffer(stored, offset=lambda p, b: p.arena_bytes)),
    Fault("placement", "two tensors in one place", "blocks", M4,
          buffer(ring, offset=lambda p, b: p.buffers[stored(p)].offset)),
    Fault("placement", "an arena four bytes short", "blocks", M4,
          in_plan(arena_bytes=lambda p: p.arena_bytes - 4)),
    Fault("in-place aliases", "an output one code beside the row that it overwrites", "blocks", M4,
          buffer(sum_in_place, offset=lambda p, b: b.offset + 1)),
    Fault("in-place aliases", "a kernel that cannot write over its operand", "blocks", M4,
          demand(lambda p: p.stages[p.index[sum_in_place(p)]].node.name, in_place=None)),
    Fault("concatenation in place", "a part one channel further", "joined", M4,
          buffer(part, offset=lambda p, b: b.offset + 1)),
    Fault("concatenation in place", "pixels one code closer", "joined", M4,
          buffer(part, pixel_stride=lambda p, b: b.pixel_stride - 1)),
    Fault("concatenation in place", "a copy left out that is needed", "pooled", M4,
          in_plan(placed=lambda p: frozenset(n.name for n in p.graph.nodes if isinstance(n.op, ops.Concat)))),
    Fault("line buffers", "a slot too few", "blocks", M4, line_buffer(slots=lambda p, b: b.slots - 1)),
    Fault("line buffers", "over a tensor", "blocks", M4,
          line_buffer(offset=lambda p, b: p.buffers[stored(p)].offset)),
    Fault("scratch", "over the output", "blocks", M4,
          block("scratch", offset=lambda p, n, b: output_of(p, n).offset)),
    Fault("scratch", "fewer bytes than the kernel uses", "blocks", M4,
          block("scratch", bytes=lambda p, n, b: b.bytes - 4)),
    Fault("sums", "of a mean over its input", "dense", M4,
          block("states", offset=lambda p, n, b: input_of(p, n).offset)),
    Fault("sums", "of a mean, one channel short", "dense", M4, block("states", bytes=lambda p, n, b: b.bytes - 4)),
    Fault("sums", "of a maximum over its input", "pooled", M4,
          block("states", offset=lambda p, n, b: input_of(p, n).offset)),
    Fault("counters", "over rows", "blocks", M4, in_plan(counters=lambda p: replace(p.counters, offset=0))),
    Fault("memory regions", "a row across two memories", "blocks", M4, in_plan(regions=cut)),
    Fault("layout", "channels of pixels where pixels of channels are read", "separable", M4,
          demand(lambda p: p.graph.nodes[0].name, writes="hwc")),
    Fault("schedule", "a wait of one step less", "blocks", M4, tables(
        waits=lambda t: one(t.waits, 0, plus=t.waits[0].plus - t.waits[0].over, most=t.waits[0].most - 1))),
    Fault("schedule", "a wait left out", "blocks", M4, tables(
        stages=lambda t: one(t.stages, 2, first_wait=t.stages[2].last_wait))),
    Fault("schedule", "a stage of one step less", "blocks", M4,
          tables(stages=lambda t: one(t.stages, 1, steps=t.stages[1].steps - 1))),
    Fault("schedule", "a row of the input never pushed", "blocks", M4, tables(rows=lambda t: t.rows - 1)),
    Fault("schedule", "a segment that ends a stage early", "blocks", M4,
          tables(segments=lambda t: (*t.segments[:2], t.segments[2] - 1, *t.segments[3:]))),
    Fault("packed weights", "pointwise, portable", "blocks", M0, constant("pointwise", "weights", plus(5))),
    Fault("packed weights", "windows, portable", "dense", M0, constant("conv", "weights", plus(5))),
    Fault("packed weights", "fully connected, portable", "dense", M0,
          constant("fully_connected", "weights", plus(5))),
    Fault("packed weights", "depthwise, portable", "separable", M0, constant("depthwise", "weights", plus(5))),
    Fault("packed weights", "transposed convolution", "moving", M0, constant("transpose_conv", "weights", plus(5))),
    Fault("packed weights", "a stream of the DSP kernels, pointwise", "blocks", M4,
          constant("pointwise", "stream", plus(9, 1 << 16))),
    Fault("packed weights", "a stream of the DSP kernels, a stem", "dense", M4,
          constant("stem", "stream", plus(7, 1 << 16))),
    Fault("packed weights", "a stream of the DSP kernels, windows", "dense", M4,
          constant("conv", "stream", plus(-60, 1 << 16))),
    Fault("packed weights", "two halves of a stream exchanged", "dense", M4,
          constant("fully_connected", "stream", exchanged)),
    Fault("packed weights", "depthwise 3 x 3 of the DSP kernels", "separable", M4,
          constant("depthwise_3x3", "weights", plus(5))),
    Fault("packed weights", "depthwise 5 x 5 of the DSP kernels", "separable", M4,
          constant("depthwise_strip", "weights", plus(5))),
    Fault("packed weights", "Helium, dense", "dense", M55, constant("dense", "weights", plus(5))),
    Fault("packed weights", "Helium, windows", "dense", M55, constant("dense_windows", "weights", plus(5))),
    Fault("packed weights", "Helium, depthwise", "separable", M55,
          constant("depthwise_strips", "weights", plus(5))),
    Fault("zero points", "not folded into the sums", "separable", M4,
          constant("depthwise_3x3", "requant", word("start", 50))),
    Fault("zero points", "padding of another code", "separable", M0, size("depthwise", "zero_in")),
    Fault("requantization", "without a long multiply, an upper part", "blocks", M0,
          constant("pointwise", "requant", word("upper", 1))),
    Fault("requantization", "without a long multiply, a lower part wider than its limb", "blocks", M0,
          constant("pointwise", "requant", word("lower", 1 << 15))),
    Fault("requantization", "without a long multiply, the step at zero", "separable", M0,
          constant("pointwise", "requant", word("kink", 1 << 12), 1)),
    Fault("requantization", "DSP, a multiplier", "separable", M4,
          constant("depthwise_3x3", "requant", word("multiplier", 1 << 22))),
    Fault("requantization", "DSP, an offset", "separable", M4,
          constant("depthwise_3x3", "requant", word("offset", 1))),
    Fault("requantization", "DSP, a shift", "separable", M4,
          constant("depthwise_strip", "requant", word("shift", 1))),
    Fault("requantization", "DSP, the last word of a stream", "dense", M4,
          constant("conv", "stream", plus(-1, 64))),
    Fault("requantization", "Helium, a word", "dense", M55, constant("dense", "requant", plus(9, 1 << 24))),
    Fault("requantization", "a sum of two codes", "separable", M4, size("binary", "multiplier_a", 1 << 16)),
    Fault("requantization", "a product of two codes", "elementwise", M4,
          constant("binary", "requant", plus(0, 1 << 24))),
    Fault("requantization", "a mean", "dense", M4, constant("mean", "requant", plus(0, 1 << 24))),
    Fault("requantization", "an average", "pooled", M4, constant("pool", "requant", plus(5, 1 << 24))),
    Fault("tables", "an entry", "elementwise", M4, constant("table", "table", plus(7))),
    Fault("constants", "a slope of a PReLU", "elementwise", M4, constant("prelu", "alpha", plus(1))),
    Fault("geometry", "channels of pixels where the plan has pixels of channels", "separable", M4,
          size("pointwise", "channel_step", 3)),
    Fault("geometry", "a row of another width", "separable", M0, size("depthwise", "width_in")),
]  # fmt: skip
