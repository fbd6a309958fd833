"""Operators that take codes apart, put them together or place them elsewhere: bytes but no arithmetic."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx import folding
from ircompile.importers.onnx.folding import slices
from ircompile.importers.onnx.functions import axes_of as given_axes
from ircompile.importers.onnx.layout import (
    NONE,
    Axes,
    View,
    axes_of,
    is_identity,
    natural_axes,
    order_of,
    row_major_axes,
)
from ircompile.importers.onnx.lowering import Context, pad_value
from ircompile.importers.onnx.pooling import placed
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator, hull, keeps, moves, unknown
from ircompile.importers.onnx.values import Expr, Real, Target, Value, constant
from ircompile.ir.ops import Concat, DepthToSpace, Gather, Pad, Slice, SpaceToDepth, Transpose
from ircompile.ir.tensor import Array

MOST_COPIES = 256
PAD_MODES = ("constant", "edge", "reflect", "wrap")


def long_axes(context: Context, raw: OnnxNode, view: View, *needed: int) -> Axes:
    """Height, width and channels for an operator on the `needed` axes: that move nothing, if possible."""
    own = axes_of(view, context.builder.tensors[view.tensor].shape)
    candidates = [own, natural_axes(view.rank), row_major_axes(view.rank)]
    fitting = [axes for axes in candidates if axes is not None and all(axis in axes for axis in needed)]
    for axes in fitting:
        order = order_of(view, axes)
        if order is not None and is_identity(order):
            return axes
    if fitting:
        return fitting[0]
    others = [a for a in range(view.rank) if view.shape[a] > 1 and a not in needed]
    chosen = sorted([*needed, *others])
    if len(chosen) > 3:
        raise CompileError(raw.where, f"works on shape {list(view.shape)}", "batch 1 and up to three further axes")
    height, width, channels = [NONE] * (3 - len(chosen)) + chosen
    return height, width, channels


def numbers_of(raw: OnnxNode, values: Sequence[Value | None]) -> list[Array]:
    """Constant inputs as arrays, absent ones empty; raises CompileError where one is computed."""
    found = [np.zeros(0, np.int64) if value is None else constant(value) for value in values]
    if any(number is None for number in found):
        raise CompileError(raw.where, "a parameter is computed at run time", "constant parameters")
    return [number for number in found if number is not None]


def lower_concat(context: Context, expr: Expr, target: Target) -> View:
    """Concat along any axis; inputs of another scale are requantized by table."""
    raw = expr.node
    views = [context.materialize(value, target, raw) for value in expr.args if value is not None]
    rank = views[0].rank
    axis = raw.axis(rank, 1)
    if any(view.rank != rank for view in views):
        raise CompileError(raw.where, "operands of different ranks", "equal ranks")
    if len(views) == 1:
        return views[0]
    axes = long_axes(context, raw, max(views, key=lambda view: view.index.size), axis)
    names = [context.builder.arrange(raw, view, axes) for view in views]
    out = context.builder.emit(raw, Concat(axes.index(axis)), names, target.quant)
    return placed(context, out, axes, rank)


def repeat(context: Context, expr: Expr, real: Real) -> View:
    """Tile, and Expand to a constant shape: up to 256 copies along any axis."""
    raw = expr.node
    (given,) = numbers_of(raw, expr.args[1:2])
    view, counts = context.settled(real, raw), [int(n) for n in given.ravel()]
    view = view.moved(view.index.reshape((1,) * (len(counts) - view.rank) + view.shape))
    counts = [1] * (view.rank - len(counts)) + counts
    if raw.kind == "Expand":
        pairs = zip(counts, view.shape, strict=True)
        counts = [n if size == 1 else 1 if n in (1, size) else 0 for n, size in pairs]
    if not all(1 <= n <= MOST_COPIES for n in counts):
        raise CompileError(raw.where, f"{given.tolist()} for shape {list(view.shape)}", "1 to 256 copies an axis")
    for axis, count in enumerate(counts):
        if count > 1:
            axes = long_axes(context, raw, view, axis)
            names = [context.builder.arrange(raw, view, axes)] * count
            out = context.builder.emit(raw, Concat(axes.index(axis)), names, real.quant)
            view = placed(context, out, axes, view.rank)
    return view


def cut(context: Context, raw: OnnxNode, real: Real, parts: Sequence[slice]) -> View:
    """The part of a tensor that one slice an axis leaves."""
    view = context.settled(real, raw)
    ranges = [range(size)[part] for size, part in zip(view.shape, parts, strict=True)]
    if any(len(r) == 0 for r in ranges):
        raise CompileError(raw.where, f"takes nothing of shape {list(view.shape)}", "parts that are not empty")
    if all(len(r) == size and r.step == 1 for r, size in zip(ranges, view.shape, strict=True)):
        return view
    touched = [a for a, r in enumerate(ranges) if len(r) != view.shape[a] or r.step < 0]
    if any(ranges[a].step < 0 and len(ranges[a]) > 1 for a in touched):
        raise CompileError(raw.where, "runs backwards", "steps of 1 and more")
    axes = long_axes(context, raw, view, *touched)
    chosen = [ranges[a] if a != NONE else range(1) for a in axes]
    begin, shape = [r.start for r in chosen], [len(r) for r in chosen]
    stride = [max(r.step, 1) for r in chosen]
    op = Slice((begin[0], begin[1], begin[2]), (shape[0], shape[1], shape[2]), (stride[0], stride[1], stride[2]))
    out = context.builder.emit(
        raw, op, [context.builder.arrange(raw, view, axes)], context.builder.quant(view.tensor)
    )
    return placed(context, out, axes, view.rank)


def take_slice(context: Context, expr: Expr, real: Real) -> View:
    """Slice: any axes, steps of 1 and more."""
    raw = expr.node
    values = [np.zeros(0, np.int64), *numbers_of(raw, expr.args[1:])]
    try:
        parts = slices(raw, values, real.view.rank)
    except (ValueError, IndexError) as error:
        raise CompileError(raw.where, f"does not fit shape {list(real.view.shape)}: {error}") from None
    return cut(context, raw, real, parts)


def take_part(context: Context, expr: Expr, real: Real) -> View:
    """Split along any axis, equal or given parts."""
    raw = expr.node
    axis = raw.axis(real.view.rank, 0)
    values = numbers_of(raw, expr.args[1:])
    size, count = real.view.shape[axis], len(raw.outputs)
    part = -(-size // count)
    sizes = [int(n) for n in (values[0] if values and values[0].size else raw.get("split", ()))]
    sizes = sizes or [part] * (count - 1) + [size - part * (count - 1)]
    if sum(sizes) != size or min(sizes) < 1 or len(sizes) != count:
        raise CompileError(raw.where, f"splits {size} into {sizes}", "parts that add up")
    first = sum(sizes[: expr.part])
    parts = [slice(None)] * real.view.rank
    parts[axis] = slice(first, first + sizes[expr.part])
    return cut(context, raw, real, parts)


def gather(context: Context, expr: Expr, real: Real) -> View:
    """Gather of constant indices on any axis; evenly spaced ones, and a single one, are a slice."""
    raw = expr.node
    axis = raw.axis(real.view.rank, 0)
    (indices,) = numbers_of(raw, expr.args[1:2])
    size = real.view.shape[axis]
    places = [int(i) + (size if i < 0 else 0) for i in indices.ravel()]
    if indices.ndim > 1 or not places or not 0 <= min(places) <= max(places) < size:
        raise CompileError(raw.where, f"gathers {places[:8]} of {size}", "one axis of indices, inside")
    steps = {b - a for a, b in pairwise(places)} or {1}
    if len(steps) > 1 or min(steps) < 1:
        return _gathered(context, raw, real, axis, places)
    parts = [slice(None)] * real.view.rank
    parts[axis] = slice(places[0], places[-1] + 1, min(steps))
    found = cut(context, raw, real, parts)
    return found.moved(np.squeeze(found.index, axis=axis)) if indices.ndim == 0 else found


def _gathered(context: Context, raw: OnnxNode, real: Real, axis: int, places: list[int]) -> View:
    """A view of the axis in another order: as channels, or as columns where they are the map's columns."""
    view = context.settled(real, raw)
    axes = long_axes(context, raw, view, axis)
    node_axis = axes.index(axis)
    if node_axis == 0:
        axes, node_axis = (axes[1], axes[0], axes[2]), 1
    source = context.builder.arrange(raw, view, axes)
    out = context.builder.emit(raw, Gather(node_axis, tuple(places)), [source], context.builder.quant(view.tensor))
    return placed(context, out, axes, view.rank)


