"""Distances that rows over time forbid, against all pairs of rows."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from ircompile.plan.intervals import RowIntervals, differences, forbidden_distances, intervals_of
from ircompile.plan.liveness import NEVER, LiveRanges


def random_rows(rng: np.random.Generator, ordered: bool) -> RowIntervals:
    rows = int(rng.integers(1, 12))
    first = np.sort(rng.integers(0, 30, rows))
    last = first + rng.integers(0, 10, rows)
    ranges = LiveRanges(first, np.maximum.accumulate(last) if ordered else last)
    return intervals_of(ranges, int(rng.integers(1, 6)), int(rng.integers(1, 9)), int(rng.integers(4)))


def alive_together(a: RowIntervals, b: RowIntervals) -> list[tuple[int, int]]:
    pairs = np.nonzero((a.first[:, None] <= b.last[None, :]) & (b.first[None, :] <= a.last[:, None]))
    return list(zip(*(p.tolist() for p in pairs), strict=True))


def distances(a: RowIntervals, b: RowIntervals) -> set[int]:
    found: set[int] = set()
    for i, j in alive_together(a, b):
        at, other = (a.begin + i) % a.slots * a.pitch, (b.begin + j) % b.slots * b.pitch
        found |= set(range(at - other - b.pitch + 1, at - other + a.pitch))
    return found


@pytest.mark.parametrize("seed", range(200))
def test_forbidden_distances(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_rows(rng, seed % 2 == 0), random_rows(rng, True)
    for one, other in ((a, b), (b, a)):
        between = forbidden_distances([([one], [other])])[0]
        assert {d for low, high in between for d in range(low + 1, high)} == distances(one, other)
    assert differences(a, b).tolist() == sorted({i - j for i, j in alive_together(a, b)})


@pytest.mark.parametrize("seed", range(50))
def test_rows_in_no_order_only_forbid_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_rows(rng, False), random_rows(rng, False)
    between = forbidden_distances([([a], [b])])[0]
    assert {d for low, high in between for d in range(low + 1, high)} >= distances(a, b)


def test_rows_that_are_never_there() -> None:
    ranges = LiveRanges(np.array([NEVER, NEVER]), np.array([-1, -1]))
    one = RowIntervals(np.array([0]), np.array([9]), 0, 1, 4)
    never = intervals_of(ranges, 2, 4)
    assert forbidden_distances([([never], [one]), ([one], [never])]) == [[], []]


@pytest.mark.parametrize("seed", range(50))
def test_many_at_once_are_as_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [
        [random_rows(rng, bool(rng.integers(2))) for _ in range(rng.integers(1, 3))]
        for _ in range(rng.integers(2, 7))
    ]
    pairs = list(combinations(groups, 2))
    together = forbidden_distances(pairs)
    assert together == [forbidden_distances([pair])[0] for pair in pairs]
    for (one, other), between in zip(pairs, together, strict=True):
        exact = set[int]().union(*(distances(a, b) for a in one for b in other))
        assert {d for low, high in between for d in range(low + 1, high)} >= exact
