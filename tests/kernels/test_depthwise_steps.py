"""The steps of written-out depthwise rows, followed through registers: every tap once."""

from __future__ import annotations

from itertools import product

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
