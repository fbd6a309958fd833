"""The allocator: a base for every allocation, so that no two rows that are alive together share a byte.

It places one allocation after the other, each at the lowest base that nothing forbids. The order decides how many
bytes that takes. Five orders are tried, and the best of them is then changed at random, keeping what helps.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ircompile.plan.allocations import Allocation
from ircompile.plan.intervals import Interval, forbidden_distances
from ircompile.plan.model import ARENA_ALIGN
from ircompile.plan.settings import MOVE_SHARE, MOVE_TOP_SHARE
from ircompile.plan.shortcuts import Shortcuts

Placement = tuple[dict[str, int], int]
"""The base of every allocation by name, and the bytes used."""


def allocate(
    allocations: Sequence[Allocation],
    trials: int,
    enough: int = 0,
    worth_trials: float = np.inf,
    shortcuts: Shortcuts | None = None,
) -> Placement:
    """The best of five greedy orders, improved by `trials` small changes of the order.

    It stops as soon as no more than `enough` bytes are used. It tries no changes if the greedy orders need more
    than `worth_trials` bytes.
    """
    shortcuts = shortcuts or Shortcuts()
    allocator = Allocator(allocations, shortcuts)
    rng = np.random.default_rng(0)
    best = allocator.best_of(first_orders(allocations))
    for _ in range(trials if len(allocations) > 2 and best.top <= worth_trials else 0):
        if best.top <= enough:
            break
        order, moved, start = change(best, rng)
        best = shortcuts.place_changed(allocator, best, order, moved, start, best.top) or best
    return {allocations[i].name: base for i, base in best.bases.items()}, best.top


class OrderedPlacement:
    """The bases that allocations get if they are placed in an order, and the bytes used.

    `rank` is the position of each allocation in the order; `reach_top` are the positions of those that end at
    `top`.
    """

    def __init__(self, order: Sequence[int], bases: dict[int, int], allocations: Sequence[Allocation]) -> None:
        self.order, self.bases = order, bases
        ends = [bases[i] + allocations[i].bytes for i in order]
        self.top = max(ends)
        self.reach_top = [position for position, end in enumerate(ends) if end == self.top]
        self.rank = [0] * len(order)
        for position, number in enumerate(order):
            self.rank[number] = position


def first_orders(allocations: Sequence[Allocation]) -> list[list[int]]:
    """Numbers of allocations by size, by bytes x time, by birth, by death (the last first), and by lifetime."""
    first, last = zip(*(allocation.span for allocation in allocations), strict=True)
    span = [end - begin + 1 for begin, end in zip(first, last, strict=True)]
    keys: list[Callable[[int], int]] = [
        lambda i: -allocations[i].bytes,
        lambda i: -allocations[i].bytes * span[i],
        lambda i: first[i],
        lambda i: -last[i],
        lambda i: -span[i],
    ]
    return [sorted(range(len(allocations)), key=key) for key in keys]


def change(placed: OrderedPlacement, rng: np.random.Generator) -> tuple[list[int], set[int], int]:
    """The order with one allocation placed earlier, mostly one that reaches the top, or with two exchanged.

    Returns also the numbers of these allocations, and the position from which on the order differs.
    """
    order = list(placed.order)
    kind, a, b = rng.random(), *(int(n) for n in rng.integers(len(order), size=2))
    if kind < MOVE_SHARE:
        if kind < MOVE_TOP_SHARE:
            a = placed.reach_top[a % len(placed.reach_top)]
        moved = order.pop(a)
        order.insert(b % (a + 1), moved)
        return order, {moved}, b % (a + 1)
    order[a], order[b] = order[b], order[a]
    return order, {order[a], order[b]}, min(a, b)


def meeting_pairs(allocations: Sequence[Allocation]) -> list[tuple[int, int]]:
    """The pairs (j, i), j < i, of allocations that might be alive together: no two stages take a step at once."""
    first, last = (np.array(ends) for ends in zip(*(found.span for found in allocations), strict=True))
    stage = np.array([found.stage for found in allocations])
    meet = (first[:, None] <= last) & (first <= last[:, None])
    meet &= (stage[:, None] == stage) | (stage < 0) | (stage[:, None] < 0)
    return [(j, i) for i, row in enumerate(meet) for j in np.flatnonzero(row[:i]).tolist()]


class Allocator:
    """Finds once which distances between two allocations are forbidden; placing in an order is then quick.

    `forbidden[i][j]` are the open intervals in which base of i - base of j must not lie.
    """

    def __init__(self, allocations: Sequence[Allocation], shortcuts: Shortcuts | None = None) -> None:
        self.allocations = allocations
        self.forbidden: list[dict[int, list[Interval]]] = [{} for _ in allocations]
        meeting = meeting_pairs(allocations)
        pairs = [(allocations[j], allocations[i]) for j, i in meeting]

        def compute(numbers: Sequence[int]) -> list[list[Interval]]:
            return forbidden_distances([(pairs[n][0].intervals, pairs[n][1].intervals) for n in numbers])

        found = (shortcuts or Shortcuts()).recall_each("forbidden distances", pairs, compute) if pairs else []
        for (j, i), between in zip(meeting, found, strict=True):
            if between:
                self.forbidden[i][j], self.forbidden[j][i] = between, [(-high, -low) for low, high in between]

    def best_of(self, orders: Sequence[list[int]]) -> OrderedPlacement:
        """The placement of the order that needs the fewest bytes, the first of those."""
        best: OrderedPlacement | None = None
        for order in orders:
            best = self.place(order, best.top - 1 if best else None) or best
        assert best
        return best

    def place(self, order: Sequence[int], limit: int | None = None) -> OrderedPlacement | None:
        """Places each allocation, in the given order, at the lowest base that fits; None if `limit` is exceeded."""
        bases: dict[int, int] = {}
        for number in order:
            base = self.lowest_base(number, bases)
            if limit is not None and base + self.allocations[number].bytes > limit:
                return None
            bases[number] = base
        return OrderedPlacement(order, bases, self.allocations)

    def lowest_base(self, number: int, bases: Mapping[int, int]) -> int:
        """The lowest aligned base at no forbidden distance from any allocation that has a base."""
        taken = []
        for other, between in self.forbidden[number].items():
            if other in bases:
                at = bases[other]
                for low, high in between:
                    taken.append((at + low, at + high))
        taken.sort()
        base = 0
        for low, high in taken:  # bases between low and high, without these two, are forbidden
            if base <= low:
                break
            if base < high:
                base = -(-high // ARENA_ALIGN) * ARENA_ALIGN
        return base
