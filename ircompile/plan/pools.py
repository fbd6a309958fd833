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
from ircompile.tensor import Array


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
    for name in sorted(names, key=lambda n: int(lives[n].first.min())):
        for i, ring in enumerate(rings):
            members = [r.name for r in ring]
            joined = _joined([*members, name], lives, ring[0].slots + apart[name] - 1)
            if joined:
                slots, phases = joined
                rings[i] = [Ring(n, slots, pitch, p) for n, p in zip([*members, name], phases, strict=True)]
                break
        else:
            rings.append([Ring(name, apart[name], pitch)])
    return rings


def _joined(names: Sequence[str], lives: Mapping[str, Life], most: int) -> tuple[int, list[int]] | None:
    """The fewest slots, at most `most`, for tensors in one ring, and their phases."""
    clashes = {(a, b): _clashes(lives[a], lives[b]) for i, a in enumerate(names) for b in names[: i + 1]}
    least = max(len(clash) for clash in clashes.values())
    for slots in range(max(1, least), most + 1):
        phases = _phases(names, clashes, slots)
        if phases is not None:
            return slots, phases
    return None


def _clashes(a: Life, b: Life) -> Array:
    """All differences r - q of rows r of a and q of b that are alive at once."""
    alive = np.flatnonzero(a.alive), np.flatnonzero(b.alive)
    (first_a, last_a), (first_b, last_b) = ((x.first[i], x.last[i]) for x, i in zip((a, b), alive, strict=True))
    together = (first_a[:, None] <= last_b[None, :]) & (first_b[None, :] <= last_a[:, None])
    r, q = np.nonzero(together)
    return np.unique(alive[0][r] - alive[1][q])


def _phases(names: Sequence[str], clashes: Mapping[tuple[str, str], Array], slots: int) -> list[int] | None:
    """A phase for each tensor such that no two rows alive at once share a slot; depth first."""
    for name in names:
        own = clashes[name, name]
        if np.any((own != 0) & (own % slots == 0)):
            return None
    taken = {pair: frozenset((clash % slots).tolist()) for pair, clash in clashes.items()}
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
