"""Operators that read a tensor in the framework's order, behind those that leave it stored in another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_compare import assert_equal_to
from tflite_files import Op, T, const, one_op, write


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
