"""Tensors that share one ring buffer.

Two tensors whose rows are equally long and come equally fast, such as the parts of one layer, can move through a
common ring at the same speed: row r of each lives in slot (r + slot_offset) mod slots. The slot that a row of one
has just left is the next that the other needs. So the ring holds the rows that are alive in all of them, and no
spare row for each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.plan.fast.known import known
from ircompile.plan.intervals import differences, intervals_of
from ircompile.plan.liveness import LiveRanges
from ircompile.plan.settings import MOST_IN_RING, SLOT_TRIALS

Clashes = dict[tuple[str, str], Array]
"""By names of two tensors a and b: all differences r - q of rows r of a and q of b that are alive together."""


class SharedRing(NamedTuple):
    """The slots of a ring buffer that several tensors share, and the slot offset of each."""

    slots: int
    slot_offsets: list[int]


@dataclass(frozen=True)
class RingSlots:
    """The slots of one tensor's rows: row r lives in slot (r + slot_offset) mod slots, each of `pitch` bytes."""

    name: str
    slots: int
    pitch: int
    slot_offset: int = 0


class RingSharing:
    """The search for common rings among tensors whose rows have equally many bytes."""

    def __init__(self, names: Sequence[str], pitch: int, live: Mapping[str, LiveRanges]) -> None:
        self.pitch, self.live = pitch, live
        self.slots = {name: live[name].slots for name in names}
        self.span = {name: (live[name].begin, live[name].end) for name in names}
        self.names = sorted(names, key=lambda name: self.span[name])
        self.clashes: Clashes = {}

    def rings(self) -> list[list[RingSlots]]:
        """Rings with the tensors in each: a tensor joins the first ring with which it saves a slot or more.

        Runs of three or more parts are tried first, because two of them alone often gain nothing yet.
        """
        rings: list[list[RingSlots]] = []
        for run in self._runs_of_parts():
            together = self._together(run, sum(self.slots[name] for name in run) - 1)
            rings += [together] if together else []
        joined = {ring.name for members in rings for ring in members}
        open_rings = [*range(len(rings))]  # rings in which something still lives; later tensors begin later
        for name in (n for n in self.names if n not in joined):
            open_rings = [i for i in open_rings if self._may_take(rings[i], name)]
            for i in open_rings:
                members = [*(r.name for r in rings[i]), name]
                longer = self._together(members, rings[i][0].slots + self.slots[name] - 1)
                if longer:
                    rings[i] = longer
                    break
            else:
                open_rings.append(len(rings))
                rings.append([RingSlots(name, self.slots[name], self.pitch)])
        return rings

    def _may_take(self, ring: Sequence[RingSlots], name: str) -> bool:
        return len(ring) < MOST_IN_RING and max(self.span[r.name][1] for r in ring) >= self.span[name][0]

    def _runs_of_parts(self) -> Iterator[list[str]]:
        """Runs of three tensors or more with equally many slots, at least two, that all live at one time."""
        for slots in sorted(set(self.slots.values()) - {1}):
            run: list[str] = []
            for name in (n for n in self.names if self.slots[n] == slots):
                ended = run and self.span[name][0] > min(self.span[n][1] for n in run)
                if ended or len(run) == MOST_IN_RING:
                    if len(run) > 2:
                        yield run
                    run = []
                run.append(name)
            if len(run) > 2:
                yield run

    def _together(self, members: Sequence[str], most: int) -> list[RingSlots] | None:
        """These tensors in one ring of at most `most` slots; None if that was not found."""
        begin = self.live[members[0]].begin
        alike = tuple((self.live[name].pattern, self.live[name].begin - begin) for name in members)
        found = known((alike, most), lambda: self._smallest(members, most))
        if found is None:
            return None
        offsets = zip(members, found.slot_offsets, strict=True)
        return [RingSlots(name, found.slots, self.pitch, offset) for name, offset in offsets]

    def _smallest(self, members: Sequence[str], most: int) -> SharedRing | None:
        """The fewest slots, at most `most`, for tensors in one ring, and their slot offsets."""
        pairs = [(a, b) for i, a in enumerate(members) for b in members[: i + 1]]
        for a, b in pairs:
            if (a, b) not in self.clashes:
                self.clashes[a, b] = clashes_of(self.live[a], self.live[b])
        least = max(len(self.clashes[pair]) for pair in pairs)
        for slots in range(max(1, least), most + 1):
            for downwards in (False, True):
                offsets = slot_offsets_of(members, self.clashes, slots, downwards)
                if offsets is not None:
                    return SharedRing(slots, offsets)
        return None


def clashes_of(a: LiveRanges, b: LiveRanges) -> Array:
    """All differences r - q of rows r of a and q of b that are alive at the same time."""
    a_rows, b_rows = (intervals_of(ranges, len(ranges.first), 0) for ranges in (a, b))
    return differences(a_rows, b_rows) + a_rows.begin - b_rows.begin


def slot_offsets_of(names: Sequence[str], clashes: Clashes, slots: int, downwards: bool) -> list[int] | None:
    """A slot offset for each tensor such that no two rows alive together share a slot; None if none was found.

    This is a depth-first search of at most SLOT_TRIALS offsets. It tries the lowest offset first or, `downwards`,
    the one below the last tensor's, since parts of one layer follow each other in this way.
    """
    for name in names:
        own = clashes[name, name]
        if np.any((own != 0) & (own % slots == 0)):
            return None
    pairs = [(a, b) for i, a in enumerate(names) for b in names[: i + 1]]
    taken = {pair: frozenset((clashes[pair] % slots).tolist()) for pair in pairs}
    offsets: list[int] = []
    trials = SLOT_TRIALS

    def extend() -> bool:
        nonlocal trials
        if len(offsets) == len(names):
            return True
        name = names[len(offsets)]
        before = offsets[-1] if offsets else 1
        for offset in [(before - 1 - more) % slots for more in range(slots)] if downwards else range(slots):
            trials -= 1
            # Rows r of `name` and q of `other` share a slot where r - q = its offset - offset (mod slots).
            if all((its - offset) % slots not in taken[name, o] for o, its in zip(names, offsets, strict=False)):
                offsets.append(offset)
                if extend():
                    return True
                offsets.pop()
            if trials < 0:
                return False
        return False

    return offsets if extend() else None
