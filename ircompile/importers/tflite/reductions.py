"""Operators that take axes away: means, extremes, and the place of an extreme."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from ircompile.importers.tflite.lowering import Axes, Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.ops import ArgMax, Extreme, Mean, Op, Transpose
from ircompile.tensor import Tensor

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
    _reduce(low, op, lambda axes: Mean(axes, "integer"))


def reduce_extreme(low: Lowering, op: TfOperator) -> None:
    """As MEAN; input and output of equal quantization."""
    low.check_same(op, low.tensors[low.activation(op, 0).tensor], low.target(op))
    _reduce(low, op, lambda axes: Extreme("max" if op.kind == "REDUCE_MAX" else "min", axes))


def _reduce(low: Lowering, op: TfOperator, make: Callable[[ReducedAxes], Op]) -> None:
    held = low.activation(op, 0)
    shape = low.model.tensors[op.inputs[0]].shape
    listed = axis_numbers(low, op, 1, len(shape))
    reduced = [axis for axis in listed if shape[axis] != 1]
    letters = "".join(sorted("hwc"[held.axes.index(axis)] if axis in held.axes else "?" for axis in reduced))
    if letters not in ("h", "w", "hw", ""):
        _reduce_folded(low, op, make, reduced, shape)
        return
    source = low.tensors[held.tensor]
    if not letters:  # only axes of size 1: a mean of one element still requantizes
        letters = "h" if source.height == 1 else "w"
        if source.height > 1 and source.width > 1:
            _reduce_folded(low, op, make, [len(shape)], shape)
            return
    node = make(letters)  # type: ignore[arg-type]
    output = low.emit(op, node, [source], low.target(op, node.infer((source,), {})))
    low.finish(op, output, axes=_axes_after(held.axes, listed, shape, low.model.tensors[op.outputs[0]].shape))


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
    source = low.reshape(op, low.source(op, 0), (rows, columns, channels))
    low.finish(op, low.emit(op, make("w"), [source], low.target(op, (rows, 1, channels))))


def _axes_after(axes: Axes, reduced: list[int], shape: tuple[int, ...], kept: tuple[int, ...]) -> Axes | None:
    """Where H, W and C stand once the reduced axes are dropped or kept; None if the file's shape is another."""
    if len(kept) == len(shape):
        return axes
    if [size for axis, size in enumerate(shape) if axis not in reduced] != list(kept):
        return None
    new = [-1 if a < 0 or a in reduced else a - sum(r < a for r in reduced) for a in axes]
    return new[0], new[1], new[2]


def arg_extreme(low: Lowering, op: TfOperator) -> None:
    """Over one axis; int32 codes come out, which no other operator takes."""
    held = low.activation(op, 0)
    shape = low.model.tensors[op.inputs[0]].shape
    axes = axis_numbers(low, op, 1, len(shape))
    output = low.model.tensors[op.outputs[0]]
    if len(axes) != 1 or axes[0] not in held.axes:
        raise low.error(op, f"axes {axes} of shape {list(shape)}", "one axis: height, width or channels")
    if output.dtype not in ("int32", "int64"):
        raise low.error(op, f"output is {output.dtype}", "int32 and int64")
    source, places = low.tensors[held.tensor], list(held.axes)
    number = places.index(axes[0])
    if number != 2:
        rest = [k for k in range(3) if k != number]
        order = (rest[0], rest[1], number)
        moved = (source.shape[order[0]], source.shape[order[1]], source.shape[order[2]])
        source, places = low.move(op, Transpose(order), source, moved), [places[k] for k in order]
    target = Tensor("", (source.height, source.width, 1), "int32")
    found = low.emit(op, ArgMax(least=op.kind == "ARG_MIN"), [source], target)
    left = (places[0], places[1], -1)
    low.finish(op, found, axes=_axes_after(left, axes, shape, output.shape))


LOWERINGS = {
    "MEAN": mean,
    "REDUCE_MAX": reduce_extreme,
    "REDUCE_MIN": reduce_extreme,
    "ARG_MAX": arg_extreme,
    "ARG_MIN": arg_extreme,
}
