"""Operators that move data within one tensor: reshape, transpose, pad."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ircompile.importers.tflite.layout import fold, steps
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.ir.ops import Pad, Reshape, Transpose
from ircompile.ir.tensor import Array, Tensor


def reshape(low: Lowering, op: TfOperator) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the same bytes under another shape of as many elements."""
    source, target = low.ordered(op, 0), low.target(op)
    if source.quantization != target.quantization:
        low.notice(
            f"{low.model.where(op)}: input and output are quantized differently; the bytes are copied all the "
            "same, as TensorFlow Lite does"
        )
    if source == replace(target, name=source.name):
        low.finish(op, source)
    else:
        low.finish(op, low.emit(op, Reshape(target.shape), [source], target))


def transpose(low: Lowering, op: TfOperator) -> None:
    """Any order of axes; vanishes where the readers can do with another layout."""
    shape = low.model.tensors[op.inputs[0]].shape
    order = [int(v) for v in low.constant(op, 1, "permutation").reshape(-1)[:16]]
    if sorted(order) != list(range(len(shape))):
        raise low.error(op, f"permutation {order} of {len(shape)} axes", "each axis once")
    stored = low.stored(op, 0)
    low.check_same(op, stored.form, low.target(op))
    if all(size == 1 or axis in stored.axes for axis, size in enumerate(shape)):
        places = [order.index(axis) if axis >= 0 else -1 for axis in stored.axes]
        low.relabel(op, (places[0], places[1], places[2]))
        return
    groups = _runs([axis for axis in order if shape[axis] != 1])
    source = low.source(op, 0)
    if len(groups) > 3:
        low.finish(op, _in_steps(low, op, source, groups, shape))
        return
    natural = sorted(groups)
    moved = [natural.index(group) for group in groups]
    sizes = [int(np.prod([shape[axis] for axis in group])) for group in natural]
    axes, dims = _embed(moved, sizes)
    viewed = low.reshape(op, source, dims)
    low.finish(op, low.move(op, Transpose(axes), viewed, (dims[axes[0]], dims[axes[1]], dims[axes[2]])))


def _in_steps(
    low: Lowering, op: TfOperator, source: Tensor, groups: list[tuple[int, ...]], shape: tuple[int, ...]
) -> Tensor:
    """More than three groups of axes: the last wanted one moves to the front, then the last but one, ..."""
    current = sorted(groups)
    for group in reversed(groups):
        place = current.index(group)
        parts = (current[:place], [group], current[place + 1 :])
        before, size, behind = (math.prod(shape[axis] for g in part for axis in g) for part in parts)
        if before > 1:
            viewed = low.reshape(op, source, (before, size, behind))
            source = low.move(op, Transpose((1, 0, 2)), viewed, (size, before, behind))
        current = [group, *parts[0], *parts[2]]
    return source


def _runs(order: list[int]) -> list[tuple[int, ...]]:
    """Axes that follow each other both before and after, as one group each."""
    groups: list[tuple[int, ...]] = []
    for axis in order:
        if groups and groups[-1][-1] == axis - 1:
            groups[-1] = (*groups[-1], axis)
        else:
            groups.append((axis,))
    return groups


def _embed(moved: list[int], sizes: list[int]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """The permutation and the sizes with axes of size 1 put before until there are three."""
    lack = 3 - len(sizes)
    order = [*range(lack), *(axis + lack for axis in moved)]
    dims = [1] * lack + sizes
    return (order[0], order[1], order[2]), (dims[0], dims[1], dims[2])


def pad(low: Lowering, op: TfOperator) -> None:
    """PAD with the zero point, PADV2 with any constant; any axes."""
    shape, source = low.model.tensors[op.inputs[0]].shape, low.ordered(op, 0)
    amounts = low.constant(op, 1, "padding").astype(np.int64)
    if amounts.shape != (len(shape), 2) or amounts.min() < 0 or amounts.max() > 2**20:
        raise low.error(op, f"padding of shape {amounts.shape}", "a pair of sizes an axis, 0 and more")
    value = source.zero_point
    if low.file_tensor(op, 2) is not None:
        unsigned = low.model.tensors[op.inputs[2]].dtype == "uint8"
        value = int(low.constant(op, 2, "pad value").reshape(-1)[0]) - (128 if unsigned else 0)
    low.check_same(op, source, low.target(op))
    busy = [axis for axis in range(len(shape)) if amounts[axis].any()]
    for axes in steps(shape, busy):
        source = padded(low, op, source, shape, {axis: amounts[axis] for axis in axes}, value)
        shape = tuple(size + int(amounts[axis].sum()) * (axis in axes) for axis, size in enumerate(shape))
    low.finish(op, source)


def padded(
    low: Lowering,
    op: TfOperator,
    source: Tensor,
    shape: tuple[int, ...],
    amounts: Mapping[int, Sequence[int] | Array],
    value: int,
) -> Tensor:
    """The source with some elements before and after it, by axis."""
    folded = fold(shape, amounts)
    assert folded is not None
    form, places = folded
    before, after = [0, 0, 0], [0, 0, 0]
    for axis, place in places.items():
        before[place], after[place] = (int(n) for n in amounts[axis])
    node = Pad((before[0], before[1], before[2]), (after[0], after[1], after[2]), value)
    viewed = low.reshape(op, source, form)
    return low.emit(op, node, [viewed], low.target(op, node.infer((viewed,), {})))


LOWERINGS = {
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "TRANSPOSE": transpose,
    "PAD": pad,
    "PADV2": pad,
}
