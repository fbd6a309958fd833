"""Random chains of operators that move, join, cut and reduce, as TFLite networks: one a seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from tflite_drawing import ELEMENTS, SCALE, Chain, factors, fits, input_shape, signed, some_axis, with_size


def transpose(c: Chain, x: int) -> None:
    shape = c.shape(x)
    order = [int(axis) for axis in c.rng.permutation(len(shape))]
    c.add("TRANSPOSE", [x, c.constant(order)], [c.moved(x, tuple(shape[axis] for axis in order))])


def reshape(c: Chain, x: int) -> None:
    wanted = factors(c, math.prod(c.shape(x)), 1 + c.below(5))
    if c.chance(2) and len(wanted) > 3:
        wanted = (1, *wanted[1:-1], wanted[-1] * wanted[0])
    if c.chance(3):
        c.add("RESHAPE", [x], [c.moved(x, wanted)], NewShape=wanted)
    else:
        c.add("RESHAPE", [x, c.constant(wanted)], [c.moved(x, wanted)], NewShape=wanted)


def squeeze(c: Chain, x: int) -> None:
    shape = c.shape(x)
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    dropped = [axis for axis in ones if not c.chance(3)] if not c.chance(3) else ones
    left = tuple(size for axis, size in enumerate(shape) if axis not in dropped)
    if left and ones:
        listed = () if dropped == ones and c.chance(2) else tuple(dropped)
        if listed or dropped == ones:
            c.add("SQUEEZE", [x], [c.moved(x, left)], SqueezeDims=listed)


def expand_dims(c: Chain, x: int) -> None:
    shape = c.shape(x)
    axis = c.below(len(shape) + 1)
    if len(shape) < 5:
        listed = axis - len(shape) - 1 if c.chance(3) else axis
        c.add("EXPAND_DIMS", [x, c.constant(listed)], [c.moved(x, (*shape[:axis], 1, *shape[axis:]))])


def slice_(c: Chain, x: int) -> None:
    begin, size, given = [], [], []
    for length in c.shape(x):
        whole = c.chance(2)
        begin.append(0 if whole else c.below(length))
        size.append(length if whole else 1 + c.below(length - begin[-1]))
        given.append(-1 if begin[-1] + size[-1] == length and c.chance(2) else size[-1])
    c.add("SLICE", [x, c.constant(begin), c.constant(given)], [c.moved(x, tuple(size))])


def strided_slice(c: Chain, x: int) -> None:
    shape = c.shape(x)
    begin, end, step, left, masks = [], [], [], [], [0, 0, 0]
    for axis, length in enumerate(shape):
        first = 0 if c.chance(2) else c.below(length)
        last = length if c.chance(2) else first + 1 + c.below(length - first)
        stride = int(c.rng.choice([1, 1, 1, 2, 3]))
        if c.chance(4) and len(shape) > 1 and len(left) < axis + 1 - (axis == len(shape) - 1 and not left):
            masks[2] |= 1 << axis
            last = first + 1
            stride = 1
        else:
            left.append(len(range(first, last, stride)))
            masks[0] |= (first == 0 and c.chance(3)) << axis
            masks[1] |= (last == length and c.chance(3)) << axis
        begin.append(first - length if c.chance(4) else first)
        end.append(last - length if last < length and c.chance(4) and not masks[2] >> axis & 1 else last)
        step.append(stride)
    if left:
        c.add(
            "STRIDED_SLICE", [x, *(c.constant(values) for values in (begin, end, step))], [c.moved(x, tuple(left))],
            BeginMask=masks[0], EndMask=masks[1], ShrinkAxisMask=masks[2],
        )  # fmt: skip


def split(c: Chain, x: int) -> None:
    shape = c.shape(x)
    axis = some_axis(c, shape)
    length = shape[axis]
    listed = c.constant(signed(c, axis, len(shape)))
    counts = [n for n in range(1, min(length, 4) + 1) if length % n == 0]
    if c.chance(2):
        count = counts[c.below(len(counts))]
        parts = [c.moved(x, with_size(shape, axis, length // count)) for _ in range(count)]
        c.add("SPLIT", [listed, x], parts, NumSplits=count)
        return
    cuts = sorted({c.below(length - 1) + 1 for _ in range(c.below(3))} if length > 1 else set())
    sizes = [b - a for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    parts = [c.moved(x, with_size(shape, axis, size)) for size in sizes]
    if c.chance(3):
        sizes[c.below(len(sizes))] = -1
    c.add("SPLIT_V", [x, c.constant(sizes), listed], parts, NumSplits=len(sizes))


def unpack(c: Chain, x: int) -> None:
    shape = c.shape(x)
    axis = some_axis(c, shape)
    if len(shape) > 1 and shape[axis] <= 5:
        left = (*shape[:axis], *shape[axis + 1 :])
        parts = [c.moved(x, left) for _ in range(shape[axis])]
        c.add("UNPACK", [x], parts, Axis=signed(c, axis, len(shape)), Num=shape[axis])


def _alike(c: Chain, x: int, axis: int | None) -> list[int]:
    """Values of the shape of `x`, but for one axis."""

    def rest(index: int) -> list[int]:
        return [size for place, size in enumerate(c.shape(index)) if place != axis]

    same = [
        v for v in c.values
        if len(c.shape(v)) == len(c.shape(x)) and rest(v) == rest(x) and c.quantization(v) == c.quantization(x)
    ]  # fmt: skip
    return [x if c.chance(2) else same[c.below(len(same))] for _ in range(1 + c.below(3))]


def concatenation(c: Chain, x: int) -> None:
    shape = c.shape(x)
    axis = c.below(len(shape))
    parts = [x, *_alike(c, x, axis)]
    output = with_size(shape, axis, sum(c.shape(part)[axis] for part in parts))
    c.add("CONCATENATION", parts, [c.moved(x, output)], Axis=signed(c, axis, len(shape)))


def pack(c: Chain, x: int) -> None:
    shape = c.shape(x)
    axis, parts = c.below(len(shape) + 1), [x, *_alike(c, x, None)]
    if len(shape) < 5:
        output = (*shape[:axis], len(parts), *shape[axis:])
        c.add("PACK", parts, [c.moved(x, output)], Axis=signed(c, axis, len(shape) + 1), ValuesCount=len(parts))


def pad(c: Chain, x: int) -> None:
    shape = c.shape(x)
    amounts = [[c.below(3), c.below(3)] if c.chance(2) else [0, 0] for _ in shape]
    output = tuple(size + sum(amount) for size, amount in zip(shape, amounts, strict=True))
    operands = [x, c.constant(amounts)]
    if c.chance(3):
        info = np.iinfo(c.dtype)
        value = int(c.rng.integers(info.min, info.max + 1))
        c.add(
            "PADV2",
            [*operands, c.constant([value], c.dtype, c.tensors[x].scale, c.tensors[x].zero)],
            [c.moved(x, output)],
        )
    else:
        c.add("PAD", operands, [c.moved(x, output)])


def reduce(c: Chain, x: int) -> None:
    shape = c.shape(x)
    axes = sorted({c.below(len(shape)) for _ in range(1 + c.below(2))})
    keep = c.chance(2) or len(axes) == len(shape)
    output = tuple(1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes)
    kind = ["MEAN", "MEAN", "REDUCE_MAX", "REDUCE_MIN"][c.below(4)]
    y = c.codes(output, 0.05, 3) if kind == "MEAN" and c.chance(2) else c.moved(x, output)
    c.add(kind, [x, c.constant([signed(c, axis, len(shape)) for axis in axes])], [y], KeepDims=keep)


def binary(c: Chain, x: int) -> None:
    """ADD or MUL with a value that broadcasts, or a constant."""
    shape = c.shape(x)
    kind = ["ADD", "MUL"][c.below(2)]
    fitting = [v for v in c.values if fits(c.shape(v), shape)]
    if c.chance(2):
        other = fitting[c.below(len(fitting))]
    else:
        trimmed = shape[c.below(len(shape) + 1) if c.chance(2) else 0 :]
        sizes = tuple(1 if c.chance(3) else size for size in trimmed)
        info = np.iinfo(c.dtype)
        other = c.constant(c.rng.integers(info.min, info.max + 1, sizes), c.dtype, 0.04, c.zero)
    pair = [other, x] if c.chance(2) else [x, other]
    c.add(kind, pair, [c.codes(shape, 0.11, c.zero)])


def conv(c: Chain, x: int) -> None:
    shape = c.shape(x)
    if len(shape) != 4:
        return
    count, kernel = 1 + c.below(4), (1, 1) if c.chance(2) else (1 + c.below(3), 1 + c.below(3))
    weights = c.rng.integers(-127, 128, (count, *kernel, shape[3]))
    half = 128 if c.dtype == "uint8" else 0
    filters = c.constant(weights + half, c.dtype, 0.02, half)
    bias = c.constant(c.rng.integers(-500, 500, count), "int32", 0.0014)
    y = c.codes((*shape[:3], count), 0.2, c.zero)
    c.add("CONV_2D", [x, filters, bias], [y], StrideW=1, StrideH=1, DilationWFactor=1, DilationHFactor=1)


RULES: tuple[Callable[[Chain, int], None], ...] = (
    transpose, transpose, reshape, reshape, squeeze, expand_dims, slice_, strided_slice, split, unpack,
    concatenation, pack, pad, reduce, reduce, binary, conv,
)  # fmt: skip


def draw(seed: int) -> Chain:
    """The network of a seed: up to 5 operators on one or two inputs."""
    rng = np.random.default_rng(seed)
    dtype = "uint8" if rng.integers(6) == 0 else "int8"
    chain = Chain(rng, dtype, 131 if dtype == "uint8" else -5)
    for _ in range(1 + chain.chance(4)):
        chain.inputs.append(chain.codes(input_shape(rng), SCALE, chain.zero))
    chain.values += chain.inputs
    wanted = 1 + chain.below(5)
    for _ in range(40):
        if len(chain.ops) == wanted:
            break
        newest = chain.values[-1 - chain.below(min(3, len(chain.values)))]
        source = newest if not chain.chance(5) else chain.values[chain.below(len(chain.values))]
        if math.prod(chain.shape(source)) <= ELEMENTS:
            RULES[chain.below(len(RULES))](chain, source)
    return chain
