"""Tensors that share a ring: fewer slots, and no two rows alive at once in one of them."""

from __future__ import annotations

import numpy as np
import pytest

from ircompile.plan.liveness import LiveRanges
from ircompile.plan.shared_rings import RingSharing


def lines(part: int, parts: int, rows: int = 12) -> LiveRanges:
    """A window of three rows, stride two: part after part takes a row for a step, then one that it keeps."""
    row = np.arange(rows)
    first = (row + 1) // 2 * 2 * parts + 2 * part + (row % 2 == 0)
    return LiveRanges(first, np.where(row % 2 == 0, first + 2 * parts - 1, first))


def slot_clashes(live: dict[str, LiveRanges], places: dict[tuple[str, int], tuple[int, int]]) -> int:
    """Pairs of rows in one slot of one ring that are alive at one step."""
    rows = [(places[name, r], ranges.first[r], ranges.last[r]) for name, ranges in live.items() for r in range(12)]
    pairs = [(a, b) for i, a in enumerate(rows) for b in rows[:i] if a[0] == b[0]]
    return sum(bool(a[1] <= b[2] and b[1] <= a[2]) for a, b in pairs)


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 6, 8])
def test_parts_share_a_ring(parts: int) -> None:
    """Each part alone needs two slots; all together one each, and two."""
    live = {f"part{i}": lines(i, parts) for i in range(parts)}
    assert {ranges.slots for ranges in live.values()} == {2}
    rings = RingSharing(list(live), 8, live).rings()
    assert sum(ring[0].slots for ring in rings) == min(2 * parts, parts + 2)
    assert all(r.pitch == 8 and r.slots == ring[0].slots for ring in rings for r in ring)
    places = {
        (r.name, q): (i, (q + r.slot_offset) % r.slots)
        for i, ring in enumerate(rings)
        for r in ring
        for q in range(12)
    }
    assert slot_clashes(live, places) == 0
