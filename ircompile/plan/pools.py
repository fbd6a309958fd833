"""Tensors that share one ring.

Two tensors whose rows are equally long and come equally fast (blocks of one stage) move through a common ring at
the same speed: row r of each lives in slot (r + phase) mod slots. The row that one has just left is the next
that the other needs, so the ring holds what is alive in all and no spare row for each.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.known import Shared
from ircompile.plan.lifetimes import Life
from ircompile.plan.tracks import differences, track_of

MOST = 8  # tensors in one ring
Clashes = dict[tuple[str, str], Array]
Rings = dict[Hashable, Shared | None]
"""By when the rows of all tensors live, counted from the first one's, and by how many slots there may be."""


@dataclass(frozen=True)
class Ring:
    """A tensor's rows in a ring: row r in slot (r + phase) mod slots."""

    name: str
    slots: int
    pitch: int
    phase: int = 0


def share(
    names: Sequence[str], pitch: int, lives: Mapping[str, Life], known: Rings | None = None
) -> list[list[Ring]]:
    """Rings for tensors of equal rows: as many in one as gain by it.

    `known` are those that others have found; they are added to.
    """
    known = {} if known is None else known
    apart = {name: lives[name].slots for name in names}
    span = {name: (lives[name].begin, lives[name].end) for name in names}
    names = sorted(names, key=lambda n: span[n])
    patterns = {name: _pattern(lives[name], span[name][0]) for name in names}
    clashes: Clashes = {}

    def joined(members: Sequence[str], most: int) -> list[Ring] | None:
        later = tuple((patterns[name], span[name][0] - span[members[0]][0]) for name in members)
        if (later, most) not in known:
            for i, name in enumerate(members):
                for other in members[: i + 1]:
                    if (name, other) not in clashes:
                        clashes[name, other] = _clashes(lives[name], lives[other])
            known[later, most] = _joined(members, clashes, most)
        found = known[later, most]
        return found and [Ring(n, found.slots, pitch, p) for n, p in zip(members, found.phases, strict=True)]

    rings: list[list[Ring]] = []
    for alike in _alike(names, apart, span):
        together = joined(alike, sum(apart[name] for name in alike) - 1)
        rings += [together] if together else []
    joint = {ring.name for members in rings for ring in members}
    there = [*range(len(rings))]  # those that a name yet to come may live with: later ones begin later
    for name in (n for n in names if n not in joint):
        there = [
            i for i in there if len(rings[i]) < MOST and max(span[r.name][1] for r in rings[i]) >= span[name][0]
        ]
        for i in there:
            longer = joined([*(r.name for r in rings[i]), name], rings[i][0].slots + apart[name] - 1)
            if longer:
                rings[i] = longer
                break
        else:
            there.append(len(rings))
            rings.append([Ring(name, apart[name], pitch)])
    return rings


def _pattern(life: Life, begin: int) -> Hashable:
    """When every row lives, counted from `begin` on."""
    alive = life.alive
    return alive.tobytes(), (life.first[alive] - begin).tobytes(), (life.last[alive] - begin).tobytes()


def _alike(
    names: Sequence[str], apart: Mapping[str, int], span: Mapping[str, tuple[int, int]]
) -> Iterator[list[str]]:
    """Three tensors or more that begin before one of them ends and hold as many rows, several: the parts of one.

    Two of them gain nothing yet by a common ring.
    """
    for slots in sorted(set(apart.values()) - {1}):
        run: list[str] = []
        for name in (n for n in names if apart[n] == slots):
            if run and (span[name][0] > min(span[n][1] for n in run) or len(run) == MOST):
                if len(run) > 2:
                    yield run
                run = []
            run.append(name)
        if len(run) > 2:
            yield run


def _joined(names: Sequence[str], clashes: Clashes, most: int) -> Shared | None:
    """The fewest slots, at most `most`, for tensors in one ring, and their phases."""
    least = max(len(clashes[a, b]) for i, a in enumerate(names) for b in names[: i + 1])
    for slots in range(max(1, least), most + 1):
        for down in (False, True):
            phases = _phases(names, clashes, slots, down)
            if phases is not None:
                return Shared(slots, phases)
    return None


def _clashes(a: Life, b: Life) -> Array:
    """All differences r - q of rows r of a and q of b that are alive at once."""
    a_rows, b_rows = (track_of(life, len(life.first), 0) for life in (a, b))
    return differences(a_rows, b_rows) + a_rows.begin - b_rows.begin


def _phases(names: Sequence[str], clashes: Clashes, slots: int, down: bool) -> list[int] | None:
    """A phase for each tensor such that no two rows alive at once share a slot; depth first.

    The lowest that fits, or, going `down`, that next below the last one's: parts follow each other in that way.
    """
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
        before = phases[-1] if phases else 1
        for phase in [(before - 1 - more) % slots for more in range(slots)] if down else range(slots):
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
