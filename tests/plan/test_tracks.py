"""Distances that tracks forbid, against all pairs of rows."""

from __future__ import annotations

import numpy as np
import pytest

from ircompile.plan.lifetimes import NEVER, Life
from ircompile.plan.tracks import Track, differences, forbidden_distances, track_of


def random_track(rng: np.random.Generator, ordered: bool) -> Track:
    rows = int(rng.integers(1, 12))
    first = np.sort(rng.integers(0, 30, rows))
    last = first + rng.integers(0, 10, rows)
    life = Life(first, np.maximum.accumulate(last) if ordered else last)
    return track_of(life, int(rng.integers(1, 6)), int(rng.integers(1, 9)), int(rng.integers(4)))


def alive_together(a: Track, b: Track) -> list[tuple[int, int]]:
    pairs = np.nonzero((a.first[:, None] <= b.last[None, :]) & (b.first[None, :] <= a.last[:, None]))
    return list(zip(*(p.tolist() for p in pairs), strict=True))


def distances(a: Track, b: Track) -> set[int]:
    found: set[int] = set()
    for i, j in alive_together(a, b):
        at, other = (a.begin + i) % a.slots * a.pitch, (b.begin + j) % b.slots * b.pitch
        found |= set(range(at - other - b.pitch + 1, at - other + a.pitch))
    return found


@pytest.mark.parametrize("seed", range(200))
def test_forbidden_distances(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_track(rng, seed % 2 == 0), random_track(rng, True)
    for one, other in ((a, b), (b, a)):
        between = forbidden_distances([other], [[one]])[0]
        assert {d for low, high in between for d in range(low + 1, high)} == distances(one, other)
    assert differences(a, b).tolist() == sorted({i - j for i, j in alive_together(a, b)})


@pytest.mark.parametrize("seed", range(50))
def test_rows_in_no_order_only_forbid_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_track(rng, False), random_track(rng, False)
    between = forbidden_distances([b], [[a]])[0]
    assert {d for low, high in between for d in range(low + 1, high)} >= distances(a, b)


def test_rows_that_are_never_there() -> None:
    life = Life(np.array([NEVER, NEVER]), np.array([-1, -1]))
    one = Track(np.array([0]), np.array([9]), 0, 1, 4)
    assert forbidden_distances([one], [[track_of(life, 2, 4)]]) == [[]]
    assert forbidden_distances([track_of(life, 2, 4)], [[one], [one]]) == [[], []]


@pytest.mark.parametrize("seed", range(50))
def test_many_at_once_are_as_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mine = [random_track(rng, bool(rng.integers(2))) for _ in range(rng.integers(1, 3))]
    others = [
        [random_track(rng, bool(rng.integers(2))) for _ in range(rng.integers(1, 3))]
        for _ in range(rng.integers(1, 7))
    ]
    together = forbidden_distances(mine, others)
    assert together == [forbidden_distances(mine, [other])[0] for other in others]
    for other, between in zip(others, together, strict=True):
        pairs = [distances(b, a) for b in other for a in mine]
        assert {d for low, high in between for d in range(low + 1, high)} >= set().union(*pairs)
