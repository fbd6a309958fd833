"""Placing a changed order again: only what the change can move gets a new base."""

from collections.abc import Mapping, Sequence, Set

from ircompile.plan.allocator import Allocator, OrderedPlacement


def place_changed(
    allocator: Allocator, before: OrderedPlacement, order: Sequence[int], moved: Set[int], start: int, limit: int
) -> OrderedPlacement | None:
    """The placement of an order in which only `moved` stand elsewhere than `before`, from position `start` on.

    Every other allocation keeps its base, unless a moved one, or one whose base has changed, disturbs it. The
    result is that of `Allocator.place`; None as soon as `limit` is exceeded.
    """
    bases = {number: before.bases[number] for number in order[:start]}
    changed = set(moved)
    near = set[int]().union(*(allocator.forbidden[number] for number in moved))
    for number in order[start:]:
        base = before.bases[number]
        if number in moved or (number in near and _disturbed(allocator, number, changed, before, bases)):
            base = allocator.lowest_base(number, bases)
            if base + allocator.allocations[number].bytes > limit:
                return None
            if base != before.bases[number]:
                changed.add(number)
                near.update(allocator.forbidden[number])
        bases[number] = base
    return OrderedPlacement(order, bases, allocator.allocations)


def _disturbed(
    allocator: Allocator, number: int, changed: Set[int], before: OrderedPlacement, bases: Mapping[int, int]
) -> bool:
    """Whether another base may be the lowest now: a changed allocation was in the way below, or is in the way."""
    forbidden, base, rank = allocator.forbidden[number], before.bases[number], before.rank
    for other in forbidden.keys() & changed:
        then, now = before.bases[other] if rank[other] < rank[number] else None, bases.get(other)
        if then == now:
            continue
        for low, high in forbidden[other]:
            if then is not None and then + low < base:
                return True
            if now is not None and now + low < base < now + high:
                return True
    return False
