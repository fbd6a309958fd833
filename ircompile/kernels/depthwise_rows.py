"""One row of taps for several neighbouring outputs, as steps of a core with packed 16-bit multiplies.

A word holds codes 4k to 4k + 3 of a strip. Sign extended to halves it is e{k} = (4k, 4k + 2) and o{k} = (4k + 1,
4k + 3); weights lie the same way: u{g} = (w[4g], w[4g + 2]), v{g} = (w[4g + 1], w[4g + 3]). A window that starts at
an even place of a word multiplies e by u and o by v; one that starts two codes later needs pairs across words:
p{k} = (bottom of e{k + 1}, top of e{k}) and q{k} of the o's, in the order that a crossed multiply takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

Halves = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """kind "word": load the word at code `at` as w{at // 4}; "code": load one code as the half `name`;
    "even", "odd": `name` of word w{at // 4}; "mix": `name` from halves at // 4 and its successor;
    "mac": add `data` times `name`, with instruction `how`, to output `at`."""

    kind: str
    at: int
    name: str = ""
    how: str = ""
    data: str = ""


@dataclass(frozen=True)
class Term:
    """Taps that one multiply takes: the first tap, whether tap + 2 goes with it, and the weights' register."""

    tap: int
    double: bool
    weights: str


def terms(taps: int) -> tuple[Term, ...]:
    """The multiplies of one window row."""
    found: list[Term] = []
    for group in range(0, taps, 4):
        left, u, v = taps - group, f"u{group // 4}", f"v{group // 4}"
        found.append(Term(group, left > 2, u))
        if left > 1:
            found.append(Term(group + 1, left > 3, v))
    return tuple(found)


@cache
def row_steps(taps: int, stride: int, outputs: int) -> tuple[Step, ...]:
    """All steps of one row, each register as late as possible."""
    work = [(output * stride + term.tap, term, output) for output in range(outputs) for term in terms(taps)]
    needed = {place + 2 * extra for place, term, _ in work for extra in range(1 + term.double)}
    steps: list[Step] = []
    for k in range(max(needed) // 4 + 1):
        here = sorted(place - 4 * k for place in needed if place // 4 == k)
        if not here:
            continue
        if here in ([0], [1], [0, 1]):
            steps += [Step("code", 4 * k + place, f"{'eo'[place]}{k}") for place in here]
        else:
            steps.append(Step("word", 4 * k))
            steps += [Step("odd", 4 * k, f"o{k}")] * (1 in here or 3 in here)
            steps += [Step("even", 4 * k, f"e{k}")] * (0 in here or 2 in here)
        for half in (0, 1):
            across = [item for item in work if item[1].double and item[0] == 4 * k - 2 + half]
            if across:
                steps.append(Step("mix", 4 * k - 4, f"{'pq'[half]}{k - 1}"))
            steps += [Step("mac", o, t.weights, "smladx", f"{'pq'[half]}{k - 1}") for _, t, o in across]
        for place, term, output in work:
            if place // 4 == k and not (term.double and place % 4 > 1):
                how = "smlad" if term.double else "smlabb" if place % 4 < 2 else "smlatb"
                steps.append(Step("mac", output, term.weights, how, f"{'eo'[place % 2]}{k}"))
    return tuple(steps)


def weight_loads(taps: int, wide: bool) -> int:
    """Instructions that bring one row of weights into registers."""
    if wide:
        return len(terms(taps))
    return 3 * (taps // 4) + (0, 1, 2, 3)[taps % 4]


def block_cost(kernel: tuple[int, int], stride: int, outputs: int, wide: bool) -> int:
    """Instructions of one block of outputs."""
    rows, taps = kernel
    return rows * (len(row_steps(taps, stride, outputs)) + weight_loads(taps, wide) + 2) + 5 * outputs + 8


def best_outputs(kernel: tuple[int, int], stride: int, width: int, wide: bool) -> int:
    """Outputs a block, so that a row of `width` takes the fewest instructions."""
    return min(range(1, min(width, 4) + 1), key=lambda n: -(-width // n) * block_cost(kernel, stride, n, wide))
