"""Operators that join tensors or take them apart."""

import math
from itertools import pairwise

import numpy as np

from ircompile.importers.tflite.folding import slice_bounds
from ircompile.importers.tflite.functions import CODES
from ircompile.importers.tflite.layout import default_axes, default_shape, fold, steps
from ircompile.importers.tflite.lowering import Lowering, like
from ircompile.importers.tflite.movement import padded
from ircompile.importers.tflite.reader import TfOperator
from ircompile.importers.tflite.reductions import axis_numbers
from ircompile.ir.numerics import round_half_away
from ircompile.ir.ops import Concat, Gather, Slice, Table
from ircompile.ir.tensor import Array, Shape, Tensor


def _axis(low: Lowering, op: TfOperator, number: int, rank: int) -> int:
    axis = number + rank if number < 0 else number
    if not 0 <= axis < rank:
        raise low.error(op, f"axis {number} of a tensor with {rank}", "axes of the tensor")
    return axis


def concatenation(low: Lowering, op: TfOperator) -> None:
    """Any axis; inputs of any scale, rounded to the output's; constants of one value, quantized as the output."""
    if op.option("FusedActivationFunction"):
        raise low.error(op, "fused activation", "none")
    shapes = [low.model.tensors[index].shape for index in op.inputs if index >= 0]
    rank = len(low.model.tensors[op.outputs[0]].shape)
    if not shapes or any(len(shape) != rank for shape in shapes):
        raise low.error(op, f"inputs of shapes {[list(s) for s in shapes]}", "equal ranks")
    axis = _axis(low, op, int(op.option("Axis")), rank)
    target = low.target(op)
    parts: list[tuple[Tensor, tuple[int, ...]]] = []
    before: list[tuple[int, int]] = []
    for position, shape in enumerate(shapes):
        constant = low.constant_of(op.inputs[position])
        if constant is None:
            source = _at_scale(low, op, low.source(op, position), target)
            for code, size in reversed(before):
                source, shape = _lengthened(low, op, source, shape, axis, (size, 0), code)
            parts.append((source, shape))
            before = []
        elif parts:
            fill = (0, shape[axis])
            parts[-1] = _lengthened(low, op, *parts[-1], axis, fill, _one_code(low, op, position, constant))
        else:
            before.append((_one_code(low, op, position, constant), shape[axis]))
    if not parts:
        raise low.error(op, "joins constants alone", "an activation among them")
    _join(low, op, [source for source, _ in parts], [shape for _, shape in parts], axis)


def _lengthened(
    low: Lowering,
    op: TfOperator,
    source: Tensor,
    shape: tuple[int, ...],
    axis: int,
    fill: tuple[int, int],
    code: int,
) -> tuple[Tensor, tuple[int, ...]]:
    """A part with as much of one code before and after it on an axis, and its new shape."""
    longer = (*shape[:axis], shape[axis] + sum(fill), *shape[axis + 1 :])
    return padded(low, op, source, shape, {axis: fill}, code), longer


def _one_code(low: Lowering, op: TfOperator, position: int, constant: Array) -> int:
    """The int8 code that all of a constant part holds."""
    tensor, output = (low.model.tensors[index] for index in (op.inputs[position], op.outputs[0]))
    if low.quantization(op, tensor) != low.quantization(op, output) or np.any(constant != constant.flat[0]):
        raise low.error(
            op, f"joins the constant {tensor.name!r}", "constants of one value, quantized as the output is"
        )
    return int(constant.flat[0]) - (128 if tensor.dtype == "uint8" else 0)


def _at_scale(low: Lowering, op: TfOperator, source: Tensor, target: Tensor) -> Tensor:
    """An input in the output's quantization: round(code * (sx / sy) - zx * (sx / sy)) + zy in float32."""
    if source.quantization == target.quantization:
        return source
    if source.dtype != "int8":
        raise low.error(op, "joins int16 tensors of other scales", "equal quantization")
    # TFLite computes with uint8 codes; int8 inputs of another scale it refuses.
    if low.model.tensors[op.outputs[0]].dtype == "int8":
        low.notice(
            f"{low.model.where(op)}: joins int8 tensors of other scales, which TensorFlow Lite refuses; they are "
            "rounded as it rounds uint8"
        )
    ratio = np.float32(source.scale) * (np.float32(1) / np.float32(target.scale))
    bias = -np.float32(source.zero_point + 128) * ratio
    real = (CODES + 128).astype(np.float32) * ratio + bias
    codes = np.clip(round_half_away(real) + target.zero_point, -128, 127).astype(np.int8)
    output = Tensor("", source.shape, "int8", target.scale, target.zero_point)
    return low.emit(op, Table(low.store(op, "table", codes), "quantize"), [source], output)


