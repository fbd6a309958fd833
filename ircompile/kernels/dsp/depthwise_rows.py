"""One row of taps for several neighbouring outputs, as steps of a core with packed 16-bit multiplies.

A word holds codes 4k to 4k + 3 of a strip. Sign extended to halves it is e{k} = (4k, 4k + 2) and o{k} = (4k + 1,
4k + 3); weights lie the same way: u{g} = (w[4g], w[4g + 2]), v{g} = (w[4g + 1], w[4g + 3]). A window that starts at
an even place of a word multiplies e by u and o by v; one that starts two codes later needs pairs across words:
p{k} = (bottom of e{k + 1}, top of e{k}) and q{k} of the o's, in the order that a crossed multiply takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ircompile.kernels.weights import WeightCoding

REGISTERS = 14
MOST_OUTPUTS = 6
LOADS = ("word", "code", "weights")
COUNTED, COMPARED = 4, 7  # what it takes to end a row: with a register of rows that are left, and without


@dataclass(frozen=True)
class Step:
    """One or two instructions on values, which `allocated` turns into registers.

    kind  "weights": load group `at` as u and v, `name` both; "word": load the word at code `at`; "code": load one
          code into a half; "even", "odd": halves of a word; "mix": bottom of data[0] and top of data[1];
          "mac": add data[0] times data[1], by instruction `how`, to output `at`.
    """

    kind: str
    at: int
    name: str = ""
    data: tuple[str, ...] = ()
    how: str = ""

    @property
    def names(self) -> list[str]:
        """The values that it makes."""
        return self.name.split()


@dataclass(frozen=True)
class Term:
    """Taps that one multiply takes: the first, whether tap + 2 goes with it, and the weights."""

    tap: int
    double: bool
    weights: str

    @property
    def group(self) -> int:
        """The four taps that it is of."""
        return self.tap // 4


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
    """All steps of one row, each value as late as possible."""
    work = [(output * stride + term.tap, term, output) for output in range(outputs) for term in terms(taps)]
    needed = {place + 2 * extra for place, term, _ in work for extra in range(1 + term.double)}
    steps: list[Step] = []
    for k in range(max(needed) // 4 + 1):
        here = sorted(place - 4 * k for place in needed if place // 4 == k)
        steps += unpack(k, here)
        for group in range((taps + 3) // 4):
            now = [item for item in work if item[1].group == group and stage_of(*item[:2]) == k]
            if now and not any(step.kind == "weights" and step.at == group for step in steps):
                names = dict.fromkeys(term.weights for term in terms(taps) if term.group == group)
                steps.append(Step("weights", group, " ".join(names)))
            for step in multiplies(k, now):
                if step.kind == "mac" or step not in steps:
                    steps.append(step)
    return tuple(steps)


def stage_of(place: int, term: Term) -> int:
    """The word that must be there before a term whose first code is at `place`."""
    return (place + 2 * term.double) // 4


def unpack(k: int, here: list[int]) -> list[Step]:
    """Word k as halves, or only the codes that are needed of it."""
    if not here or here in ([0], [1], [0, 1]):
        return [Step("code", 4 * k + place, f"{'eo'[place]}{k}") for place in here]
    steps = [Step("word", 4 * k, f"w{k}")]
    steps += [Step("odd", k, f"o{k}", (f"w{k}",))] * (1 in here or 3 in here)
    steps += [Step("even", k, f"e{k}", (f"w{k}",))] * (0 in here or 2 in here)
    return steps


def multiplies(k: int, now: list[tuple[int, Term, int]]) -> Iterator[Step]:
    """The terms that word k completes; pairs across words first."""
    for half, across in enumerate("pq"):
        crossed = [item for item in now if item[0] == 4 * k - 2 + half]
        if crossed and crossed[0][1].double:
            source = "eo"[half]
            yield Step("mix", k - 1, f"{across}{k - 1}", (f"{source}{k}", f"{source}{k - 1}"))
        for _, term, output in crossed:
            yield Step("mac", output, "", (f"{across}{k - 1}", term.weights), "smladx")
    for place, term, output in now:
        if place >= 4 * k:
            how = "smlad" if term.double else "smlabb" if place % 4 < 2 else "smlatb"
            yield Step("mac", output, "", (f"{'eo'[place % 2]}{k}", term.weights), how)


@cache
def allocated(taps: int, stride: int, outputs: int, counted: bool) -> tuple[Step, ...]:
    """The steps with registers t0, t1 and so on as values; none where those of the core do not suffice.

    A register of rows that are left and of their pitch, where they are `counted`, ends a loop over rows quickly.
    """
    registers = REGISTERS - outputs - 2 - counted
    steps = row_steps(taps, stride, outputs)
    for i in range(len(steps)):
        paired = with_pair(steps, i)
        steps = paired if placed(paired, registers) else steps
    return placed(steps, registers)


def with_pair(steps: tuple[Step, ...], i: int) -> tuple[Step, ...]:
    """The steps with load i beside the load before it: one that another load follows takes a cycle less.

    Weights are unpacked as soon as they are loaded, so they come second.
    """
    loads = [k for k in range(i + 1) if steps[k].kind in LOADS]
    if len(loads) < 2 or loads[-1] != i or loads[-2] == i - 1 or loads[-2] - 1 in loads:
        return steps
    place = loads[-2] + (steps[i].kind == "weights")
    return (*steps[:place], steps[i], *steps[place:i], *steps[i + 1 :])


def placed(steps: tuple[Step, ...], registers: int) -> tuple[Step, ...]:
    """The steps with registers t0, t1 and so on as values; none where there are too few."""
    last = {value: i for i, step in enumerate(steps) for value in step.data}
    home: dict[str, str] = {}
    free = [f"t{i}" for i in range(registers)]
    found: list[Step] = []
    for i, step in enumerate(steps):
        data = tuple(home[value] for value in step.data)
        free = [home[value] for value in dict.fromkeys(step.data) if last[value] == i] + free
        if len(free) < len(step.names):
            return ()
        home |= {name: free.pop(0) for name in step.names}
        found.append(replace(step, name=" ".join(home[name] for name in step.names), data=data))
    return tuple(found)


def assembly_of(taps: int, stride: int, outputs: int) -> tuple[tuple[Step, ...], bool]:
    """The steps on registers, if these suffice, and whether one is left to count rows with."""
    counted = allocated(taps, stride, outputs, True)
    return counted or allocated(taps, stride, outputs, False), bool(counted)


def row_order(taps: int) -> list[int]:
    """Taps of a row in the order that puts those of one register beside each other."""
    order: list[int] = []
    for group in range(0, taps, 4):
        left = min(taps - group, 4)
        order += [group + i for i in ((0,), (0, 1), (0, 2, 1), (0, 2, 1, 3))[left - 1]]
    return order


def row_cost(taps: int, stride: int, outputs: int, coding: WeightCoding) -> int:
    """Instructions of the steps of one row."""
    steps = row_steps(taps, stride, outputs)
    weights = len(terms(taps)) if coding.wide else 3 * (taps // 4) + taps % 4
    return sum(step.kind != "weights" for step in steps) + weights


def block_cost(kernel: tuple[int, int], stride: int, outputs: int, coding: WeightCoding) -> int:
    """Instructions of one block of outputs."""
    rows, taps = kernel
    end = COUNTED if assembly_of(taps, stride, outputs)[1] else COMPARED
    return rows * (row_cost(taps, stride, outputs, coding) + end) + 5 * outputs + 16


def best_outputs(kernel: tuple[int, int], stride: int, width: int, coding: WeightCoding) -> int:
    """Outputs a block, so that a row of `width` takes the fewest instructions."""
    fitting = [n for n in range(1, min(width, MOST_OUTPUTS) + 1) if n < 3 or assembly_of(kernel[1], stride, n)[0]]
    return min(fitting, key=lambda n: -(-width // n) * block_cost(kernel, stride, n, coding))
