"""Dot products of 16-bit codes with filters that stay in registers, of one channel or two of all pixels of a row.

A turn is four pixels. A last vector overlaps the one before it, and its filter is zero where that has been.
"""

from collections.abc import Iterator

import numpy as np

VECTOR = 8  # codes
REGISTERS = 8
PIXELS = 4
LAST_OF_TWO = "ab"  # a pixel's sums, by whether it is even


def vectors_of(depth: int) -> int:
    """How many vectors a filter takes."""
    return -(-depth // VECTOR)


def together(depth: int, apart: bool, clamps: int, channels: int) -> int:
    """How many filters have registers beside their sums, a pixel, clamps and a scatter's places; 0: none has."""
    if depth < VECTOR:
        return 0
    left = REGISTERS - 1 - clamps - (not apart)
    return min(2, channels, left // (vectors_of(depth) + 1))


def row_instructions(depth: int, apart: bool, clamps: int, channels: int, pixels: int) -> int:
    """Instructions of a row, estimated."""
    filters = together(depth, apart, clamps, channels)
    turn = len(turn_of(depth, filters, apart, clamps))
    return -(-channels // filters) * (16 + 4 * filters + -(-pixels // PIXELS) * turn)


def turn_of(depth: int, filters: int, apart: bool, clamps: int) -> tuple[str, ...]:
    """The instructions of a turn; `pixel`, `place_0` and `place_1` move on. Scattered places do by `step`."""
    lines: list[str] = []
    for pixel in range(PIXELS):
        lines += _pixel(depth, filters, pixel)
    for i in range(filters):
        lines += _codes(i, apart, clamps)
    return (*lines, "le lr, 1b")


def _pixel(depth: int, filters: int, pixel: int) -> Iterator[str]:
    """A pixel's sums; those of two pixels go to their lanes together."""
    starts = [*range(0, depth - VECTOR, VECTOR), depth - VECTOR]  # of its vectors
    for part, step in enumerate(np.diff([*starts, depth])):
        yield f"vldrh.16 %q[v], [%[pixel]], #{2 * step}"
        for i in range(filters):
            yield f"vmladav{'a' * (part > 0)}.s16 %[{LAST_OF_TWO[pixel % 2]}_{i}], %q[v], %q[w{i}_{part}]"
    if pixel % 2:
        for i in range(filters):
            yield f"vmov %{'ef'[pixel // 2]}[sum_{i}], %[a_{i}], %[b_{i}]"


def _codes(i: int, apart: bool, clamps: int) -> Iterator[str]:
    """Four sums of a channel become codes, which go beside each other or to their pixels."""
    vector = f"%q[sum_{i}]"
    yield f"vadd.i32 {vector}, {vector}, %[start_{i}]"
    yield f"vqrdmulh.s32 {vector}, {vector}, %[multiplier_{i}]"
    yield f"vqmovnb.s32 {vector}, {vector}"
    yield from [f"vmax.s16 {vector}, {vector}, %q[low]"] * (clamps > 0)
    yield from [f"vmin.s16 {vector}, {vector}, %q[high]"] * (clamps > 1)
    if apart:
        yield f"vstrh.32 {vector}, [%[place_{i}]], #{2 * PIXELS}"
        return
    yield f"vstrh.32 {vector}, [%[place_{i}], %q[places], uxtw #1]"
    yield f"add %[place_{i}], %[place_{i}], %[step]"
