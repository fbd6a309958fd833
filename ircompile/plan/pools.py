"""Tensors that share one ring.

Two tensors whose rows are equally long and come equally fast (blocks of one stage) move through a common ring at
the same speed: row r of each lives in slot (r + phase) mod slots. The row that one has just left is the next
that the other needs, so the ring holds what is alive in all and no spare row for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ircompile.plan.lifetimes import Life, slots_needed
from ircompile.plan.tracks import differences, track_of
from ircompile.tensor import Array

MOST = 8  # tensors in one ring
Clashes = dict[tuple[str, str], Array]


@dataclass(frozen=True)
class Ring:
    """A tensor's rows in a ring: row r in slot (r + phase) mod slots."""

    name: str
    slots: int
    pitch: int
    phase: int = 0


def share(names: Sequence[str], pitch: int, lives: Mapping[str, Life]) -> list[list[Ring]]:
    """Rings for tensors of equal rows: as many in one as gain by it."""
    rings: list[list[Ring]] = []
    apart = {name: slots_needed(lives[name]) for name in names}
    span = {name: (int(lives[name].first.min()), int(lives[name].last.max())) for name in names}
    clashes: Clashes = {}
    for name in sorted(names, key=lambda n: span[n]):
        for i, ring in enumerate(rings):
            members = [r.name for r in ring]
            if len(members) == MOST or all(span[m][1] < span[name][0] for m in members):
                continue
            for other in (*members, name):
                clashes[name, other] = _clashes(lives[name], lives[other])
            joined = _joined([*members, name], clashes, ring[0].slots + apart[name] - 1)
            if joined:
                slots, phases = joined
                rings[i] = [Ring(n, slots, pitch, p) for n, p in zip([*members, name], phases, strict=True)]
                break
        else:
            clashes[name, name] = _clashes(lives[name], lives[name])
            rings.append([Ring(name, apart[name], pitch)])
    return rings


def _joined(names: Sequence[str], clashes: Clashes, most: int) -> tuple[int, list[int]] | None:
    """The fewest slots, at most `most`, for tensors in one ring, and their phases."""
    least = max(len(clashes[a, b]) for i, a in enumerate(names) for b in names[: i + 1])
    for slots in range(max(1, least), most + 1):
        phases = _phases(names, clashes, slots)
        if phases is not None:
            return slots, phases
    return None


def _clashes(a: Life, b: Life) -> Array:
    """All differences r - q of rows r of a and q of b that are alive at once."""
    a_rows, b_rows = (track_of(life, len(life.first), 0) for life in (a, b))
    return differences(a_rows, b_rows) + a_rows.begin - b_rows.begin


def _phases(names: Sequence[str], clashes: Clashes, slots: int) -> list[int] | None:
    """A phase for each tensor such that no two rows alive at once share a slot; depth first."""
    for name in names:
        own = clashes[name, name]
        if np.any((own != 0) & (own % slots == 0)):
            return None
    pairs = [(a, b) for i, a in enumerate(names) for b in names[: i + 1]]
    taken = {pair: frozenset((clashes[pair] % slots).tolist()) for pair in pairs}
    phases: list[int] = []

    def extend(budget: list[int]) -> bool:
        if len(phases) == len(names):
            return True
        name = names[len(phases)]
        for phase in range(slots):
            budget[0] -= 1
            # rows r of name and q of other share a slot where r - q = phase_other - phase (mod slots)
            if all((p - phase) % slots not in taken[name, o] for o, p in zip(names, phases, strict=False)):
                phases.append(phase)
                if extend(budget):
                    return True
                phases.pop()
            if budget[0] < 0:
                return False
        return False

    return phases if extend([200]) else None
