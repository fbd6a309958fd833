"""The search for a placement of all allocations that takes few bytes.

The allocator places one after the other, each at the lowest base that nothing forbids. The order decides how many
bytes that takes. Five orders are tried, and the best of them is then changed at random, keeping what helps.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ircompile.plan.allocations import Allocation
from ircompile.plan.allocator import Allocator, OrderedPlacement
from ircompile.plan.fast.incremental import place_changed
from ircompile.plan.settings import MOVE_SHARE, MOVE_TOP_SHARE

Placement = tuple[dict[str, int], int]
"""The base of every allocation by name, and the bytes used."""


def allocate(
    allocations: Sequence[Allocation],
    trials: int,
    enough: int = 0,
    worth_trials: float = np.inf,
) -> Placement:
    """The best of five greedy orders, improved by `trials` small changes of the order.

    It stops as soon as no more than `enough` bytes are used. It tries no changes if the greedy orders need more
    than `worth_trials` bytes.
    """
    allocator = Allocator(allocations)
    rng = np.random.default_rng(0)
    best = allocator.best_of(first_orders(allocations))
    for _ in range(trials if len(allocations) > 2 and best.top <= worth_trials else 0):
        if best.top <= enough:
            break
        order, moved, start = change(best, rng)
        best = place_changed(allocator, best, order, moved, start, best.top) or best
    return {allocations[i].name: base for i, base in best.bases.items()}, best.top


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
