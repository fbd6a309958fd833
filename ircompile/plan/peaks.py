"""What a schedule needs, without placing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.items import extras_of, groups_of, shared_lives
from ircompile.plan.known import Peaks
from ircompile.plan.lifetimes import Life, Problem, row_lives
from ircompile.plan.live import Stay, live_at


def peaks_of(problem: Problem, times: Mapping[int, Array], end: int, whole: Set[str], kept: Set[str]) -> Peaks:
    """The peaks of a schedule."""
    lives, homes = shared_lives(problem, row_lives(problem, times, end, whole, kept))
    extra = [stay for _, _, stay, _ in extras_of(problem, times)]
    rows = [Stay(life.first, life.last, problem.rows[name][0]) for name, life in lives.items()]
    rings = []
    for names in groups_of(problem, lives, homes, True):
        rings += estimate([lives[name] for name in names], problem.rows[names[0]][0])
    return Peaks(int(live_at(extra + rows).max()), int(live_at(extra + rings).max()))


def estimate(lives: Sequence[Life], pitch: int) -> list[Stay]:
    """Rings of their own, or one block for as many rows as are alive at once in all, whichever is less."""
    apart = [_solid(life.begin, life.end, life.slots * pitch) for life in lives]
    if len(lives) == 1:
        return apart
    size = int(live_at([Stay(life.first, life.last, pitch) for life in lives]).max())
    if size >= live_at(apart).max():
        return apart
    return [_solid(min(life.begin for life in lives), max(life.end for life in lives), size)]


def _solid(begin: int, end: int, size: int) -> Stay:
    return Stay(np.array([begin]), np.array([end]), size)
