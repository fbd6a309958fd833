"""What a plan does: its steps, one after the other, in one byte arena."""

from collections.abc import Mapping

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.ops import Accumulating
from ircompile.ir.tensor import Array, Rows, Site, Tensor
from ircompile.plan import Buffer, Plan
from ircompile.plan.model import Stage
from ircompile.plan.schedule import rows_pushed, whole_run
from ircompile.plan.steps import last_use, needs_of, writes_of

POISON = 0xA5
"""What no step has written."""


def new_arena(plan: Plan) -> Array:
    """The arena before the first call: filled with poison, but for the first state. Bytes, uint8."""
    arena = np.full(plan.arena_bytes, POISON, np.uint8)
    for state in plan.graph.states:
        for row, codes in enumerate(plan.graph.consts[state.initial]):
            store_row(arena, plan, state.tensor, row, codes, 0)
    return arena


def run_plan(
    plan: Plan, inputs: Mapping[str, Array], arena: Array | None = None, call: int = 0
) -> dict[str, Array]:
    """Runs a plan step by step in one byte arena, as the C does; returns the outputs.

    Every step reads its rows from the arena and writes its row into it. A plan that lets two live rows share a
    byte, or reads a row before it is written, gives wrong codes. `arena`: uint8, as many as the plan says or
    more (default: a new one). A network with states goes on in the arena of its last call; `call` counts them.
    """
    arena = new_arena(plan) if arena is None else arena
    graph, sites = plan.graph, [plan.graph.site(stage.node) for stage in plan.stages]
    first_input, pushed = graph.input_names[0], 0
    if plan.input_mode == "rows":
        pushed = rows_pushed(plan.stages)
    before = graph.history
    for name in graph.input_names[1 if pushed else 0 :]:
        for row, codes in enumerate(inputs[name], before.get(name, 0)):
            store_row(arena, plan, name, row, codes, call)
    for index, step in whole_run(plan.stages, plan.segments, pushed):
        if index < 0:
            store_row(arena, plan, first_input, before.get(first_input, 0) + step, inputs[first_input][step], call)
        else:
            run_step(arena, plan, plan.stages[index], sites[index], step, call)
    return {name: load_rows(arena, plan, name, 0, graph.tensors[name].height) for name in graph.output_names}


def run_step(arena: Array, plan: Plan, stage: Stage, site: Site, step: int, call: int = 0) -> None:
    """One firing: reads the rows that the step needs, writes the rows that it completes."""
    node = stage.node
    if node.name in plan.placed:
        return
    if producer := stage.recomputed_producer:
        for row in range(*node.op.needs(site, step)[0]):
            run_step(arena, plan, Stage(producer, 0, (), 0), plan.graph.site(producer), row, call)
    needs = needs_of(stage, site, step)
    inputs = [load_rows(arena, plan, n, lo, hi, call) for n, (lo, hi) in zip(node.inputs, needs, strict=True)]
    rows = [Rows(data, lo) for data, (lo, _) in zip(inputs, needs, strict=True)]
    start, stop = writes_of(stage, site, step)
    if stage.line_buffer and start < stop:
        rows = [with_lines(arena, plan, node, start, rows[0])]
    if node.name in plan.scratch:
        block = plan.scratch[node.name]
        arena[block.offset : block.offset + block.bytes] = 0x5A
    if node.name in plan.sums:
        state = plan.sums[node.name]
        assert isinstance(node.op, Accumulating)
        kept = arena[state.offset : state.offset + state.bytes]
        finished = node.op.accumulate(site, kept, step, [held.data[0] for held in rows])
        if finished is not None:
            store_row(arena, plan, node.output, plan.graph.history.get(node.output, 0), finished, call)
        return
    if start < stop:
        first = start + plan.graph.history.get(node.output, 0)
        for row, codes in enumerate(node.op.simulate(site, rows, start, stop), first):
            store_row(arena, plan, node.output, row, codes, call)
    if stage.line_buffer and step < site.inputs[0].height and last_use(stage, site, step) > step:
        put_row(arena, plan.line_buffers[node.name], step, inputs[0][0])


def with_lines(arena: Array, plan: Plan, node: Node, row: int, newest: Rows) -> Rows:
    """The rows of a window: the older ones out of the node's lines."""
    tensor = plan.tensor(node.inputs[0])
    first, stop = node.op.needs(plan.graph.site(node), row)[0]
    older = take_rows(arena, plan.line_buffers[node.name], tensor, first, min(stop, newest.first))
    return Rows(np.concatenate([older, newest.data[: stop - newest.first]]), first)


def store_row(arena: Array, plan: Plan, name: str, row: int, codes: Array, call: int = 0) -> None:
    """Writes one row (W, C) where the plan has it, in the layout of its buffer."""
    put_row(arena, plan.buffers[name], row, codes, call)


def load_rows(arena: Array, plan: Plan, name: str, start: int, stop: int, call: int = 0) -> Array:
    """Rows [start, stop) of a tensor (n, W, C), read where the plan has them."""
    return take_rows(arena, plan.buffers[name], plan.tensor(name), start, stop, call)


def put_row(arena: Array, buffer: Buffer, row: int, codes: Array, call: int = 0) -> None:
    """Writes one row (W, C) into a buffer."""
    codes = np.ascontiguousarray(codes if buffer.layout == "hwc" else codes.T)
    pixels = pixels_of(arena, buffer, row, codes.view(np.uint8).reshape(len(codes), -1).shape, call)
    pixels[:] = codes.view(np.uint8).reshape(pixels.shape)


def take_rows(arena: Array, buffer: Buffer, tensor: Tensor, start: int, stop: int, call: int = 0) -> Array:
    """Rows [start, stop) of a buffer (n, W, C)."""
    shape = tensor.shape[1:] if buffer.layout == "hwc" else tensor.shape[:0:-1]
    rows = np.empty((max(stop - start, 0), *shape), tensor.dtype)
    for i in range(len(rows)):
        pixels = pixels_of(arena, buffer, start + i, (shape[0], shape[1] * tensor.itemsize), call)
        rows[i] = np.ascontiguousarray(pixels).view(tensor.dtype)
    return rows if buffer.layout == "hwc" else rows.transpose(0, 2, 1)


def pixels_of(arena: Array, buffer: Buffer, row: int, shape: tuple[int, ...], call: int = 0) -> Array:
    """The bytes of a row in the arena, one line of them a pixel (a channel where the layout is "chw")."""
    count, size = shape
    step, at = buffer.pixel_stride or size, buffer.row(row, call)
    whole = arena[at : at + (count - 1) * step + size]
    return np.lib.stride_tricks.as_strided(whole, shape, (step, 1))
