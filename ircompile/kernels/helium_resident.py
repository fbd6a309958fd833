"""The assembly of dot products with filters of up to 32 codes in registers: two channels of a row, codes and all.

A turn is four pixels. Beyond a depth of 16 a second vector has the last 16 codes, and filters are zero where the
first has been; multipliers and offsets then have no registers of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ircompile.kernels.requantize.form import Lanes

VECTOR = 16
DEEPEST = 32
PIXELS = 4


def can_loop(depth: int, lanes: Lanes) -> bool:
    """Whether there are registers for all that a turn needs."""
    line = lanes.kind == "line" and lanes.shift is not None and not lanes.kink
    return line and depth <= DEEPEST and (lanes.low, lanes.high) == (-128, 127)


def row_instructions(channels: int, pixels: int, depth: int) -> int:
    """Instructions of a row: two channels at a time, whose words and filters come first."""
    turn = 42 if depth > VECTOR else 26 + (depth < VECTOR)
    return -(-channels // 2) * (30 + -(-pixels // PIXELS) * turn)


def loop_of(depth: int, apart: bool, lanes: Lanes) -> tuple[str, ...]:
    """The instructions; `lr` counts turns, `pixel`, `place` and, with `apart`, `beside` move on.

    Without `apart` codes are scattered: two channels of a pixel, of the next; `step` is how far four pixels are.
    """
    lines = [f"mov %[a_0], #{depth}", "vctp.8 %[a_0]"] if depth < VECTOR else []
    lines.append("1:")
    for pixel in range(PIXELS):
        lines += _pixel(depth, pixel)
    for i in (0, 1):
        lines += _line(i, depth, lanes)
    return (*lines, *_stores(apart, lanes), "le lr, 1b")


def _pixel(depth: int, pixel: int) -> Iterator[str]:
    """A pixel's sums; near the end of a turn only its own codes must be loaded, elsewhere others do no harm."""
    own = (PIXELS - pixel) * depth < VECTOR
    for part, step in enumerate([depth - VECTOR, VECTOR] if depth > VECTOR else [depth]):
        yield from ["vpst"] * own
        yield f"vldrb{'t' * own}.8 %q[v], [%[pixel]], #{step}"
        for channel in (0, 1):
            yield f"vmladav{'a' * part}.s8 %[{'ab'[pixel % 2]}_{channel}], %q[v], %q[w{channel}_{part}]"
    if pixel % 2:
        for channel in (0, 1):
            yield f"vmov %{'ef'[pixel // 2]}[sum_{channel}], %[a_{channel}], %[b_{channel}]"


def _line(i: int, depth: int, lanes: Lanes) -> Iterator[str]:
    """The sums of a channel times its multiplier, and the offset."""
    high = f"vq{'r' * lanes.rounded}dml"
    if lanes.extra:
        yield f"vshl.i32 %q[sum_{i}], %q[sum_{i}], #{lanes.extra}"
    yield f"vadd.i32 %q[sum_{i}], %q[sum_{i}], %[bias_{i}]"
    if depth <= VECTOR:
        yield f"{high}ash.s32 %q[sum_{i}], %q[multiplier_{i}], %[offset_{i}]"
        return
    yield f"ldrd %[a_{i}], %[b_{i}], [%[words], #{4 + 4 * lanes.words * i}]"
    yield f"vq{'r' * lanes.rounded}dmulh.s32 %q[sum_{i}], %q[sum_{i}], %[a_{i}]"
    yield f"vadd.i32 %q[sum_{i}], %q[sum_{i}], %[b_{i}]"


def _stores(apart: bool, lanes: Lanes) -> Iterator[str]:
    """Codes of four pixels of a channel beside each other, or of both channels of a pixel."""

    def narrowed(end: str, to: int, some: int) -> str:
        if lanes.shift:
            return f"vqrshrn{end}.s32 %q[sum_{to}], %q[sum_{some}], #{lanes.shift}"
        return f"vqmovn{end}.s32 %q[sum_{to}], %q[sum_{some}]"

    if not apart:
        yield narrowed("b", 0, 0)
        yield narrowed("t", 0, 1)
        yield "vqmovnb.s16 %q[sum_0], %q[sum_0]"
        yield "vstrb.16 %q[sum_0], [%[place], %q[places]]"
        yield "add %[place], %[place], %[step]"
        return
    for i, place in enumerate(("place", "beside")):
        yield narrowed("b", i, i)
        yield f"vqmovnb.s16 %q[sum_{i}], %q[sum_{i}]"
        yield f"vstrb.32 %q[sum_{i}], [%[{place}]], #4"
