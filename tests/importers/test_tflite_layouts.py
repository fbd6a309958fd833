"""Operators that read a tensor in the framework's order, behind those that leave it stored in another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_compare import assert_equal_to
from tflite_files import Op, T, const, one_op, write

from ircompile.errors import CompileError
from ircompile.importers import load


def codes(*shape: int) -> T:
    return T(shape, "int8", 0.07, 11)


@pytest.mark.parametrize("order", [(0, 3, 1, 2), (0, 2, 1, 3), (0, 3, 2, 1), (3, 0, 1, 2)])
@pytest.mark.parametrize("kind", ["RESHAPE", "SQUEEZE", "EXPAND_DIMS"])
def test_views_behind_a_transpose(kind: str, order: tuple[int, ...], tmp_path: Path) -> None:
    """A YOLO or SSD head in channels-first order: its codes are counted in the transposed order."""
    moved = [(1, 4, 5, 3)[axis] for axis in order]
    if kind == "SQUEEZE":
        shape, options = [size for size in moved if size != 1], {"SqueezeDims": (moved.index(1),)}
    elif kind == "EXPAND_DIMS":
        shape, options = [*moved[:2], 1, *moved[2:]], {}
    else:
        shape, options = [1, 12, 5], {"NewShape": (1, 12, 5)}
    tensors = [codes(1, 4, 5, 3), const(order), codes(*moved), const(2 if kind == "EXPAND_DIMS" else shape)]
    tensors.append(codes(*shape))
    operands = [2] if kind == "SQUEEZE" else [2, 3]
    ops = [Op("TRANSPOSE", [0, 1], [2]), Op(kind, operands, [4], options)]
    assert_equal_to("tflm", write(tmp_path / "chain.tflite", tensors, ops, [0], [4]), tensors[:1])


@pytest.mark.parametrize("axis", [1, 2])
def test_a_view_behind_a_mean(axis: int, tmp_path: Path) -> None:
    """A mean of a transposed map stays in the map's own order."""
    shape = [1, 3, 4, 5]
    kept = [size for place, size in enumerate(shape) if place != axis]
    tensors = [codes(1, 4, 5, 3), const((0, 3, 1, 2)), codes(*shape), const([axis]), codes(*kept)]
    tensors += [const((1, kept[2], kept[1])), codes(1, kept[2], kept[1])]
    ops = [Op("TRANSPOSE", [0, 1], [2]), Op("MEAN", [2, 3], [4], {"KeepDims": False}), Op("RESHAPE", [4, 5], [6])]
    assert_equal_to("tflm", write(tmp_path / "chain.tflite", tensors, ops, [0], [6]), tensors[:1])


@pytest.mark.parametrize("shape", [(1, 5, 3), (4, 5), (1, 4, 5, 3), (7,)])
def test_stacks_along_every_axis(shape: tuple[int, ...], tmp_path: Path) -> None:
    for axis in range(-1, len(shape) + 1):
        stacked = np.stack([np.zeros(shape)] * 3, axis).shape
        parts = [codes(*shape) for _ in range(3)]
        options = {"Axis": axis, "ValuesCount": 3}
        path = one_op(tmp_path / "pack.tflite", "PACK", parts, [codes(*stacked)], **options)
        assert_equal_to("tflm", path, parts)


OPERANDS = [
    ((2, 2, 4), (2, 4)), ((5, 5, 3), (1, 5, 3)), ((5, 5, 3), (5, 1, 3)), ((5, 5, 3), (5, 3)),
    ((1, 5, 5, 3), (5, 3)),
    ((1, 5, 5, 3), (5, 1, 1)), ((2, 3, 4, 5), (3, 1, 1)), ((2, 3, 4, 5), (2, 1, 1, 5)),
    ((4, 4), (4, 1)), ((7,), ()),
]  # fmt: skip


