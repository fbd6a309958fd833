"""The assembly of a tile of dot products for Helium: pixels by filters, all depth at once, in one or two passes.

A pass has up to six accumulators, which are scalar registers. Its first products are added to nothing, so that no
accumulator is set to zero. A turn takes 16 codes of each pixel and filter; what is left of the depth is one turn
more under a predicate. Two sums at a time go into the vectors, whose lanes are pixels or channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ircompile.kernels.helium.layouts import VECTOR

PREDICATED = 4  # instructions that one VPST is for
UNROLLED = 32  # the depth up to which all codes of a tile are in reach of one pointer
Of = Literal["pixels", "channels"]


@dataclass(frozen=True)
class Pass:
    """What is multiplied: pointers to pixels, a number of filters; (vector, lane, two accumulators) of sums."""

    pixels: tuple[str, ...]
    filters: int
    sums: tuple[tuple[str, int, str, str], ...]


@dataclass(frozen=True)
class Tile:
    """Instructions, and the C variables that they name; `vectors` are those beside the sums."""

    lines: tuple[str, ...]
    pointers: tuple[str, ...]
    accumulators: tuple[str, ...]
    vectors: tuple[str, ...]


def tile_of(of: Of, size: int, depth: int, once: bool) -> Tile:
    """`size` pixels by four channels, or four pixels by `size` channels.

    Pointers to pixels and `w` come at the first code; the last pointer and `w` are left behind the last one of the
    tile. With `once` all turns are written out, for this depth alone, and pointers stay.
    """
    passes = channels_passes(size) if of == "channels" else pixels_passes(size)
    tail, whole, lines = depth % VECTOR > 0, depth >= VECTOR, list[str]()
    if once:
        lines += ["vmsr p0, %[some]"] * tail
        for index, some in enumerate(passes):
            lines += [*unrolled(some, index, depth), *into_vectors(some)]
        return tile(lines, passes[0], ("pixel",))
    for index, some in enumerate(passes):
        again = () if index == 0 else some.pixels if of == "channels" else ("w",)
        if again == ("w",):
            lines += [f"add %[{p}], %[{p}], lr" for p in some.pixels if tail]
            lines += back(again * size, "%[left]" if tail else "%[left], lsl #4")
        elif whole and tail:
            lines += ["bic lr, %[left], #15", *back(again, "lr")]
        elif whole:
            lines += back(again, "%[left], lsl #4")
        lines += [*products(some, tail, whole, again), *into_vectors(some)]
    last = passes[-1].pixels[-1]
    lines += [f"add %[{last}], %[{last}], lr"] * tail
    return tile(lines, passes[0], passes[0].pixels)


def can_unroll(of: Of, depth: int) -> bool:
    """Whether all turns of a tile can be written out: its codes must be in reach of one pointer."""
    return of == "channels" and depth <= UNROLLED


def tile(lines: list[str], some: Pass, pointers: tuple[str, ...]) -> Tile:
    """The instructions, and the variables of passes like this one."""
    inner, outer = operands(some)
    accumulators = tuple(accumulator(o, i) for o in range(len(outer)) for i in range(len(inner)))
    vectors = (*(f"v_{i}" for i in range(len(inner))), "v_outer")
    return Tile(tuple(lines), pointers, accumulators, vectors)


def unrolled(some: Pass, index: int, depth: int) -> Iterator[str]:
    """A pass of one turn or two, from one pointer to the first pixel and one to the first filter.

    A second turn takes each pixel's last 16 codes. Where fewer are new, filters are loaded under the predicate
    `some`, as are filters and pixels of a single turn of fewer codes.
    """
    base, left = index * some.filters * depth, depth - VECTOR
    if left < 0:
        yield from predicated(list(places(some, base, depth, depth, 0, "")))
        return
    yield from (f"{name} {rest}" for name, rest in places(some, base, VECTOR, depth, 0, ""))
    second = places(some, base + some.filters * VECTOR - (VECTOR - left), left, depth, left, "a")
    for under, steps in groupby(second if left else (), lambda step: left < VECTOR and "[%[w]" in step[1]):
        some_steps = list(steps)
        yield from predicated(some_steps) if under else (f"{name} {rest}" for name, rest in some_steps)


def places(some: Pass, base: int, each: int, depth: int, at: int, adds: str) -> Iterator[tuple[str, str]]:
    """A turn whose filters lie `each` bytes apart from `base`, and pixels `depth` from `at`."""
    inner, outer = operands(some)

    def load(vector: str, pointer: str, i: int) -> tuple[str, str]:
        where = f"[%[w], #{base + i * each}]" if pointer == "w" else f"[%[pixel], #{at + i * depth}]"
        return "vldrb.8", f"%q[{vector}], {where}"

    for i, pointer in enumerate(inner):
        yield load(f"v_{i}", pointer, i)
    for o, pointer in enumerate(outer):
        yield load("v_outer", pointer, o)
        for i in range(len(inner)):
            yield f"vmladav{adds}.s8", f"%[{accumulator(o, i)}], %q[v_outer], %q[v_{i}]"


def channels_passes(size: int) -> tuple[Pass, ...]:
    """Channels 0 and 2, then 1 and 3, so that each pass fills two lanes of a vector; of one pixel all at once."""
    pixels = tuple(f"p{i}" for i in range(size))
    if size == 1:
        sums = (("sum_p0", 0, "acc_0_0", "acc_1_0"), ("sum_p0", 1, "acc_2_0", "acc_3_0"))
        return (Pass(pixels, 4, sums),)
    pairs = [(accumulator(i, 0), accumulator(i, 1)) for i in range(size)]
    if size == 2:  # filters pass under the two pixels
        pairs = [(accumulator(0, i), accumulator(1, i)) for i in range(size)]
    return tuple(
        Pass(pixels, 2, tuple((f"sum_p{i}", lane, a, b) for i, (a, b) in enumerate(pairs))) for lane in (0, 1)
    )


def pixels_passes(size: int) -> tuple[Pass, ...]:
    """Pixels 0 and 2, then 1 and 3."""
    pairs = [(accumulator(i, 0), accumulator(i, 1)) for i in range(size)]
    if size == 1:
        pairs = [(accumulator(0, 0), accumulator(1, 0))]
    sums = [tuple((f"sum_{i}", lane, a, b) for i, (a, b) in enumerate(pairs)) for lane in (0, 1)]
    return tuple(Pass(("p0", "p1"), size, some) for some in sums)


def accumulator(outer: int, inner: int) -> str:
    """The C variable of a product."""
    return f"acc_{outer}_{inner}"


def into_vectors(some: Pass) -> list[str]:
    """Two accumulators at a time."""
    return [f"vmov %q[{v}][{lane + 2}], %q[{v}][{lane}], %[{a}], %[{b}]" for v, lane, a, b in some.sums]


def operands(some: Pass) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pointers of what stays in vectors during a turn, and of what passes: the fewer stay."""
    filters = ("w",) * some.filters
    return (some.pixels, filters) if len(some.pixels) <= some.filters else (filters, some.pixels)