def _join(low: Lowering, op: TfOperator, sources: list[Tensor], shapes: list[tuple[int, ...]], axis: int) -> None:
    """Concatenates along a framework's axis, if need be with all axes before it and behind it folded."""
    target = low.target(op)
    usual = [default_axes(shape) for shape in shapes]
    if all(axes == usual[0] for axes in usual) and axis in usual[0]:
        node = Concat(usual[0].index(axis))
    else:
        before = math.prod(shapes[0][:axis])
        node = Concat(1 if before > 1 else 0)
        views = [_three(math.prod(s[:axis]), s[axis], math.prod(s[axis + 1 :])) for s in shapes]
        sources = [low.reshape(op, source, view) for source, view in zip(sources, views, strict=True)]
    if len(sources) == 1:
        low.finish(op, sources[0])
        return
    low.finish(op, low.emit(op, node, sources, like(target, node.infer(tuple(sources), {}))))


def _three(before: int, size: int, behind: int) -> Shape:
    return (before, size, behind) if before > 1 else (size, 1, behind)


def pack(low: Lowering, op: TfOperator) -> None:
    """Activations of equal quantization; constants fold."""
    shape = low.model.tensors[op.inputs[0]].shape
    axis = _axis(low, op, int(op.option("Axis")), len(shape) + 1)
    sources = [low.source(op, n) for n in range(len(op.inputs))]
    for source in sources:
        low.check_same(op, source, low.target(op))
    # A new axis of size 1 changes no byte, but where height, width and channels stand.
    shape = (*shape[:axis], 1, *shape[axis:])
    sources = [low.reshape(op, source, default_shape(shape)) for source in sources]
    _join(low, op, sources, [shape] * len(sources), axis)


