"""Operators that take axes away: means, extremes, and the place of an extreme."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from ircompile.importers.tflite.layout import Axes
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.ir.ops import ArgMax, Extreme, Mean, Op
from ircompile.ir.tensor import Tensor

ReducedAxes = Literal["h", "w", "hw"]


def axis_numbers(low: Lowering, op: TfOperator, position: int, rank: int) -> list[int]:
    """A constant list of axes, negative ones counted from the end."""
    values = low.constant(op, position, "list of axes").astype(np.int64).reshape(-1)
    axes = sorted({int(v) + rank if v < 0 else int(v) for v in values[:16]})
    if any(not 0 <= axis < rank for axis in axes):
        raise low.error(op, f"axes {axes} of a tensor with {rank}", "axes of the tensor")
    return axes


def mean(low: Lowering, op: TfOperator) -> None:
    """Over any axes that stand next to each other, dropped or kept."""
    low_high = low.target(op).qtype.range
    _reduce(low, op, lambda axes: Mean(axes, "integer", *low_high))


def reduce_extreme(low: Lowering, op: TfOperator) -> None:
    """As MEAN; input and output of equal quantization."""
    low.check_same(op, low.stored(op, 0).form, low.target(op))
    _reduce(low, op, lambda axes: Extreme("max" if op.kind == "REDUCE_MAX" else "min", axes))


def _reduce(low: Lowering, op: TfOperator, make: Callable[[ReducedAxes], Op]) -> None:
    stored = low.stored(op, 0)
    shape, form = low.model.tensors[op.inputs[0]].shape, stored.form
    listed = axis_numbers(low, op, 1, len(shape))
    reduced = [axis for axis in listed if shape[axis] != 1]
    letters = "".join(sorted("hwc"[stored.axes.index(axis)] if axis in stored.axes else "?" for axis in reduced))
    if letters not in ("h", "w", "hw", ""):
        _reduce_folded(low, op, make, reduced, shape)
        return
    if not letters:  # only axes of size 1: a mean of one element still requantizes
        letters = "h" if form.height == 1 else "w"
        if form.height > 1 and form.width > 1:
            _reduce_folded(low, op, make, [len(shape)], shape)
            return
    node = make(letters)  # type: ignore[arg-type]
    axes = _axes_after(low, op, stored.axes, listed)
    low.in_place(op, node, low.target(op, node.infer((form,), {})), axes)


def _reduce_folded(
    low: Lowering, op: TfOperator, make: Callable[[ReducedAxes], Op], reduced: list[int], shape: tuple[int, ...]
) -> None:
    """Other axes: those before them become rows, they the columns, those behind them channels."""
    shape = (*shape, 1)
    first, last = reduced[0], reduced[-1]
    if any(shape[axis] != 1 and axis not in reduced for axis in range(first, last)):
        raise low.error(op, f"axes {reduced} of shape {list(shape)}", "axes next to each other")
    parts = (shape[:first], shape[first : last + 1], shape[last + 1 :])
    rows, columns, channels = (math.prod(part) for part in parts)
    rows, channels = (shape[0], rows // shape[0]) if first == len(shape) - 1 else (rows, channels)
    source = low.source(op, 0, (rows, columns, channels))
    low.finish(op, low.emit(op, make("w"), [source], low.target(op, (rows, 1, channels))))


def _axes_after(low: Lowering, op: TfOperator, axes: Axes, reduced: list[int]) -> Axes:
    """Where H, W and C stand once the reduced axes are dropped or kept."""
    shape, kept = (low.model.tensors[index].shape for index in (op.inputs[0], op.outputs[0]))
    if len(kept) == len(shape):
        return axes
    if [size for axis, size in enumerate(shape) if axis not in reduced] != list(kept):
        raise low.error(op, f"axes {reduced} of shape {list(shape)} give {list(kept)}", "consistent shapes")
    new = [-1 if a < 0 or a in reduced else a - sum(r < a for r in reduced) for a in axes]
    return new[0], new[1], new[2]


def arg_extreme(low: Lowering, op: TfOperator) -> None:
    """Over one axis; int32 codes come out, which no other operator takes."""
    stored = low.stored(op, 0)
    shape = low.model.tensors[op.inputs[0]].shape
    axes = axis_numbers(low, op, 1, len(shape))
    output = low.model.tensors[op.outputs[0]]
    if len(axes) != 1 or axes[0] not in stored.axes:
        raise low.error(op, f"axes {axes} of shape {list(shape)}", "one axis: height, width or channels")
    if output.dtype not in ("int32", "int64"):
        raise low.error(op, f"output is {output.dtype}", "int32 and int64")
    number = stored.axes.index(axes[0])
    first, second = (place for place in range(3) if place != number)
    left = (stored.axes[first], stored.axes[second], -1)
    target = Tensor("", (stored.form.shape[first], stored.form.shape[second], 1), "int32")
    node = ArgMax(least=op.kind == "ARG_MIN")
    low.in_place(op, node, target, _axes_after(low, op, left, axes), (first, second, number))


LOWERINGS = {
    "MEAN": mean,
    "REDUCE_MAX": reduce_extreme,
    "REDUCE_MIN": reduce_extreme,
    "ARG_MAX": arg_extreme,
    "ARG_MIN": arg_extreme,
}
