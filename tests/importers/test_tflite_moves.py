"""Operators that move, join, cut, resize and reduce, one operator a file, against the frameworks."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from tflite_compare import assert_equal_to
from tflite_files import Op, T, const, one_op, write

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.ops import Gather
from ircompile.passes import normalize

SHAPES = [(1, 1, 1, 1), (1, 4, 5, 3), (1, 7, 1, 2), (1, 1, 6, 5)]


def shaped(shape: Any, dtype: str = "int8", zero: int = 11) -> T:
    return T(tuple(int(n) for n in shape), dtype, 0.07, zero)


def with_axis(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


@pytest.mark.thorough
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("align", "half"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", [(1, 1), (7, 13), (8, 10), (14, 3), (2, 2)])
def test_resize(shape: Any, align: bool, half: bool, size: tuple[int, int], tmp_path: Path) -> None:
    for dtype, profile in (("int8", "tflm"), ("uint8", "litert-ref")):
        x, y = shaped(shape, dtype), shaped((1, *size, shape[3]), dtype)
        for kind in ("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"):
            options = {"AlignCorners": align, "HalfPixelCenters": half}
            assert_equal_to(profile, one_op(tmp_path / "op.tflite", kind, [x, const(size)], [y], **options), [x])


@pytest.mark.parametrize("size", [(4, 5), (9, 11)])
def test_nearest_with_both_modes(size: tuple[int, int], tmp_path: Path) -> None:
    """With align_corners and half_pixel_centers even an equal size shifts the map."""
    x, y = shaped((1, 4, 5, 3)), shaped((1, *size, 3))
    options = {"AlignCorners": True, "HalfPixelCenters": True}
    path = one_op(tmp_path / "op.tflite", "RESIZE_NEAREST_NEIGHBOR", [x, const(size)], [y], **options)
    assert_equal_to("tflm", path, [x])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_concatenation(shape: Any, axis: int, tmp_path: Path) -> None:
    parts = [shaped(with_axis(shape, axis % 4, shape[axis] + extra)) for extra in (0, 2, 1)]
    y = shaped(with_axis(shape, axis % 4, 3 * shape[axis] + 3))
    assert_equal_to("tflm", one_op(tmp_path / "op.tflite", "CONCATENATION", parts, [y], Axis=axis), parts)


def test_concatenation_of_rank_3_and_2(tmp_path: Path) -> None:
    for shapes, axis in [(((1, 6, 4), (1, 3, 4)), 1), (((1, 6, 4), (1, 6, 2)), 2), (((1, 6), (1, 3)), 1),
                         (((2, 6), (3, 6)), 0)]:  # fmt: skip
        parts = [shaped(shape) for shape in shapes]
        y = shaped(with_axis(shapes[0], axis, sum(shape[axis] for shape in shapes)))
        assert_equal_to("tflm", one_op(tmp_path / "op.tflite", "CONCATENATION", parts, [y], Axis=axis), parts)


def test_concatenation_at_other_scales(tmp_path: Path) -> None:
    parts = [
        T((1, 4, 5, 2), "uint8", 0.07, 11),
        T((1, 4, 5, 3), "uint8", 0.013, 200),
        T((1, 4, 5, 1), "uint8", 0.05, 0),
    ]
    y = T((1, 4, 5, 6), "uint8", 0.05, 0)
    assert_equal_to("litert-ref", one_op(tmp_path / "op.tflite", "CONCATENATION", parts, [y], Axis=3), parts)


def test_concatenation_of_int8_at_other_scales_says_so(tmp_path: Path) -> None:
    parts = [T((1, 4, 5, 2), "int8", 0.07, 11), T((1, 4, 5, 3), "int8", 0.05, 0)]
    path = one_op(tmp_path / "op.tflite", "CONCATENATION", parts, [T((1, 4, 5, 5), "int8", 0.05, 0)], Axis=3)
    (notice,) = load(path).notices
    assert "joins int8 tensors of other scales" in notice


@pytest.mark.parametrize("axis", [1, 2, 3, -2])
def test_parts(axis: int, tmp_path: Path) -> None:
    shape, place = (1, 4, 6, 3), axis % 4
    x, double = shaped(shape), shaped(with_axis(shape, place, 2 * shape[place]))
    three = [shaped(with_axis(shape, place, n)) for n in (1, shape[place], 2)]
    whole = shaped(with_axis(shape, place, shape[place] + 3))
    one = shaped((*shape[:place], *shape[place + 1 :]))
    path = tmp_path / "op.tflite"
    assert_equal_to("tflm", one_op(path, "SPLIT", [const(axis), double], [x, x], NumSplits=2), [double])
    sizes = const([1, shape[place], 2])
    assert_equal_to("tflm", one_op(path, "SPLIT_V", [whole, sizes, const(axis)], three, NumSplits=3), [whole])
    pair = shaped(with_axis(shape, place, 2))
    assert_equal_to("tflm", one_op(path, "UNPACK", [pair], [one, one], Num=2, Axis=axis), [pair])
    packed = shaped((*shape[:place], 2, *shape[place:]))
    assert_equal_to("tflm", one_op(path, "PACK", [x, x], [packed], Axis=place, ValuesCount=2), [x, x])


def test_slices(tmp_path: Path) -> None:
    shape, path = (1, 7, 8, 5), tmp_path / "op.tflite"
    x = shaped(shape)
    begin, end, stride = [0, 2, 1, 3], [1, 7, 8, 5], [1, 2, 3, 1]
    sizes = [len(range(*t)) for t in zip(begin, end, stride, strict=True)]
    bounds = [const(begin), const(end), const(stride)]
    assert_equal_to("tflm", one_op(path, "STRIDED_SLICE", [x, *bounds], [shaped(sizes)], BeginMask=0), [x])
    whole = [1, 4, 3, 5]
    masks = {"BeginMask": 15, "EndMask": 15}
    assert_equal_to("tflm", one_op(path, "STRIDED_SLICE", [x, *bounds], [shaped(whole)], **masks), [x])
    last = [const([0, -1, 0, 0]), const([1, 0, 8, 5]), const([1, 1, 1, 1])]
    shrunk = {"ShrinkAxisMask": 2}
    assert_equal_to("tflm", one_op(path, "STRIDED_SLICE", [x, *last], [shaped((1, 8, 5))], **shrunk), [x])
    operands = [x, const([0, 2, 0, 3]), const([1, -1, 4, 2])]
    assert_equal_to("tflm", one_op(path, "SLICE", operands, [shaped((1, 5, 4, 2))]), [x])


@pytest.mark.parametrize("order", [p for p in permutations(range(4)) if p[0] == 0 or p == (1, 2, 3, 0)])
def test_transpose(order: tuple[int, ...], tmp_path: Path) -> None:
    for shape in SHAPES:
        x = shaped(shape)
        y = shaped(shape[axis] for axis in order)
        assert_equal_to("tflm", one_op(tmp_path / "op.tflite", "TRANSPOSE", [x, const(order)], [y]), [x])


@pytest.mark.parametrize("order", [(0, 1, 2, 4, 3), (0, 1, 3, 2, 4), (0, 3, 4, 1, 2), (0, 1, 4, 2, 3)])
def test_transpose_of_rank_5(order: tuple[int, ...], tmp_path: Path) -> None:
    shape = (1, 4, 3, 5, 2)
    x, y = shaped(shape), shaped(shape[axis] for axis in order)
    assert_equal_to("tflm", one_op(tmp_path / "op.tflite", "TRANSPOSE", [x, const(order)], [y]), [x])


@pytest.mark.parametrize("block", [1, 2, 3])
def test_blocks(block: int, tmp_path: Path) -> None:
    deep, wide = shaped((1, 2, 3, 4 * block**2)), shaped((1, 2 * block, 3 * block, 4))
    path = tmp_path / "op.tflite"
    assert_equal_to("tflm", one_op(path, "DEPTH_TO_SPACE", [deep], [wide], BlockSize=block), [deep])
    assert_equal_to("tflm", one_op(path, "SPACE_TO_DEPTH", [wide], [deep], BlockSize=block), [wide])


@pytest.mark.parametrize("amounts", [[[0, 0], [0, 1], [0, 1], [0, 0]], [[0, 0], [2, 1], [0, 3], [1, 2]]])
@pytest.mark.parametrize("value", [None, -128, 127])
def test_pad(amounts: list[list[int]], value: int | None, tmp_path: Path) -> None:
    x = shaped((1, 4, 5, 3))
    y = shaped(n + sum(a) for n, a in zip(x.shape, amounts, strict=True))
    operands = [x, const(amounts)] + ([const([value], "int8", x.scale, x.zero)] if value is not None else [])
    kind = "PAD" if value is None else "PADV2"
    assert_equal_to("tflm", one_op(tmp_path / "op.tflite", kind, operands, [y]), [x])


def test_copies(tmp_path: Path) -> None:
    one, x, many = shaped((1, 1, 1, 3)), shaped((1, 2, 3, 3)), shaped((1, 4, 3, 9))
    path = tmp_path / "op.tflite"
    assert_equal_to("tflm", one_op(path, "BROADCAST_TO", [one, const([1, 2, 3, 3])], [x]), [one])
    assert_equal_to("litert-ref", one_op(path, "TILE", [x, const([1, 2, 1, 3])], [many]), [x])


AXES = [[1, 2], [2, 1], [1], [2], [3], [-1], [0, 1, 2], [1, 2, 3], [2, 3]]


@pytest.mark.thorough
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", ["MEAN", "REDUCE_MAX", "REDUCE_MIN"])
def test_reduction(kind: str, axes: list[int], keep: bool, tmp_path: Path) -> None:
    profile = "litert-ref" if kind == "REDUCE_MIN" else "tflm"
    for shape in [(1, 9, 6, 5), *SHAPES]:
        gone = [axis % 4 for axis in axes]
        left = [1 if a in gone else n for a, n in enumerate(shape) if keep or a not in gone]
        if not left:
            continue
        x = shaped(shape)
        for y in [shaped(left)] + ([T(tuple(left), "int8", 0.031, -90)] if kind == "MEAN" else []):
            path = one_op(tmp_path / "op.tflite", kind, [x, const(axes)], [y], KeepDims=keep)
            assert_equal_to(profile, path, [x])


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
def test_place_of_extreme(kind: str, axis: int, tmp_path: Path) -> None:
    for shape in [(1, 4, 6, 5), *SHAPES]:
        y = T(tuple(n for a, n in enumerate(shape) if a != axis % 4), "int32")
        x = shaped(shape)
        path = one_op(tmp_path / "op.tflite", kind, [x, const(axis)], [y], OutputType=2)
        assert_equal_to("tflm", path, [x])


def test_other_shapes_of_the_same_bytes(tmp_path: Path) -> None:
    x, flat, longer = shaped((1, 1, 5, 3)), shaped((1, 5, 3)), shaped((1, 1, 5, 1, 3))
    path = tmp_path / "op.tflite"
    assert_equal_to("tflm", one_op(path, "SQUEEZE", [x], [flat], SqueezeDims=(1,)), [x])
    assert_equal_to("tflm", one_op(path, "EXPAND_DIMS", [x, const(3)], [longer]), [x])


@pytest.mark.parametrize("shape", [(1, 4, 5, 6), (1, 6, 7), (1, 6), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("places", [[1, 0], [0, 1], [1, 1, 0, 1], [1]])
def test_gather(shape: tuple[int, ...], places: list[int], tmp_path: Path) -> None:
    """Any axis, any order; one place alone drops the axis where it is a scalar."""
    for axis in range(1, len(shape)):
        if shape[axis] < 2:
            continue
        x, y = shaped(shape), shaped(with_axis(shape, axis, len(places)))
        path = one_op(tmp_path / "op.tflite", "GATHER", [x, const(places)], [y], Axis=axis)
        assert_equal_to("tflm", path, [x])
        if len(places) == 1:
            y = shaped((*shape[:axis], *shape[axis + 1 :]))
            path = one_op(tmp_path / "op.tflite", "GATHER", [x, const(places[0])], [y], Axis=axis)
            assert_equal_to("tflm", path, [x])


def test_gather_of_what_is_not_there(tmp_path: Path) -> None:
    x, y = shaped((1, 4, 5, 6)), shaped((1, 4, 5, 2))
    for places, options in (([0, 6], {"Axis": 3}), ([-1, 0], {"Axis": 3}), ([0, 1], {"Axis": 3, "BatchDims": 1})):
        path = one_op(tmp_path / "op.tflite", "GATHER", [x, const(places)], [y], **options)
        with pytest.raises(CompileError, match=r"gathers|batch dimensions"):
            load(path)


def test_shuffled_channels_are_one_gather_each(tmp_path: Path) -> None:
    """Two groups of channels in turns, as PyTorch writes it: reshape, transpose, and half of the channels each."""
    half, shape, groups = (1, 5, 4, 3), (1, 5, 4, 6), (1, 3, 2, 5, 4)
    tensors = [
        shaped(half), shaped(half), shaped(shape), const([0, 3, 1, 2]), shaped((1, 6, 5, 4)), const(groups),
        shaped(groups), const([2, 0, 1, 3, 4]), shaped((2, 1, 3, 5, 4)), const(0), const(1), const([0, 2, 3, 1]),
        *(shaped((1, 3, 5, 4)) for _ in range(2)), *(shaped(half) for _ in range(2)), shaped((1, 4, 3, 3)),
    ]  # fmt: skip
    ops = [
        Op("CONCATENATION", [0, 1], [2], {"Axis": 3}), Op("TRANSPOSE", [2, 3], [4]), Op("RESHAPE", [4, 5], [6]),
        Op("TRANSPOSE", [6, 7], [8]), Op("GATHER", [8, 9], [12]), Op("GATHER", [8, 10], [13]),
        Op("TRANSPOSE", [12, 11], [14]), Op("TRANSPOSE", [13, 11], [15]),
        Op("MAX_POOL_2D", [14], [16], dict(zip(("FilterHeight", "FilterWidth", "StrideH", "StrideW", "Padding"),
                                               (2, 2, 1, 1, 1), strict=True))),
    ]  # fmt: skip
    path = write(tmp_path / "net.tflite", tensors, ops, [0, 1], [16, 13])
    graph = normalize(assert_equal_to("tflm", path, tensors[:2]))
    assert [node.op for node in graph.nodes if isinstance(node.op, Gather)] == [Gather(2, (0, 2, 4))]
