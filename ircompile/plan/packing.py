"""The packer: a base for every item, so that no two rows alive at the same step share a byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

import numpy as np

from ircompile.plan.items import Item
from ircompile.plan.known import Known
from ircompile.plan.model import ARENA_ALIGN
from ircompile.plan.tracks import Interval, forbidden_distances

Placement = tuple[dict[str, int], int]


def pack(
    items: Sequence[Item],
    tries: int,
    enough: int = 0,
    hope: float = np.inf,
    seed: int = 0,
    known: Known | None = None,
) -> Placement:
    """Bases by name and the bytes used: the best of several greedy orders, improved by `tries` small changes.

    It stops early where it needs no more than `enough` bytes, and where the greedy orders need more than `hope`.
    """
    packer = Packer(items, known)
    rng = np.random.default_rng(seed)
    order, bases, top = packer.best_of(first_orders(items))
    for _ in range(tries if len(items) > 2 and top <= hope else 0):
        if top <= enough:
            break
        other, moved = change(order, bases, items, top, rng)
        changed = packer.place_again(other, moved, bases, top)
        if changed is not None:
            order, bases = other, changed
            top = packer.top(bases)
    return {items[i].name: base for i, base in bases.items()}, top


def first_orders(items: Sequence[Item]) -> list[list[int]]:
    """Item numbers by size, by bytes x steps, by time, by duration."""
    first, last = zip(*(item.span for item in items), strict=True)
    span = [end - begin + 1 for begin, end in zip(first, last, strict=True)]
    keys: list[Callable[[int], int]] = [
        lambda i: -items[i].bytes,
        lambda i: -items[i].bytes * span[i],
        lambda i: first[i],
        lambda i: -last[i],
        lambda i: -span[i],
    ]
    return [sorted(range(len(items)), key=key) for key in keys]


def change(
    order: Sequence[int], bases: dict[int, int], items: Sequence[Item], top: int, rng: np.random.Generator
) -> tuple[list[int], set[int]]:
    """The order with one item placed earlier, mostly one that reaches the top, or with two exchanged.

    Returns also these items.
    """
    order = list(order)
    kind, a, b = rng.random(), *(int(n) for n in rng.integers(len(order), size=2))
    if kind < 0.7:
        if kind < 0.5:
            high = [n for n, i in enumerate(order) if bases[i] + items[i].bytes == top]
            a = high[a % len(high)]
        moved = order.pop(a)
        order.insert(b % (a + 1), moved)
        return order, {moved}
    order[a], order[b] = order[b], order[a]
    return order, {order[a], order[b]}


class Packer:
    """Which distances between two items are forbidden, found once; then placing in an order is quick.

    `known` are those that others have found; they are added to.
    """

    def __init__(self, items: Sequence[Item], known: Known | None = None) -> None:
        self.items, known = items, known or Known()
        self.forbidden: list[dict[int, list[Interval]]] = [{} for _ in items]
        patterns, begins = [known.number(item.pattern) for item in items], [item.span[0] for item in items]
        first, last = (np.array(ends) for ends in zip(*(item.span for item in items), strict=True))
        for i in range(len(items)):
            for j in np.flatnonzero((first[:i] <= last[i]) & (first[i] <= last[:i])).tolist():
                key = patterns[j], patterns[i], begins[i] - begins[j]
                between = known.distances.get(key)
                if between is None:
                    between = known.distances[key] = forbidden_distances(items[j].tracks, items[i].tracks)
                if between:
                    self.forbidden[i][j] = between
                    self.forbidden[j][i] = [(-high, -low) for low, high in between]

    def best_of(self, orders: Sequence[list[int]]) -> tuple[list[int], dict[int, int], int]:
        """The order that needs the least, the first of those."""
        best: tuple[list[int], dict[int, int], int] | None = None
        for order in orders:
            placed = self.place(order, best[2] - 1 if best else None)
            best = (order, *placed) if placed else best
        assert best
        return best

    def place(self, order: Sequence[int], limit: int | None = None) -> tuple[dict[int, int], int] | None:
        """Each item at the lowest base that fits, in the given order; None as soon as `limit` is passed."""
        bases: dict[int, int] = {}
        top = 0
        for item in order:
            base = self.lowest_base(item, bases)
            top = max(top, base + self.items[item].bytes)
            if limit is not None and top > limit:
                return None
            bases[item] = base
        return bases, top

    def place_again(
        self, order: Sequence[int], moved: Set[int], before: Mapping[int, int], limit: int
    ) -> dict[int, int] | None:
        """The same where `before`, within `limit`, are the bases of an order in which only `moved` come elsewhere.

        Each other finds its base as before, but where a moved one, or one with another base, may be in its way.
        """
        bases: dict[int, int] = {}
        unsure = set(moved)
        for item in order:
            base = before[item]
            if item in moved or not self.forbidden[item].keys().isdisjoint(unsure):
                base = self.lowest_base(item, bases)
                if base + self.items[item].bytes > limit:
                    return None
                if base != before[item]:
                    unsure.add(item)
            bases[item] = base
        return bases

    def top(self, bases: Mapping[int, int]) -> int:
        """Bytes used."""
        return max(base + self.items[item].bytes for item, base in bases.items())

    def lowest_base(self, item: int, bases: Mapping[int, int]) -> int:
        """The lowest aligned base at no forbidden distance from what is placed."""
        taken = [
            (bases[other] + low, bases[other] + high)
            for other, between in self.forbidden[item].items()
            if other in bases
            for low, high in between
        ]
        taken.sort()
        base = 0
        for low, high in taken:  # (low, high) are forbidden bases
            if base <= low:
                break
            if base < high:
                base = -(-high // ARENA_ALIGN) * ARENA_ALIGN
        return base