def back(pointers: tuple[str, ...], by: str) -> list[str]:
    """Pointers to the first codes again, or behind the first vector of each."""
    return [f"sub %[{p}], %[{p}], {by}" for p in pointers]


def products(some: Pass, tail: bool, whole: bool, again: tuple[str, ...]) -> list[str]:
    """All turns of a pass; the pointers `again` are behind the first turn's codes.

    `left` is what is left of the depth after the first turn, if that is a whole one: in turns, or in codes where
    the depth has a `tail`. At the end lr is how many codes the last turn has then.
    """
    lines: list[str] = []
    if whole:
        lines += [*turn(some, True, again), *["lsr lr, %[left], #4"] * tail]
        lines += [f"wls lr, {'lr' if tail else '%[left]'}, 2f", "1:", *turn(some, False), "le lr, 1b", "2:"]
    if tail:
        lines += ["and lr, %[left], #15", "vctp.8 lr", *last_turn(some, first=not whole)]
    return lines


def turn(some: Pass, first: bool, again: tuple[str, ...] = ()) -> Iterator[str]:
    """A vector of each operand; the pointers `again` are behind these, and stay."""
    inner, outer = operands(some)

    def load(vector: str, pointer: str, i: int) -> str:
        count = some.filters if pointer == "w" else 1
        step = f", #{16 * (i % count - count)}]" if pointer in again else "], #16"
        return f"vldrb.8 %q[{vector}], [%[{pointer}]{step}"

    for i, pointer in enumerate(inner):
        yield load(f"v_{i}", pointer, i)
    for o, pointer in enumerate(outer):
        yield load("v_outer", pointer, o)
        for i in range(len(inner)):
            yield f"vmladav{'' if first else 'a'}.s8 %[{accumulator(o, i)}], %q[v_outer], %q[v_{i}]"


def last_turn(some: Pass, first: bool) -> Iterator[str]:
    """What is left of each operand, in blocks of predicated instructions between the moves of `w`."""
    block: list[tuple[str, str]] = []
    moves = False
    for line in turn(some, first):
        name, rest = line.removesuffix(", #16").split(" ", 1)
        if moves and "[%[w]]" in rest:
            yield from predicated(block)
            yield "add %[w], %[w], lr"
            block = []
        moves = moves or "[%[w]]" in rest
        block.append((name, rest))
    yield from predicated(block)
    yield "add %[w], %[w], lr"


def predicated(block: list[tuple[str, str]]) -> Iterator[str]:
    """Instructions under the predicate; those behind the last load multiply with zeros anyway."""
    for start in range(0, len(block), PREDICATED):
        some = block[start : start + PREDICATED]
        loads = max((i + 1 for i, (name, _) in enumerate(some) if name.startswith("vldr")), default=0)
        if loads:
            yield "vps" + "t" * loads
        for i, (name, rest) in enumerate(some):
            operation, kind = name.split(".")
            yield f"{operation}{'t' if i < loads else ''}.{kind} {rest}"
