"""Bases for allocations in a given order, each the lowest that nothing forbids.

No two rows that are alive together share a byte.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ircompile.plan.allocations import Allocation
from ircompile.plan.intervals import Interval, forbidden_distances
from ircompile.plan.model import ARENA_ALIGN


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

    def __init__(self, allocations: Sequence[Allocation]) -> None:
        self.allocations = allocations
        self.forbidden: list[dict[int, list[Interval]]] = [{} for _ in allocations]
        meeting = meeting_pairs(allocations)
        pairs = [(allocations[j].intervals, allocations[i].intervals) for j, i in meeting]
        found = forbidden_distances(pairs) if pairs else []
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
