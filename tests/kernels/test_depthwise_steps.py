"""The steps of written-out depthwise rows, followed through registers: every tap once."""

from __future__ import annotations

from itertools import product

from ircompile.kernels.dsp.depthwise_fours import Block, Fours, fours_of
from ircompile.kernels.dsp.depthwise_rows import Step, allocated, row_steps
from ircompile.kernels.dsp.depthwise_short import Term, Word, words_of


def test_row_steps_use_every_tap_once() -> None:
    """Each step, followed through the values and then through the registers, multiplies the taps of its output."""
    for taps, stride, outputs in product(range(1, 12), (1, 2, 3, 4), range(1, 7)):
        for steps in (
            row_steps(taps, stride, outputs),
            *(allocated(taps, stride, outputs, n) for n in (False, True)),
        ):
            follow(steps, taps, stride, outputs)


def follow(steps: tuple[Step, ...], taps: int, stride: int, outputs: int) -> None:
    held: dict[str, tuple[int, int]] = {}
    found: dict[int, list[tuple[int, int]]] = {output: [] for output in range(outputs)}
    for step in steps:
        data = [held[value] for value in step.data]
        if step.kind == "mac":
            (bottom, top), (low, high) = data
            found[step.at] += {
                "smlad": [(bottom, low), (top, high)],
                "smladx": [(top, low), (bottom, high)],
                "smlabb": [(bottom, low)],
                "smlatb": [(top, low)],
            }[step.how]
        elif step.kind == "weights":
            held |= {name: (4 * step.at + i, 4 * step.at + i + 2) for i, name in enumerate(step.names)}
        elif step.kind in ("odd", "even"):
            first = data[0][0] + (step.kind == "odd")
            held[step.name] = (first, first + 2)
        elif step.kind == "mix":
            held[step.name] = (data[0][0], data[1][1])
        else:
            held[step.name] = (step.at, -1)
    for output, pairs in found.items():
        assert not steps or sorted(pairs) == [(output * stride + tap, tap) for tap in range(taps)]


def test_words_of_short_rows_use_every_tap_once() -> None:
    """Codes by their places, padding as None; no word reaches out of its row."""
    for stride, left, right in product((1, 2), (0, 1), (0, 1)):
        for width in range(4, 16):
            outputs = (width + left + right - 3) // stride + 1
            found: dict[int, list[tuple[int | None, int]]] = {output: [] for output in range(outputs)}
            for number, word in enumerate(words_of(width, outputs, stride, left)):
                assert 0 <= word.at <= width - 4
                assert word.halves
                for term in word.terms:
                    assert term.data == "pad" or term.data in word.halves or int(term.data[1]) < number
                    found[term.output] += taps_of(term, words_of(width, outputs, stride, left))
            for output, terms in found.items():
                first = output * stride - left
                places = [place if 0 <= place < width else None for place in range(first, first + 3)]
                assert sorted(terms, key=lambda term: term[1]) == list(zip(places, range(3), strict=True))


def taps_of(term: Term, words: tuple[Word, ...]) -> list[tuple[int | None, int]]:
    """Which codes a term multiplies, and with which taps."""
    taps = {"m": [1], "s": [0, 2] if term.half == "ad" else [0 if term.weight == "b" else 2]}[term.weights]
    if term.data == "pad":
        return [(None, tap) for tap in taps]
    first = words[int(term.data[1])].at + (term.data[0] == "o")
    codes = [first, first + 2] if term.half == "ad" else [first + 2 * (term.half == "t")]
    return list(zip(codes, taps, strict=True))


def test_blocks_of_long_rows_use_every_tap_once() -> None:
    """Blocks and loops followed through registers and pointers, over a row and the next channel's."""
    cases = product(range(8, 50), (1, 2), (0, 1), (0, 1), (False, True))
    followed = 0
    for width_in, stride, left, edge, several in cases:
        width = (width_in + left + edge - 3) // stride + 1
        edge = (width - 1) * stride - left + 3 > width_in
        fours = fours_of(width_in, width, stride, left, bool(edge), several) if width > 8 // stride else None
        if fours is not None:
            followed += 1
            follow_row(fours, width_in, width, stride, left, -4 - (fours.ahead if left else 0))
    assert followed > 200


def follow_row(fours: Fours, width_in: int, width: int, stride: int, left: int, place: int) -> None:
    """`place`: where the pointer to each row is before."""
    rest = width - (4 if left else 0)
    last = fours.two if fours.two and rest % 4 == 2 else fours.last
    loops = (rest + fours.back - len(last.sums)) // 4
    assert loops == 0 or fours.loops
    blocks = [fours.left] * bool(fours.left) + [fours.middle] * loops + [last]
    firsts = [*range(0, width - len(last.sums) + fours.back, 4), width - len(last.sums)]
    places = [place] * 3
    for block, first in zip(blocks, firsts, strict=True):
        assert block is not None
        found = follow_block(block, places)
        for output, terms in enumerate(found):
            begin = (first + output) * stride - left
            inside = [tap for tap in range(3) if 0 <= begin + tap < width_in]
            assert len(inside) > 1
            assert sorted(terms) == [(row, begin + tap, tap) for row in range(3) for tap in inside]
    moved = {end + (0 if left else fours.ahead) - start for start, end in zip([place] * 3, places, strict=True)}
    assert moved == {width_in}


def follow_block(block: Block, places: list[int]) -> list[list[tuple[int, int, int]]]:
    """For each output (row, code, tap); `places` moves on. A sum takes what is in the register it begins with."""
    sums: dict[str, list[tuple[int, int, int]]] = {}
    held: dict[str, tuple[int, ...]] = {}
    for row, steps in enumerate(block.rows):
        for step in steps:
            if step.kind == "mac":
                low, high = held[step.data]
                taps = {"ad": [(low, 0), (high, 2)]}.get(step.half) or [
                    (low if step.half == "b" else high, {"b": 0, "m": 1, "t": 2}[step.weight])
                ]
                sums[step.to] = [*sums.get(step.begin, []), *((row, code, tap) for code, tap in taps)]
                held.pop(step.to, None)
            elif step.kind == "ldr":
                places[row] += step.move
                held[step.to] = tuple(range(places[row], places[row] + 4))
                assert step.to not in sums
            elif step.kind == "code":
                held[step.to] = (places[row] + step.move, -9)
            else:
                held[step.to] = held[step.data][step.kind == "odd" :: 2]
    return [sums[register] for register in block.sums]