@pytest.mark.parametrize(("large", "small"), OPERANDS)
@pytest.mark.parametrize("constant", [False, True])
def test_broadcasts_of_unequal_ranks(
    large: tuple[int, ...], small: tuple[int, ...], constant: bool, tmp_path: Path
) -> None:
    """Sizes are compared from the last axis on, wherever height and width of either operand stand."""
    rng = np.random.default_rng(1)
    other = const(rng.integers(-128, 128, small), "int8", 0.04, 7) if constant else T(small, "int8", 0.04, 7)
    for first in (True, False):
        if (len(large) == 4 and large[0] > 1) or (not constant and small == ()):
            continue  # the frameworks' inputs have no batch, nor are they scalars
        pair = [codes(*large), other] if first else [other, codes(*large)]
        path = one_op(tmp_path / "add.tflite", "ADD", pair, [codes(*large)])
        assert_equal_to("tflm", path, [t for t in pair if t.data is None])


def test_broadcasts_inside_a_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for small in [(3, 1, 1), (2, 1, 1, 5), (4, 5), (1, 3, 4, 1)]:
        tensors = [codes(1, 6, 4, 5), const((2, 3, 4, 5)), codes(2, 3, 4, 5)]
        tensors += [const(rng.integers(-128, 128, small), "int8", 0.04, 7), codes(2, 3, 4, 5)]
        ops = [Op("RESHAPE", [0, 1], [2]), Op("MUL", [2, 3], [4])]
        assert_equal_to("tflm", write(tmp_path / "mul.tflite", tensors, ops, [0], [4]), tensors[:1])


def test_a_convolution_of_a_batch_is_refused(tmp_path: Path) -> None:
    weights = const(np.ones((1, 3, 1, 2)), "int8", 0.1)
    tensors = [codes(1, 4, 2, 3), const((1, 3, 0, 2)), codes(4, 3, 1, 2), weights, codes(4, 3, 1, 1)]
    ops = [Op("TRANSPOSE", [0, 1], [2]), Op("CONV_2D", [2, 3], [4], {"StrideW": 1, "StrideH": 1})]
    with pytest.raises(CompileError, match=r"input of shape \[4, 3, 1, 2\]"):
        load(write(tmp_path / "conv.tflite", tensors, ops, [0], [4]))


def test_softmax_is_over_the_last_axis(tmp_path: Path) -> None:
    for shape in [(2, 3, 4, 5), (2, 3, 4, 1), (3, 2, 10)]:
        out = T(shape, "int8", 1 / 256, -128)
        tensors = [codes(1, 60, 2), const(shape), codes(*shape), out]
        if np.prod(shape) != 120:
            tensors[0] = codes(1, int(np.prod(shape)))
        ops = [Op("RESHAPE", [0, 1], [2]), Op("SOFTMAX", [2], [3], {"Beta": 1.0})]
        assert_equal_to("tflm", write(tmp_path / "softmax.tflite", tensors, ops, [0], [3]), tensors[:1])


@pytest.mark.parametrize("kind", ["DEQUANTIZE", "QUANTIZE"])
def test_an_end_of_another_shape_is_refused(kind: str, tmp_path: Path) -> None:
    source, target = codes(1, 4, 3), T((1, 3, 4), "float32" if kind == "DEQUANTIZE" else "int8", 0.07, 11)
    with pytest.raises(CompileError, match="shape"):
        load(one_op(tmp_path / "end.tflite", kind, [source], [target]))


def test_padding_that_takes_two_steps(tmp_path: Path) -> None:
    amounts = [[0, 0], [2, 0], [1, 0], [2, 2], [0, 0]]
    tensors = [codes(1, 4, 3, 2, 2), const(amounts), codes(1, 6, 4, 6, 2), const([-2]), codes(1, 6, 4, 1, 2)]
    ops = [Op("PAD", [0, 1], [2]), Op("MEAN", [2, 3], [4], {"KeepDims": True})]
    assert_equal_to("litert-ref", write(tmp_path / "pad.tflite", tensors, ops, [0], [4]), tensors[:1])
