"""The packer: a base for every item, so that no two rectangles alive at the same step share a byte."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ircompile.plan.lifetimes import Item
from ircompile.plan.model import ARENA_ALIGN
from ircompile.tensor import Array


def pack(
    items: Sequence[Item], fixed: Sequence[str] = (), tries: int = 40, seed: int = 0
) -> tuple[dict[str, int], int]:
    """Bases by name and the bytes used, the best of several greedy orders; `fixed` items go first, in order."""
    orders = _orders(items, fixed, tries, seed)
    best: tuple[dict[str, int], int] | None = None
    for order in orders:
        placed = place(order, best[1] if best else None)
        if placed and (best is None or placed[1] < best[1]):
            best = placed
    assert best is not None
    return best


def place(order: Sequence[Item], limit: int | None = None) -> tuple[dict[str, int], int] | None:
    """Each item at the lowest base that fits, in the given order; None as soon as `limit` is reached."""
    total = sum(len(item.rects) for item in order)
    taken = np.empty((total, 4), np.int64)  # address, length, first, last
    count, top = 0, 0
    bases: dict[str, int] = {}
    for item in order:
        base = lowest_base(item, taken[:count])
        top = max(top, base + item.bytes)
        if limit is not None and top >= limit:
            return None
        bases[item.name] = base
        new = taken[count : count + len(item.rects)]
        new[:] = item.rects
        new[:, 0] += base
        count += len(item.rects)
    return bases, top


def lowest_base(item: Item, taken: Array) -> int:
    """The lowest aligned base at which none of the item's rectangles meets a taken one."""
    near = (taken[:, 2] <= item.rects[:, 3].max()) & (taken[:, 3] >= item.rects[:, 2].min())
    taken = taken[near]
    if not len(taken):
        return 0
    meets = (taken[:, None, 2] <= item.rects[None, :, 3]) & (taken[:, None, 3] >= item.rects[None, :, 2])
    which, rect = np.nonzero(meets)
    low = taken[which, 0] - item.rects[rect, 0] - item.rects[rect, 1]  # bases in (low, high) are forbidden
    high = taken[which, 0] + taken[which, 1] - item.rects[rect, 0]
    order = np.argsort(low, kind="stable")
    low, reach = low[order], np.maximum.accumulate(high[order])
    base = 0
    while True:
        # every forbidden interval that starts below the base: does any reach over it?
        before = int(np.searchsorted(low, base, side="left"))
        if before == 0 or reach[before - 1] <= base:
            return base
        base = -(-int(reach[before - 1]) // ARENA_ALIGN) * ARENA_ALIGN


def _orders(items: Sequence[Item], fixed: Sequence[str], tries: int, seed: int) -> list[list[Item]]:
    first = [item for name in fixed for item in items if item.name == name]
    rest = [item for item in items if item.name not in fixed]
    area = {i.name: i.bytes * int(i.rects[:, 3].max() - i.rects[:, 2].min() + 1) for i in rest}
    keys = [
        lambda i: -i.bytes,
        lambda i: -area[i.name],
        lambda i: int(i.rects[:, 2].min()),
        lambda i: -int(i.rects[:, 3].max() - i.rects[:, 2].min()),
    ]
    orders = [first + sorted(rest, key=key) for key in keys]
    rng = np.random.default_rng(seed)
    while len(orders) < tries:
        noise = dict(zip(area, rng.lognormal(0, 0.7, len(rest)), strict=True))
        weigh = [lambda i, n=noise: -i.bytes * n[i.name], lambda i, n=noise: -area[i.name] * n[i.name]]
        orders.append(first + sorted(rest, key=weigh[len(orders) % 2]))
    return orders
