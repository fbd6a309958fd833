"""The assembly of dot products of one pixel, whose codes are in registers, with the filters of all channels.

Each vector of a filter is loaded once and multiplied once: more loads than a tile of pixels by channels has, with
little around them. The last vector of a filter has its last 16 codes; the pixel's is zero where they come again.
"""

from collections.abc import Iterator

from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.qtype import INT8

REGISTERS = 8
MOST_VECTORS = 6  # one is for weights and one for sums
MOST_OF_EIGHT = 4  # with which there are vectors for the sums of eight channels, and for signs
EIGHT = (0, 2, 4, 6, 1, 3, 5, 7)  # channels in the order of their words: two vectors whose codes alternate
FOUR = (0, 1, 2, 3)


def vectors_of(depth: int) -> int:
    """How many vectors a pixel is."""
    return -(-depth // VECTOR)


def group_of(depth: int) -> tuple[int, ...]:
    """The channels whose codes are stored together, in the order of their words."""
    return EIGHT if vectors_of(depth) <= MOST_OF_EIGHT else FOUR


def can_hold(depth: int, channels: int, lanes: Lanes) -> bool:
    """Whether there are registers for a pixel, and as many channels as come together."""
    line = lanes.kind == "line" and (lanes.low, lanes.high) == INT8.range
    fits = VECTOR <= depth <= VECTOR * (MOST_VECTORS - lanes.kink)
    return line and fits and channels >= len(group_of(depth))


def pixel_instructions(channels: int, depth: int, lanes: Lanes) -> int:
    """Instructions of a pixel."""
    size = len(group_of(depth))
    each = len(group_lines(depth, lanes))
    return 16 + vectors_of(depth) + -(-channels // size) * each + (12 if channels % size else 0)


def group_lines(depth: int, lanes: Lanes) -> list[str]:
    """The instructions of all groups of channels; lr counts them, `w`, `words` and `place` move on."""
    group = group_of(depth)
    lines = ["1:"]
    for first in range(0, len(group), 4):
        lines += _four(first, depth, len(group) == len(EIGHT), spare(depth, lanes))
    vectors = range(len(group) // 4)
    lines += _lines(len(group) // 4, lanes, spare(depth, lanes) and not lanes.kink)
    for i in vectors:
        end = "bt"[i]
        by = f", #{lanes.shift}" if lanes.shift else ""
        lines.append(f"{'vqrshrn' if lanes.shift else 'vqmovn'}{end}.s32 %q[sum_0], %q[sum_{i}]{by}")
    lines.append("vqmovnb.s16 %q[sum_0], %q[sum_0]")
    lines.append(f"vstrb.{16 if len(vectors) == 2 else 32} %q[sum_0], [%[place]], #{len(group)}")
    return [*lines, "le lr, 1b"]


def spare(depth: int, lanes: Lanes) -> bool:
    """Whether a second vector of weights has a register, so that the next one is loaded ahead."""
    return vectors_of(depth) + len(group_of(depth)) // 4 + lanes.kink + 2 <= REGISTERS


def _four(first: int, depth: int, alternate: bool, ahead: bool) -> Iterator[str]:
    """The sums of four channels, into one vector or by turns into the lower or upper halves of two."""
    count = vectors_of(depth)
    steps = [VECTOR] * (count - 2) + [depth - VECTOR * (count - 1)] * (count > 1) + [VECTOR]
    weights = ("w_", "next") if ahead else ("w_", "w_")
    loads = [f"vldrb.8 %q[{weights[i % 2]}], [%[w]], #{step}" for i, step in enumerate(4 * steps)]
    for i, load in enumerate(loads):
        if not ahead or i == 0:
            yield load
        if ahead and i + 1 < len(loads):
            yield loads[i + 1]
        c, v = divmod(i, count)
        yield f"vmladav{'a' * (v > 0)}.s8 %[acc_{c}], %q[{weights[i % 2]}], %q[v_{v}]"
    if alternate:
        half = "ef"[first // 4]
        yield f"vmov %{half}[sum_0], %[acc_0], %[acc_2]"
        yield f"vmov %{half}[sum_1], %[acc_1], %[acc_3]"
    else:
        yield "vmov %e[sum_0], %[acc_0], %[acc_1]"
        yield "vmov %f[sum_0], %[acc_2], %[acc_3]"


def _lines(vectors: int, lanes: Lanes, ahead: bool) -> Iterator[str]:
    """Sums, their bias, multipliers and offsets, and what else the line has, by turns if `ahead`."""
    lines = [list(_line(i, vectors, lanes, ("w_", "next")[i if ahead else 0])) for i in range(vectors)]
    if not ahead:
        lines = [[line for some in lines for line in some]]
    for together in zip(*lines, strict=True):
        yield from together


def _line(i: int, vectors: int, lanes: Lanes, register: str) -> Iterator[str]:
    """The steps of one vector of sums; the first load of the first moves `words` on."""
    vector, size = f"%q[sum_{i}]", VECTOR * lanes.words
    for field in range(lanes.words):
        first = i == field == 0
        place = (
            f"[%[words]], #{vectors * size}" if first else f"[%[words], #{(i - vectors) * size + VECTOR * field}]"
        )
        yield f"vldrw.u32 %q[{register}], {place}"
        if field == 0:
            yield f"vadd.i32 {vector}, {vector}, %q[{register}]"
            yield from [f"vshl.i32 {vector}, {vector}, #{lanes.extra}"] * (lanes.extra > 0)
            yield from [f"vshr.s32 %q[sign], {vector}, #31"] * lanes.kink
        elif field == 1:
            yield f"vq{'r' * lanes.rounded}dmulh.s32 {vector}, {vector}, %q[{register}]"
        elif field == 2:
            yield f"vadd.i32 {vector}, {vector}, %q[{register}]"
            yield from [f"vadd.i32 {vector}, {vector}, %q[sign]"] * lanes.kink
        else:
            yield f"vshl.s32 {vector}, {vector}, %q[{register}]"
