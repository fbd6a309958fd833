"""The packer: a base for every item, so that no two rows alive at the same step share a byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

import numpy as np

from ircompile.plan.items import Item
from ircompile.plan.known import Distances, Known
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
    best = packer.best_of(first_orders(items))
    for _ in range(tries if len(items) > 2 and best.top <= hope else 0):
        if best.top <= enough:
            break
        order, moved, start = change(best, rng)
        best = packer.place_again(best, order, moved, start, best.top) or best
    return {items[i].name: base for i, base in best.bases.items()}, best.top


class Packed:
    """Bases of items placed in an order, and the bytes used.

    `rank` is where in the order each item is, `high` are the places there of those that reach the top.
    """

    def __init__(self, order: Sequence[int], bases: dict[int, int], items: Sequence[Item]) -> None:
        self.order, self.bases = order, bases
        ends = [bases[i] + items[i].bytes for i in order]
        self.top = max(ends)
        self.high = [n for n, end in enumerate(ends) if end == self.top]
        self.rank = [0] * len(order)
        for place, item in enumerate(order):
            self.rank[item] = place


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


def meetings_of(items: Sequence[Item]) -> list[list[int]]:
    """For each item those before it that might be alive with it: no two stages fire at once."""
    first, last = (np.array(ends) for ends in zip(*(item.span for item in items), strict=True))
    stage = np.array([item.stage for item in items])
    meet = (first[:, None] <= last) & (first <= last[:, None])
    meet &= (stage[:, None] == stage) | (stage < 0) | (stage[:, None] < 0)
    return [np.flatnonzero(row[:i]).tolist() for i, row in enumerate(meet)]


def change(packed: Packed, rng: np.random.Generator) -> tuple[list[int], set[int], int]:
    """The order with one item placed earlier, mostly one that reaches the top, or with two exchanged.

    Returns also these items, and where the order begins to be another.
    """
    order = list(packed.order)
    kind, a, b = rng.random(), *(int(n) for n in rng.integers(len(order), size=2))
    if kind < 0.7:
        if kind < 0.5:
            a = packed.high[a % len(packed.high)]
        moved = order.pop(a)
        order.insert(b % (a + 1), moved)
        return order, {moved}, b % (a + 1)
    order[a], order[b] = order[b], order[a]
    return order, {order[a], order[b]}, min(a, b)


class Packer:
    """Which distances between two items are forbidden, found once; then placing in an order is quick.

    `known` are those that others have found; they are added to.
    """

    def __init__(self, items: Sequence[Item], known: Known | None = None) -> None:
        self.items, known = items, known or Known()
        self.forbidden: list[dict[int, list[Interval]]] = [{} for _ in items]
        patterns, begins = [known.number(item.pattern) for item in items], [item.span[0] for item in items]
        meeting = [(j, i) for i, before in enumerate(meetings_of(items)) for j in before]
        keys = [(patterns[j], patterns[i], begins[i] - begins[j]) for j, i in meeting]
        anew = {key: pair for key, pair in zip(keys, meeting, strict=True) if key not in known.distances}
        if anew:
            found = forbidden_distances([(items[j].tracks, items[i].tracks) for j, i in anew.values()])
            for key, between in zip(anew, found, strict=True):
                known.distances[key] = Distances(between, [(-high, -low) for low, high in between])
        for key, (j, i) in zip(keys, meeting, strict=True):
            between, mirrored = known.distances[key]
            if between:
                self.forbidden[i][j], self.forbidden[j][i] = between, mirrored

    def best_of(self, orders: Sequence[list[int]]) -> Packed:
        """The order that needs the least, the first of those."""
        best: Packed | None = None
        for order in orders:
            best = self.place(order, best.top - 1 if best else None) or best
        assert best
        return best

    def place(self, order: Sequence[int], limit: int | None = None) -> Packed | None:
        """Each item at the lowest base that fits, in the given order; None as soon as `limit` is passed."""
        bases: dict[int, int] = {}
        for item in order:
            base = self.lowest_base(item, bases)
            if limit is not None and base + self.items[item].bytes > limit:
                return None
            bases[item] = base
        return Packed(order, bases, self.items)

    def place_again(
        self, before: Packed, order: Sequence[int], moved: Set[int], start: int, limit: int
    ) -> Packed | None:
        """The same for an order in which only `moved` come elsewhere than `before`, from place `start` on.

        Each other item keeps its base, unless a moved one, or one with another base, disturbs it.
        """
        bases = {item: before.bases[item] for item in order[:start]}
        unsure = set(moved)
        near = set[int]().union(*(self.forbidden[item] for item in moved))
        for item in order[start:]:
            base = before.bases[item]
            if item in moved or (item in near and self._disturbed(item, unsure, before, bases)):
                base = self.lowest_base(item, bases)
                if base + self.items[item].bytes > limit:
                    return None
                if base != before.bases[item]:
                    unsure.add(item)
                    near.update(self.forbidden[item])
            bases[item] = base
        return Packed(order, bases, self.items)

    def _disturbed(self, item: int, unsure: Set[int], before: Packed, bases: Mapping[int, int]) -> bool:
        """Whether another base may be the lowest now: one of `unsure` was in the way below it, or is in its way."""
        forbidden, base, rank = self.forbidden[item], before.bases[item], before.rank
        for other in forbidden.keys() & unsure:
            then, now = before.bases[other] if rank[other] < rank[item] else None, bases.get(other)
            if then == now:
                continue
            for low, high in forbidden[other]:
                if then is not None and then + low < base:
                    return True
                if now is not None and now + low < base < now + high:
                    return True
        return False

    def lowest_base(self, item: int, bases: Mapping[int, int]) -> int:
        """The lowest aligned base at no forbidden distance from what is placed."""
        taken = []
        for other, between in self.forbidden[item].items():
            if other in bases:
                at = bases[other]
                for low, high in between:
                    taken.append((at + low, at + high))
        taken.sort()
        base = 0
        for low, high in taken:  # (low, high) are forbidden bases
            if base <= low:
                break
            if base < high:
                base = -(-high // ARENA_ALIGN) * ARENA_ALIGN
        return base
