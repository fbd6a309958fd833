"""Arithmetic on shapes and constants that the file left undone: SHAPE, STRIDED_SLICE, PACK and their like."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import MAX_ELEMENTS, TfOperator
from ircompile.ir.tensor import Array

Rule = Callable[[TfOperator, list[Array]], Array]
LARGEST = MAX_ELEMENTS // 16


def _bounded(count: int) -> None:
    """Raises ValueError before a result of absurd size is made."""
    if not 0 <= count <= LARGEST:
        raise ValueError(f"{count} elements")


def _product(sizes: Iterable[int]) -> int:
    return math.prod(int(size) for size in sizes)


def slice_bounds(
    op: TfOperator, begin: Array, end: Array, strides: Array, shape: tuple[int, ...]
) -> tuple[list[slice], list[int]]:
    """The slices of a STRIDED_SLICE, and the axes that its shrink mask drops."""
    if op.option("EllipsisMask") or op.option("NewAxisMask"):
        raise ValueError("ellipsis and new-axis masks")
    slices, dropped = [], []
    for axis, size in enumerate(shape):
        if axis >= begin.size:
            slices.append(slice(0, size, 1))
            continue
        first, last, step = int(begin[axis]), int(end[axis]), int(strides[axis])
        if op.option("ShrinkAxisMask") >> axis & 1:
            first = first + size if first < 0 else first
            if not 0 <= first < size:
                raise ValueError(f"index {first} of an axis of {size}")
            dropped.append(axis)
            slices.append(slice(first, first + 1, 1))
            continue
        if step == 0:
            raise ValueError("a stride of 0")
        start = None if op.option("BeginMask") >> axis & 1 else first
        stop = None if op.option("EndMask") >> axis & 1 else last
        slices.append(slice(*slice(start, stop, step).indices(size)))
        if slices[-1].stop < 0:
            slices[-1] = slice(slices[-1].start, None, step)
    return slices, dropped


def _strided_slice(op: TfOperator, v: list[Array]) -> Array:
    slices, dropped = slice_bounds(op, v[1], v[2], v[3], v[0].shape)
    return np.squeeze(v[0][tuple(slices)], tuple(dropped))


def _gather(op: TfOperator, v: list[Array]) -> Array:
    axis = int(op.option("Axis"))
    _bounded(v[1].size * v[0].size // max(v[0].shape[axis], 1))
    return np.take(v[0], v[1], axis=axis, mode="raise")


def _slice(op: TfOperator, v: list[Array]) -> Array:
    begins, sizes = v[1].reshape(-1), v[2].reshape(-1)
    ends = [None if size < 0 else int(begin + size) for begin, size in zip(begins, sizes, strict=True)]
    return v[0][tuple(slice(int(begin), end) for begin, end in zip(begins, ends, strict=True))]


def _reshape(op: TfOperator, v: list[Array]) -> Array:
    shape = [int(n) for n in (v[1].reshape(-1) if len(v) > 1 else op.option("NewShape", ()))]
    return v[0].reshape(shape)


def _tile(op: TfOperator, v: list[Array]) -> Array:
    if v[1].size == 0 or v[1].min() < 0:
        raise ValueError(f"tiling {v[1].tolist()[:8]}")
    _bounded(v[0].size * _product(v[1]))
    return np.tile(v[0], v[1].tolist())


def _fill(op: TfOperator, v: list[Array]) -> Array:
    if v[0].min(initial=0) < 0:
        raise ValueError(f"filling {v[0].tolist()[:8]}")
    _bounded(_product(v[0]))
    return np.full(v[0].tolist(), v[1].reshape(-1)[0])


def _range(op: TfOperator, v: list[Array]) -> Array:
    start, stop, step = (int(a.reshape(-1)[0]) for a in v)
    if step == 0:
        raise ValueError("a range of step 0")
    _bounded(len(range(start, stop, step)))
    return np.arange(start, stop, step, dtype=v[0].dtype)


def _broadcast_to(op: TfOperator, v: list[Array]) -> Array:
    _bounded(_product(v[1]))
    return np.broadcast_to(v[0], v[1].tolist()).copy()


def _pack(op: TfOperator, v: list[Array]) -> Array:
    _bounded(sum(a.size for a in v))
    return np.stack(v, axis=int(op.option("Axis")))


def _concatenation(op: TfOperator, v: list[Array]) -> Array:
    _bounded(sum(a.size for a in v))
    return np.concatenate(v, axis=int(op.option("Axis")))


def _elementwise(function: Callable[[Array, Array], Array]) -> Rule:
    def rule(op: TfOperator, v: list[Array]) -> Array:
        _bounded(_product(np.broadcast_shapes(v[0].shape, v[1].shape)))
        return function(v[0], v[1])

    return rule


def _nonzero(divisor: Array) -> Array:
    if not divisor.all():
        raise ValueError("a division by 0")
    return divisor


# What moves data folds for constants of any type, what computes only for integers without a scale.
MOVES: dict[str, Rule] = {
    "PACK": _pack,
    "CONCATENATION": _concatenation,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "GATHER": _gather,
    "RESHAPE": _reshape,
    "SQUEEZE": lambda op, v: v[0].squeeze(tuple(op.option("SqueezeDims", ())) or None),
    "EXPAND_DIMS": lambda op, v: np.expand_dims(v[0], int(v[1].reshape(-1)[0])),
    "TRANSPOSE": lambda op, v: v[0].transpose(v[1].tolist()),
    "TILE": _tile,
    "FILL": _fill,
    "RANGE": _range,
    "BROADCAST_TO": _broadcast_to,
}
ARITHMETIC: dict[str, Rule] = {
    "ADD": _elementwise(np.add),
    "SUB": _elementwise(np.subtract),
    "MUL": _elementwise(np.multiply),
    "FLOOR_DIV": _elementwise(lambda a, b: a // _nonzero(b)),
    "FLOOR_MOD": _elementwise(lambda a, b: a % _nonzero(b)),
    "DIV": _elementwise(lambda a, b: np.trunc(a / _nonzero(b)).astype(a.dtype)),
    "MINIMUM": _elementwise(np.minimum),
    "MAXIMUM": _elementwise(np.maximum),
    "NEG": lambda op, v: -v[0],
    "CAST": lambda op, v: v[0],
    "REDUCE_PROD": lambda op, v: np.prod(
        v[0], axis=tuple(v[1].reshape(-1).tolist()), keepdims=op.option("KeepDims")
    ),
}


def fold(low: Lowering, op: TfOperator) -> bool:
    """Computes an operator on constants now; False where it has to run on the device."""
    if len(op.outputs) != 1:
        return False
    if op.kind == "SHAPE" and op.inputs:
        low.folded[op.outputs[0]] = np.array(low.model.tensors[op.inputs[0]].shape, np.int32)
        return True
    values = [low.constant_of(index) for index in op.inputs if index >= 0]
    rule = MOVES.get(op.kind) or (ARITHMETIC.get(op.kind) if _plain(low, op) else None)
    known = [value for value in values if value is not None]
    if rule is None or not known or len(known) != len(values):
        return False
    target = low.model.tensors[op.outputs[0]]
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(rule(op, known), target.dtype if target.dtype != "int4" else "int8")
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise low.error(op, f"cannot be computed from its constants: {error}", "sound shape arithmetic") from None
    low.spend(op, result)
    if op.outputs[0] in low.folded or op.outputs[0] in low.values:
        raise low.error(op, f"writes {target.name!r} a second time", "operators in execution order")
    low.folded[op.outputs[0]] = result
    return True


def _plain(low: Lowering, op: TfOperator) -> bool:
    """Whether all is integers that are not quantized."""
    tensors = [low.model.tensors[index] for index in (*op.inputs, *op.outputs) if index >= 0]
    return all(t.dtype in ("int32", "int64", "bool") for t in tensors)