def lower_pad(context: Context, expr: Expr, target: Target) -> View:
    """Pad of any axis: a constant (a number, rounded to a code; of integers, a code), edge, reflect, wrap."""
    raw = expr.node
    real = context.preserved(expr.args[0], target, raw)
    view = context.settled(real, raw)
    rank = view.rank
    values = numbers_of(raw, expr.args[1:])
    pads = [int(p) for p in (values[0] if values else raw.get("pads", ()))]
    axes = given_axes(raw, [np.zeros(0), *values], 3) or tuple(range(rank))
    mode = raw.get("mode", "constant")
    if mode not in PAD_MODES or len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise CompileError(raw.where, f"mode {mode}, pads {pads}", f"pads of 0 and more: {', '.join(PAD_MODES)}")
    before, after = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        before[axis], after[axis] = pads[place], pads[place + len(axes)]
    if mode != "constant" or not (any(before) or any(after)):
        padded = _mirrored(context, raw, Real(view, real.quant), mode, before, after)
        return context.requantized(padded, target, raw)
    view = context.requantized(Real(view, real.quant), target, raw)
    order = long_axes(context, raw, view, *(a for a in range(rank) if before[a] or after[a]))
    start = [before[a] if a != NONE else 0 for a in order]
    stop = [after[a] if a != NONE else 0 for a in order]
    fill = pad_value(raw, values)
    code = int(fill) if isinstance(fill, np.integer) else target.quant.code(float(fill))
    op = Pad((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]), min(max(code, target.low), target.high))
    out = context.builder.emit(raw, op, [context.builder.arrange(raw, view, order)], target.quant)
    return placed(context, out, order, rank)


