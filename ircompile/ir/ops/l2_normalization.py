"""Pixels scaled to a length of one (TFLite Micro `reference/integer_ops/l2normalization.h`)."""

from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import mbqm, rdbpot, srdhm
from ircompile.ir.ops.op import RowByRow
from ircompile.ir.ops.ranges import Range, full_range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8

MOST_CHANNELS = 2**15
"""Of these the sum of squares, each at most 255^2, fits int32."""
OUTPUT_BITS = 7
ONE = 1 << 28
"""1 in Q3.28."""
HALF_ROOT_OF_TWO = 1518500250
"""sqrt(2) / 2 in Q0.31."""


@dataclass(frozen=True)
class L2Normalization(RowByRow):
    """out = x / sqrt(sum of x^2 over the channels), of each pixel, in steps of 1/128; all 0 where x is."""

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input of at most 32,768 channels; an output of scale 1/128 and zero point 0."""
        if inputs[0].channels > MOST_CHANNELS:
            raise CompileError(inputs[0].name, f"{inputs[0].channels:,} channels", f"up to {MOST_CHANNELS:,}")
        return inputs[0].shape

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        codes = inputs[0].take(start, stop).astype(np.int64) - site.inputs[0].zero_point
        multiplier, shift = inverse_root((codes**2).sum(axis=-1, keepdims=True))
        return np.clip(mbqm(codes, multiplier, shift + OUTPUT_BITS), *INT8.range).astype(INT8.dtype)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return full_range(site.output)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return None

    def check(self, site: Site) -> None:
        """Raises CompileError unless the output has the quantization that the integers are made for."""
        scale, zero_point = site.output.scale, site.output.zero_point
        if (scale, zero_point) != (2.0**-OUTPUT_BITS, 0):
            raise CompileError("", f"output scale {scale}, zero point {zero_point}", "1/128, 0")


def inverse_root(total: Array) -> tuple[Array, Array]:
    """Q31 multiplier and left shift of 1 / sqrt(total), int64 (TFLite GetInvSqrtQuantizedMultiplierExp).

    `total` int64, any shape, from 0 to 2^31 - 1; 0 counts as 1. Five of Newton's steps from 1, in Q3.28, for a
    number in [1/4, 1) that is `total` times a power of four.
    """
    number, right = np.maximum(total, 2), np.full(total.shape, 11)
    while np.any(large := number >= 1 << 29):
        number, right = np.where(large, number >> 2, number), right + large
    while np.any(small := number < 1 << 27):
        number, right = np.where(small, number << 2, number), right - small
    half, root = rdbpot(number >> 1, np.int64(1)), np.full(total.shape, ONE)
    for _ in range(5):  # no product leaves Q3.28: the root stays below 2, its cube below 8
        cube = srdhm(srdhm(root, root), root) << 6
        root = (srdhm(np.int64(3 * ONE // 2), root) - srdhm(half, cube)) << 3
    multiplier = srdhm(root, np.int64(HALF_ROOT_OF_TWO)) << np.maximum(-right, 0)
    tiny = total <= 1
    return np.where(tiny, 2**31 - 1, multiplier), np.where(tiny, 0, np.minimum(-right, 0))
