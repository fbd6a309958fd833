"""The assembly of dot products with filters of up to 32 codes in registers: two channels of a row, codes and all.

A turn is four pixels. Beyond a depth of 16 a second vector has the last 16 codes, and filters are zero where the
first has been; multipliers and offsets then have no registers of their own.
"""

from collections.abc import Iterator

from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.qtype import INT8

DEEPEST = 32
PIXELS = 4


def can_loop(depth: int, lanes: Lanes) -> bool:
    """Whether there are registers for all that a turn needs."""
    return lanes.kind == "line" and depth <= DEEPEST and (lanes.low, lanes.high) == INT8.range


def own_words(depth: int, lanes: Lanes) -> int:
    """How many words of a channel have registers: all where a filter has one, else its bias if words are few."""
    if lanes.shift is None or lanes.kink:
        return 0
    return lanes.words if depth <= VECTOR else 1


def row_instructions(channels: int, pixels: int, depth: int, lanes: Lanes) -> int:
    """Instructions of a row: two channels at a time, whose words and filters come first."""
    lines = loop_of(depth, False, lanes)
    before = lines.index("1:")
    turn = len(lines) - before - 1
    return -(-channels // 2) * (14 + before + -(-pixels // PIXELS) * turn)


def loop_of(depth: int, apart: bool, lanes: Lanes) -> tuple[str, ...]:
    """The instructions: filters and words, and a loop; `lr` counts turns, `pixel`, `place` and `beside` move on.

    `filter` is where the sum `b_1` will be, `words` where `a_1` will be unless they are read in each turn.

    Without `apart` codes are scattered: two channels of a pixel, of the next; `step` is how far four pixels are.
    """
    lines = [*_filters(depth), *_words(depth, lanes), "1:"]
    for pixel in range(PIXELS):
        lines += _pixel(depth, pixel)
    for i in (0, 1):
        lines += _line(i, depth, lanes)
    return (*lines, *_stores(apart, lanes), "le lr, 1b")


def _filters(depth: int) -> Iterator[str]:
    """Both filters, with zeros behind them, or where the last codes have been already."""
    if depth <= VECTOR:
        some = depth < VECTOR
        yield from [f"mov %[a_0], #{depth}", "vctp.8 %[a_0]", "vpstt"] * some
        yield f"vldrb{'t' * some}.8 %q[w0_0], [%[filter]]"
        yield f"vldrb{'t' * some}.8 %q[w1_0], [%[filter], #{depth}]"
        return
    some = depth < DEEPEST
    yield "vldrb.8 %q[w0_0], [%[filter]]"
    yield f"vldrb.8 %q[w1_0], [%[filter], #{depth}]"
    yield from [f"mov %[a_0], #{DEEPEST - depth}", "vctp.8 %[a_0]", "vpnot", "vpstt"] * some
    yield f"vldrb{'t' * some}.8 %q[w0_1], [%[filter], #{depth - VECTOR}]"
    yield f"vldrb{'t' * some}.8 %q[w1_1], [%[filter], #{2 * depth - VECTOR}]"


def _words(depth: int, lanes: Lanes) -> Iterator[str]:
    """The words that have registers."""
    own = own_words(depth, lanes)
    if own == 1:
        yield "ldr %[bias_0], [%[words]]"
        yield f"ldr %[bias_1], [%[words], #{4 * lanes.words}]"
    elif own:
        yield "ldrd %[bias_0], %[a_0], [%[words]]"
        yield "vdup.32 %q[multiplier_0], %[a_0]"
        yield "ldrd %[offset_0], %[bias_1], [%[words], #8]"
        yield "ldrd %[a_0], %[offset_1], [%[words], #16]"
        yield "vdup.32 %q[multiplier_1], %[a_0]"


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
    """The sums of a channel times its multiplier, and the offset; a kink's signs are where codes of pixels were."""
    vector, high = f"%q[sum_{i}]", f"vq{'r' * lanes.rounded}d"
    at, own = 4 * lanes.words * i, own_words(depth, lanes)
    yield from [] if own else [f"ldrd %[a_{i}], %[b_{i}], [%[words], #{at}]"]
    yield f"vadd.i32 {vector}, {vector}, {f'%[bias_{i}]' if own else f'%[a_{i}]'}"
    yield from [f"vshl.i32 {vector}, {vector}, #{lanes.extra}"] * (lanes.extra > 0)
    if own == lanes.words:
        yield f"{high}mlash.s32 {vector}, %q[multiplier_{i}], %[offset_{i}]"
        return
    yield from [f"vshr.s32 %q[v], {vector}, #31"] * lanes.kink
    multiplier, offset = ("a", "b") if own else ("b", "a")
    yield from [f"ldrd %[a_{i}], %[b_{i}], [%[words], #{at + 4}]"] * own
    yield f"{high}mulh.s32 {vector}, {vector}, %[{multiplier}_{i}]"
    if lanes.shift is None:
        yield f"ldrd %[a_{i}], %[b_{i}], [%[words], #{at + 8}]"
    elif not own:
        yield f"ldr %[a_{i}], [%[words], #{at + 8}]"
    yield f"vadd.i32 {vector}, {vector}, %[{offset}_{i}]"
    yield from [f"vadd.i32 {vector}, {vector}, %q[v]"] * lanes.kink
    yield from [f"vshl.s32 {vector}, %[b_{i}]"] * (lanes.shift is None)


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