def _mirrored(
    context: Context, raw: OnnxNode, real: Real, mode: str, before: Sequence[int], after: Sequence[int]
) -> Real:
    """Padded by elements of the tensor itself: a gather along each axis that grows."""
    for axis, (low, high, size) in enumerate(zip(before, after, real.view.shape, strict=True)):
        if (mode != "edge" and max(low, high) >= size + (mode == "wrap")) or low + high > MOST_COPIES * size:
            raise CompileError(raw.where, f"pads {size} by {low} and {high}, mode {mode}", "less than there is")
        if low or high:
            places = np.pad(np.arange(size), (low, high), mode)  # type: ignore[call-overload]
            real = Real(_gathered(context, raw, real, axis, places.tolist()), real.quant)
    return real


def blocks(context: Context, expr: Expr, real: Real) -> View:
    """DepthToSpace (DCR and CRD) and SpaceToDepth of N x C x H x W."""
    raw = expr.node
    block, rank = int(raw.get("blocksize", 0)), real.view.rank
    if rank != 4 or block < 1:
        raise CompileError(raw.where, f"blocksize {block} of a tensor of rank {rank}", "N x C x H x W")
    axes = natural_axes(rank)
    source = context.source(real, raw, axes)
    if raw.kind == "SpaceToDepth":
        out = context.builder.emit(raw, SpaceToDepth(block), [source], real.quant)
    else:
        if raw.get("mode", "DCR") == "CRD" and context.builder.tensors[source].channels > block**2:
            source = _regrouped(context, raw, source, block**2)
        out = context.builder.emit(raw, DepthToSpace(block), [source], real.quant)
    return placed(context, out, axes, rank)


def _regrouped(context: Context, raw: OnnxNode, source: str, inner: int) -> str:
    """Channels c * inner + i moved to i * C + c."""
    builder = context.builder
    height, width, channels = builder.tensors[source].shape
    flat = builder.reshape(raw, source, (height * width, channels // inner, inner))
    moved = builder.emit(raw, Transpose((0, 2, 1)), [flat], builder.quant(source), "regroup")
    return builder.reshape(raw, moved, (height, width, channels))


OPERATORS: dict[str, Operator] = {
    "Concat": keeps(lower_concat, folding.concat, hull),
    "DepthToSpace": moves(blocks, None),
    "Expand": moves(repeat, folding.expand),
    "Gather": moves(gather, folding.gather),
    "Pad": keeps(lower_pad, None, unknown),
    "Slice": moves(take_slice, folding.sliced),
    "SpaceToDepth": moves(blocks, None),
    "Split": moves(take_part, None),
    "Tile": moves(repeat, folding.tile),
}
