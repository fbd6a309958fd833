"""From live ranges to allocations: all that must be placed in the arena."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ircompile.ir.tensor import Array
from ircompile.plan.aliases import alias_roots_of
from ircompile.plan.intervals import RowIntervals, intervals_of
from ircompile.plan.liveness import LiveBlocks, LiveRanges, live_bytes_over_time, live_ranges, union
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.shared_rings import RingSharing, RingSlots
from ircompile.plan.steps import reach_of


@dataclass(frozen=True)
class Allocation:
    """Some `bytes` to place at one base, and the rows in them over time.

    `rings` are the tensors whose rows these are, one for each of `intervals`. Scratch is there only while its
    `stage` takes a step; `stage` is -1 for all else.
    """

    name: str
    bytes: int
    intervals: tuple[RowIntervals, ...]
    rings: tuple[RingSlots, ...] = ()
    stage: int = -1

    @cached_property
    def span(self) -> tuple[int, int]:
        """The first and last time at which any row is there."""
        spans = [rows.span for rows in self.intervals]
        return min(first for first, _ in spans), max(last for _, last in spans)

    def alive_at(self, time: int) -> int:
        """Bytes of the rows that are alive at a time."""
        return sum(rows.alive_at(time) for rows in self.intervals)


class StateRing(NamedTuple):
    """The ring buffer of a tensor with a state: row r of call t lives in slot (r + slot_offset + t * advance) mod
    slots. It is there all the time, so it shares its bytes with nothing.
    """

    name: str
    slots: int
    pitch: int
    slot_offset: int
    advance: int

    @property
    def bytes(self) -> int:
        """Bytes of all slots."""
        return self.slots * self.pitch

    @property
    def moves(self) -> bool:
        """Whether rows lie elsewhere in the next call, so that their place must be remembered."""
        return self.advance % self.slots > 0


class Allocations(NamedTuple):
    """All that must be placed, and by name of a tensor the one in whose rows it lives; and the rings of states."""

    all: list[Allocation]
    alias_roots: Mapping[str, str]
    states: tuple[StateRing, ...] = ()


class TemporaryBlock(NamedTuple):
    """Memory of one stage beside its tensors: scratch, recomputed rows, or running sums."""

    name: str
    rings: tuple[RingSlots, ...]
    live: LiveBlocks
    stage: int


def allocations_of(
    scheduled: ScheduledGraph,
    times: Mapping[int, Array],
    end: int,
    whole: Set[str],
    kept: Set[str],
    share_rings: bool,
) -> Allocations:
    """All that a schedule must place: tensors, line buffers, scratch and sums.

    With `share_rings`, tensors whose rows have equally many bytes may share ring buffers. The other arguments are
    those of `live_ranges`.
    """
    of_all = live_ranges(scheduled, times, end, whole, kept)
    states = tuple(_state_ring(scheduled, name, of_all[name], name in whole) for name in scheduled.history)
    live, roots = root_live_ranges(scheduled, of_all)
    found = []
    for names in ring_groups(scheduled, live, roots, share_rings):
        pitch = scheduled.rows[names[0]].bytes
        for rings in RingSharing(names, pitch, live).rings():
            found.append(_ring_allocation(rings, live))
    for block in temporary_blocks(scheduled, times):
        rows = RowIntervals(block.live.first, block.live.last, 0, 1, block.live.bytes)
        found.append(Allocation(block.name, block.live.bytes, (rows,), block.rings, block.stage))
    return Allocations(found, roots, states)


def _state_ring(scheduled: ScheduledGraph, name: str, live: LiveRanges, given: bool) -> StateRing:
    """The ring of a tensor with a state; rows that are `given` by the caller all at once lie side by side."""
    pitch, height = scheduled.rows[name]
    rows = scheduled.history[name]
    new, slots, slot_offset = height - rows, live.slots, 0
    if given:
        slots = -(-slots // new) * new
        slot_offset = -rows % slots
    return StateRing(name, slots, pitch, slot_offset, new)


def root_live_ranges(
    scheduled: ScheduledGraph, live: Mapping[str, LiveRanges]
) -> tuple[dict[str, LiveRanges], dict[str, str]]:
    """The live ranges of tensors that have rows of their own; and by name of each tensor in whose rows it lives.

    The live range of a row covers all tensors that live in it. Tensors with a state are left out: their rings are
    there all the time.
    """
    live = {name: ranges for name, ranges in live.items() if name not in scheduled.history}
    first = {name: ranges.first for name, ranges in live.items()}
    last = {name: ranges.last for name, ranges in live.items()}
    roots = alias_roots_of(scheduled.aliases, scheduled.slices, scheduled.rows, first, last)
    own: dict[str, LiveRanges] = {}
    for name, root in roots.items():
        own[root] = union(own[root], live[name]) if root in own else live[name]
    return own, roots


def ring_groups(
    scheduled: ScheduledGraph, live: Mapping[str, LiveRanges], roots: Mapping[str, str], share_rings: bool
) -> list[list[str]]:
    """Groups of tensors that might share a ring: equally many rows of equal bytes, not all of them stored."""
    unshifted = {roots[name] for name in scheduled.unshifted & roots.keys()}
    groups: dict[tuple[int, int], list[str]] = {}
    for name, ranges in live.items():
        rows = scheduled.rows[name]
        alone = not share_rings or name in unshifted or ranges.slots == rows.height
        groups.setdefault((-1, len(groups)) if alone else rows, []).append(name)
    return list(groups.values())


def _ring_allocation(rings: Sequence[RingSlots], live: Mapping[str, LiveRanges]) -> Allocation:
    """The allocation of one ring buffer, with all tensors that share it."""
    slots, pitch = rings[0].slots, rings[0].pitch
    intervals = tuple(intervals_of(live[r.name], slots, pitch, r.slot_offset) for r in rings)
    return Allocation("+".join(r.name for r in rings), slots * pitch, intervals, tuple(rings))


def temporary_blocks(scheduled: ScheduledGraph, times: Mapping[int, Array]) -> Iterator[TemporaryBlock]:
    """Scratch and recomputed rows, which live during each step, and sums, which live from the first to the last."""
    for index, at in times.items():
        if index < 0:
            continue
        stage, sums = scheduled.stages[index], scheduled.sums[index]
        for node in stage.nodes:
            scratch = scheduled.demands[node.name].scratch
            if scratch:
                yield TemporaryBlock(f"{node.name}:scratch", (), LiveBlocks(at, at, scratch), index)
        if stage.recomputed_producer:
            name = stage.recomputed_producer.output
            ring = RingSlots(name, reach_of(stage.node), scheduled.rows[name].bytes)
            yield TemporaryBlock(name, (ring,), LiveBlocks(at, at, ring.slots * ring.pitch), index)
        if sums:
            yield TemporaryBlock(f"{stage.node.name}:sums", (), LiveBlocks(at[:1], at[-1:], sums), -1)


def live_bytes(allocations: Sequence[Allocation]) -> Array:
    """The bytes that are alive at each time."""
    return live_bytes_over_time(
        [LiveBlocks(rows.first, rows.last, rows.pitch) for found in allocations for rows in found.intervals]
    )
