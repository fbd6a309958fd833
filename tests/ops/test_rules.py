"""Shape rules say what is wrong, and a few meanings are worth a second, plainer writing."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import random_inputs, site_of, whole

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.numerics import Requant
from ircompile.ir.ops import Op, Window
from ircompile.ir.tensor import Array, Shape, Site, Tensor

REQUANT = Requant("double", "s", 0)
CONSTS: dict[str, Array] = {
    "w": np.ones((4, 3, 3, 2), np.int8), "d": np.ones((3, 3, 5), np.int8), "b": np.zeros(4, np.int32),
    "s": np.full(4, 0.01), "t": np.zeros(255, np.int8), "c": np.zeros((1, 2, 3), np.int8),
}  # fmt: skip

WRONG: list[tuple[Op, list[Shape], str]] = [
    (ops.Conv(Window((3, 3)), "w", "b", REQUANT), [(5, 5, 3)], "do not fit"),
    (ops.Conv(Window((2, 2)), "w", "b", REQUANT), [(5, 5, 2)], "do not fit"),
    (ops.Depthwise(Window((3, 3)), "d", "b", REQUANT), [(5, 5, 2)], "multiple"),
    (ops.TransposeConv((4, 4), (0, 1), (0, 0), "w", "b", REQUANT), [(2, 2, 2)], "strides of 1"),
    (ops.MaxPool(Window((2, 2), (1, 1), (2, 0, 0, 0))), [(5, 5, 3)], "padding smaller"),
    (ops.AveragePool(Window((2, 2), (1, 1), (0, 0, 0, 2))), [(5, 5, 3)], "padding smaller"),
    (ops.Mean("hw"), [(4096, 2048, 1)], "fewer than"),
    (ops.Binary("add", "double"), [(5, 5, 3), (4, 1, 1)], "sizes equal or 1"),
    (ops.Binary("add", "double"), [(5, 5, 3)], "two"),
    (ops.Prelu("c", 0.1, 0), [(5, 5, 3)], "sizes equal or 1"),
    (ops.Table("t"), [(5, 5, 3)], "256 entries"),
    (ops.Pad((0, -1, 0), (0, 0, 0), 0), [(5, 5, 3)], "0 and more"),
    (ops.Reshape((5, 5, 4)), [(5, 5, 3)], "equal element counts"),
    (ops.Transpose((0, 1, 1)), [(5, 5, 3)], "permutation"),
    (ops.Concat(2), [(5, 5, 3), (5, 4, 3)], "equal on the other axes"),
    (ops.Slice((0, 0, 2), (5, 5, 2)), [(5, 5, 3)], "inside"),
    (ops.Slice((0, 0, 0), (3, 5, 3), (0, 1, 1)), [(5, 5, 3)], "inside"),
    (ops.Gather(2, (0, 3)), [(5, 5, 3)], "inside"),
    (ops.Gather(0, (0, 1)), [(5, 5, 3)], "axes 1 and 2"),
    (ops.L2Normalization(), [(1, 1, 2**15 + 1)], "up to 32,768"),
    (ops.DepthToSpace(2), [(5, 5, 6)], "whole blocks"),
    (ops.SpaceToDepth(2), [(4, 5, 6)], "whole blocks"),
    (ops.Resize("bilinear", (9, 9), True, True), [(5, 5, 3)], "one of them"),
    (ops.Resize("nearest", (2**15, 9)), [(5, 5, 3)], "below 32768"),
    (ops.Resize("nearest", (0, 9)), [(5, 5, 3)], "inside"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "shapes", "supported"), WRONG, ids=lambda v: type(v).__name__)
def test_refused(op: Op, shapes: list[Shape], supported: str) -> None:
    inputs = tuple(Tensor(f"x{n}", shape) for n, shape in enumerate(shapes))
    with pytest.raises(CompileError) as caught:
        op.infer(inputs, CONSTS)
    assert supported in str(caught.value)
    assert caught.value.where


def test_convolution_in_loops() -> None:
    """Padding reads as the zero point; acc = bias + sum (x - zero) * w; depthwise likewise, a channel each."""
    rng = np.random.default_rng(0)
    window = Window((3, 2), (2, 1), (1, 1, 0, 2), (1, 2))
    consts = {
        "w": rng.integers(-9, 9, (4, 3, 2, 2)).astype(np.int8), "b": np.array([5, -5, 0, 9], np.int32),
        "s": np.full(4, 1.0), "d": rng.integers(-9, 9, (3, 2, 4)).astype(np.int8),
    }  # fmt: skip
    for op in (
        ops.Conv(window, "w", "b", Requant("double", "s", 0)),
        ops.Depthwise(window, "d", "b", Requant("double", "s", 0)),
    ):
        site = site_of(op, [(5, 4, 2)], consts)
        (x,) = random_inputs(site, 0)
        x = (x // 16).astype(np.int8)
        found = whole(op, site, [x])
        for y, column, channel in np.ndindex(*site.output.shape):
            acc = int(consts["b"][channel])
            for ky, kx in np.ndindex(3, 2):
                row, place = y * 2 - 1 + ky, column + kx * 2
                if 0 <= row < 5 and 0 <= place < 4:
                    pixel = x[row, place].astype(int) - 3
                    if isinstance(op, ops.Conv):
                        acc += int(pixel @ consts["w"][channel, ky, kx].astype(int))
                    else:
                        acc += int(pixel[channel // 2] * int(consts["d"][ky, kx, channel]))
            assert found[y, column, channel] == np.clip(acc, -128, 127)


def test_average_of_codes_truncates_and_leaves_padding_out() -> None:
    op = ops.AveragePool(Window((2, 2), (2, 2), (0, 1, 0, 1)))
    site = site_of(op, [(3, 3, 1)], {})
    x = np.array([[1, 2, -3], [3, 4, -4], [-5, -6, 7]], np.int8).reshape(3, 3, 1)
    # 10 / 4 = 2.5 -> 3; -7 / 2 = -3.5 -> -4; -11 / 2 = -5.5 -> -6, away from zero; 7 / 1
    assert whole(op, site, [x]).reshape(-1).tolist() == [3, -4, -6, 7]
    up = ops.AveragePool(op.window, "half_up")
    assert whole(up, site, [x]).reshape(-1).tolist() == [3, -3, -5, 7]


def test_first_of_equal_codes() -> None:
    x = np.array([[3, 9, 9, -1, -1]], np.int8).reshape(1, 1, 5)
    for least, place in ((False, 1), (True, 3)):
        op = ops.ArgMax(least)
        site = site_of(op, [(1, 1, 5)], {}, out="int32")
        assert whole(op, site, [x]).tolist() == [[[place]]]


def test_blocks_are_inverse() -> None:
    there, back = ops.SpaceToDepth(2), ops.DepthToSpace(2)
    first = site_of(there, [(6, 4, 3)], {})
    second = site_of(back, [first.output.shape], {})
    (x,) = random_inputs(first, 0)
    np.testing.assert_array_equal(whole(back, second, [whole(there, first, [x])]), x)


def test_a_mean_beyond_int32_is_the_end_of_the_codes() -> None:
    source = Tensor("x", (1, 6, 1), "int8", 6e30, -116)
    output = Tensor("y", (1, 1, 1), "int8", 0.04, -128)
    site = Site((source,), output, {})
    codes = ops.Mean("w", "float32_even").finish(site, np.array([[-768], [6 * 127]]))
    assert codes.ravel().tolist() == [-128, 127]
