"""The assembly of dot products with filters of up to 16 codes in registers: two channels of a row, codes and all.

A turn is four pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

from ircompile.kernels.requantize.form import Lanes

VECTOR = 16
PIXELS = 4


def can_loop(depth: int, lanes: Lanes) -> bool:
    """Whether there are registers for all that a turn needs."""
    line = lanes.kind == "line" and lanes.shift is not None and not lanes.kink
    return line and depth <= VECTOR and (lanes.low, lanes.high) == (-128, 127)


def row_instructions(channels: int, pixels: int, depth: int) -> int:
    """Instructions of a row: two channels at a time, whose words and filters come first."""
    turn = 26 if depth == VECTOR else 27
    return -(-channels // 2) * (30 + -(-pixels // PIXELS) * turn)


def loop_of(depth: int, apart: bool, lanes: Lanes) -> tuple[str, ...]:
    """The instructions; `lr` counts turns, `pixel`, `place` and, with `apart`, `second` move on.

    Without `apart` codes are scattered: two channels of a pixel, of the next; `step` is how far four pixels are.
    """
    lines = [f"mov %[a_0], #{depth}", "vctp.8 %[a_0]"] if depth < VECTOR else []
    lines.append("1:")
    for pixel in range(PIXELS):
        lines += _pixel(depth, pixel)
    for i in (0, 1):
        lines += [f"vshl.i32 %q[sum_{i}], %q[sum_{i}], #{lanes.extra}"] * (lanes.extra > 0)
        lines.append(f"vadd.i32 %q[sum_{i}], %q[sum_{i}], %[bias_{i}]")
        rounded = "r" * lanes.rounded
        lines.append(f"vq{rounded}dmlash.s32 %q[sum_{i}], %q[multiplier_{i}], %[offset_{i}]")
    return (*lines, *_stores(apart, lanes), "le lr, 1b")


def _pixel(depth: int, pixel: int) -> Iterator[str]:
    """A pixel's sums; near the end of a turn only its own codes must be loaded, elsewhere others do no harm."""
    own = (PIXELS - pixel) * depth < VECTOR
    yield from ["vpst"] * own
    yield f"vldrb{'t' * own}.8 %q[v], [%[pixel]], #{depth}"
    for channel in (0, 1):
        yield f"vmladav.s8 %[{'ab'[pixel % 2]}_{channel}], %q[v], %q[w{channel}]"
    if pixel % 2:
        for channel in (0, 1):
            yield f"vmov %{'ef'[pixel // 2]}[sum_{channel}], %[a_{channel}], %[b_{channel}]"


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
    for i, place in enumerate(("place", "second")):
        yield narrowed("b", i, i)
        yield f"vqmovnb.s16 %q[sum_{i}], %q[sum_{i}]"
        yield f"vstrb.32 %q[sum_{i}], [%[{place}]], #4"