def tile(low: Lowering, op: TfOperator) -> None:
    """TILE and BROADCAST_TO of activations: up to 256 copies on any axis; constants fold."""
    source, shape = low.source(op, 0), low.model.tensors[op.inputs[0]].shape
    output = low.model.tensors[op.outputs[0]].shape
    low.check_same(op, source, low.target(op))
    if len(shape) != len(output):
        raise low.error(op, f"shape {list(shape)} to {list(output)}", "equal ranks")
    for axis, (size, wanted) in enumerate(zip(shape, output, strict=True)):
        if size == wanted:
            continue
        if wanted % max(size, 1) or wanted > 256 * size:
            raise low.error(op, f"shape {list(shape)} to {list(output)}", "whole copies, up to 256")
        form, places = _folded(shape, [axis])
        node = Concat(places[axis])
        copies = [low.reshape(op, source, form)] * (wanted // size)
        source = low.emit(op, node, copies, like(source, node.infer(tuple(copies), {})))
        shape = (*shape[:axis], wanted, *shape[axis + 1 :])
    low.finish(op, source)


def _folded(shape: tuple[int, ...], busy: list[int]) -> tuple[Shape, dict[int, int]]:
    """`fold` of axes that it can fold."""
    folded = fold(shape, busy)
    assert folded is not None
    return folded


def _cut(low: Lowering, op: TfOperator, position: int, slices: list[slice], data: int = 0) -> None:
    """Declares output `position` to be a part of the source, which is input `data`."""
    shape, source = low.model.tensors[op.inputs[data]].shape, low.ordered(op, data)
    if any(s.step < 1 for s in slices):
        raise low.error(op, "negative strides", "strides of 1 and more")
    low.check_same(op, source, low.target(op, position=position))
    busy = [axis for axis, size in enumerate(shape) if slices[axis] != slice(0, size, 1)]
    for axes in steps(shape, busy) if busy else []:
        form, places = _folded(shape, axes)
        begin, sizes, step = [0, 0, 0], list(form), [1, 1, 1]
        for axis, place in places.items():
            part = slices[axis]
            begin[place], sizes[place], step[place] = part.start, len(range(shape[axis])[part]), part.step
        node = Slice((begin[0], begin[1], begin[2]), (sizes[0], sizes[1], sizes[2]), (step[0], step[1], step[2]))
        viewed = low.reshape(op, source, form)
        output = like(source, node.infer((viewed,), {}))
        source = low.emit(op, node, [viewed], output, low.name_of(op, position))
        shape = tuple(len(range(n)[slices[axis]]) if axis in axes else n for axis, n in enumerate(shape))
    low.finish(op, source, position)


def slice_(low: Lowering, op: TfOperator) -> None:
    """Constant begin and size."""
    shape = low.model.tensors[op.inputs[0]].shape
    begin, size = (low.constant(op, n, what).reshape(-1) for n, what in ((1, "begin"), (2, "size")))
    if begin.size != len(shape) or size.size != len(shape):
        raise low.error(op, f"begin {begin.tolist()[:8]} for shape {list(shape)}", "one entry an axis")
    ends = [n if s < 0 else int(b) + int(s) for b, s, n in zip(begin, size, shape, strict=True)]
    spans = [slice(int(b), e, 1) for b, e in zip(begin, ends, strict=True)]
    if any(not 0 <= s.start < s.stop <= n for s, n in zip(spans, shape, strict=True)):
        raise low.error(op, f"slice {begin.tolist()[:8]} to {ends[:8]} of {list(shape)}", "slices of the tensor")
    _cut(low, op, 0, spans)


def strided_slice(low: Lowering, op: TfOperator) -> None:
    """Constant begin, end and strides of 1 and more; begin, end and shrink masks."""
    shape = low.model.tensors[op.inputs[0]].shape
    begin, end, strides = (low.constant(op, n, "bound").reshape(-1) for n in (1, 2, 3))
    if not begin.size == end.size == strides.size <= len(shape):
        raise low.error(op, f"bounds of {begin.size} axes for shape {list(shape)}", "one entry an axis")
    try:
        slices, _ = slice_bounds(op, begin, end, strides, shape)
    except ValueError as error:
        raise low.error(op, str(error), "begin, end and shrink masks") from None
    if any(s.stop is None or s.start >= s.stop for s in slices):
        raise low.error(op, "an empty or backward slice", "strides of 1 and more")
    _cut(low, op, 0, slices)


def split(low: Lowering, op: TfOperator) -> None:
    """SPLIT, SPLIT_V and UNPACK: parts along any axis."""
    data = 1 if op.kind == "SPLIT" else 0
    shape = low.model.tensors[op.inputs[data]].shape
    if op.kind == "UNPACK":
        axis = _axis(low, op, int(op.option("Axis")), len(shape))
    else:
        axis = axis_numbers(low, op, 0 if op.kind == "SPLIT" else 2, len(shape))[0]
    count = len(op.outputs)
    sizes = [shape[axis] // count] * count
    if op.kind == "SPLIT_V":
        sizes = [int(v) for v in low.constant(op, 1, "sizes").reshape(-1)[:count]]
        if sizes.count(-1) == 1:
            sizes[sizes.index(-1)] = shape[axis] - sum(sizes) - 1
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise low.error(op, f"{shape[axis]} elements in parts of {sizes[:8]}", "parts that make up the axis")
    start = 0
    for position, size in enumerate(sizes):
        slices = [slice(0, n, 1) for n in shape]
        slices[axis] = slice(start, start + size, 1)
        _cut(low, op, position, slices, data)
        start += size


def gather(low: Lowering, op: TfOperator) -> None:
    """Constant indices on any axis; evenly spaced ones, and a single one, are a slice."""
    shape = low.model.tensors[op.inputs[0]].shape
    axis = _axis(low, op, int(op.option("Axis", 0)), len(shape))
    places = [int(place) for place in low.constant(op, 1, "list of indices").reshape(-1)]
    if int(op.option("BatchDims", 0)):
        raise low.error(op, f"{op.option('BatchDims')} batch dimensions", "none")
    if not places or min(places) < 0 or max(places) >= shape[axis]:
        raise low.error(op, f"gathers {places[:8]} of {shape[axis]}", "indices of elements that are there")
    gaps = {after - before for before, after in pairwise(places)} or {1}
    if len(gaps) == 1 and min(gaps) > 0:
        slices = [slice(0, size, 1) for size in shape]
        slices[axis] = slice(places[0], places[-1] + 1, min(gaps))
        _cut(low, op, 0, slices)
        return
    source = low.ordered(op, 0)
    low.check_same(op, source, low.target(op))
    form, at = _folded(shape, [axis])
    if at[axis] == 0:  # rows: they become columns of a single row
        form, at = (1, form[0], form[1] * form[2]), {axis: 1}
    node, viewed = Gather(at[axis], tuple(places)), low.reshape(op, source, form)
    low.finish(op, low.emit(op, node, [viewed], like(source, node.infer((viewed,), {}))))


LOWERINGS = {
    "CONCATENATION": concatenation,
    "PACK": pack,
    "TILE": tile,
    "BROADCAST_TO": tile,
    "GATHER": gather,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "SPLIT": split,
    "SPLIT_V": split,
    "UNPACK": split,
}
