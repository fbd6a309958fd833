"""Several memories: what is accessed most, for its size, goes to the fastest.

The memories follow each other in one range of offsets, so that a plan, its proof and its simulation need not know
of them. Only the C does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ircompile.errors import CompileError
from ircompile.plan.allocate import allocate
from ircompile.plan.allocations import Allocation
from ircompile.plan.allocator import Allocator
from ircompile.plan.candidate import CandidatePlan, aligned
from ircompile.plan.model import Region
from ircompile.plan.settings import THOROUGH_TRIALS
from ircompile.plan.steps import needs_of, writes_of
from ircompile.target import MemoryRegion


@dataclass(frozen=True)
class MemoryMap:
    """Where everything stands: the base of each allocation by name, the offset of the counters, and the regions."""

    bases: Mapping[str, int]
    counters: int
    regions: tuple[Region, ...]

    def memory_of(self, name: str) -> int:
        """The number of the memory in which an allocation lies."""
        base = self.bases[name]
        return max(number for number, region in enumerate(self.regions) if region.bytes and region.offset <= base)

    def fits_in(self, other: "MemoryMap") -> bool:
        """Whether no memory has a byte more than with the other map, and nothing lies in a slower one."""
        no_more = all(own.bytes <= its.bytes for own, its in zip(self.regions, other.regions, strict=True))
        both = self.bases.keys() & other.bases.keys()
        return no_more and all(self.memory_of(name) <= other.memory_of(name) for name in both)


def one_arena(candidate: CandidatePlan) -> MemoryMap:
    """Everything in one block."""
    placed, top = candidate.placement
    state = candidate.state_bytes
    bases = {name: state + base for name, base in placed.items()}
    counters = state - aligned(candidate.counter_bytes) if candidate.counters_last else state + aligned(top)
    return MemoryMap(bases, counters, (Region("arena", 0, candidate.arena_bytes(top)),))


def in_memories(candidate: CandidatePlan, memory: Sequence[MemoryRegion], reserved: int = 0) -> MemoryMap | None:
    """Everything in these memories, what is accessed most in the first; None if it does not fit.

    Everything goes to the first memory if it fits there. The counters, what outlives a call, and the `reserved`
    bytes of something else are always in the first.
    """
    first_room = memory[0].bytes - aligned(candidate.counter_bytes) - candidate.state_bytes - reserved
    if aligned(candidate.placement[1]) <= first_room:
        chosen: list[list[Allocation]] | None = [candidate.allocations, *([] for _ in memory[1:])]
    else:
        chosen = _chosen(candidate, [first_room, *(region.bytes for region in memory[1:])])
    return None if chosen is None else _one_after_other(candidate, memory, chosen)


def too_small(candidate: CandidatePlan, memory: Sequence[MemoryRegion]) -> CompileError:
    """The error that says what does not fit."""
    largest = max(candidate.allocations, key=lambda found: found.bytes)
    rows = "" if candidate.rows_input or len(candidate.scheduled.graph.inputs) > 1 else "--input rows, "
    verb = "does" if len(memory) == 1 else "do"
    return CompileError(
        "--memory",
        f"{', '.join(f'{m.name!r} of {m.bytes:,} bytes' for m in memory)} {verb} not hold a plan of "
        f"{candidate.size:,} bytes, {largest.bytes:,} of which are {largest.name}, in one piece",
        "memories in which every buffer lies whole",
        f"more memory, {rows}or a smaller input",
    )


def _chosen(candidate: CandidatePlan, rooms: Sequence[int]) -> list[list[Allocation]] | None:
    """The allocations of each memory: the best of three orders in which they are filled in.

    These are: most accesses a byte first; the same behind what fits in the first memory only; and largest first.
    """
    counts = access_counts(candidate)
    by_access = sorted(candidate.allocations, key=lambda a: (-counts[a.name] / a.bytes, -a.bytes))
    by_size = sorted(candidate.allocations, key=lambda a: -a.bytes)
    pinned = [a for a in by_size if a.bytes > max(rooms[1:], default=0)]
    orders = [by_access, [*pinned, *(a for a in by_access if a not in pinned)], by_size]
    allocator = Allocator(candidate.allocations)
    found = [chosen for order in orders if (chosen := _filled(allocator, order, rooms)) is not None]
    return min(found, key=lambda chosen: _cost(chosen, counts), default=None)


def _filled(
    allocator: Allocator, order: Sequence[Allocation], rooms: Sequence[int]
) -> list[list[Allocation]] | None:
    """Each allocation in the first memory that has room for it; None if one fits nowhere."""
    number = {found.name: i for i, found in enumerate(allocator.allocations)}
    bases: list[dict[int, int]] = [{} for _ in rooms]
    for found in order:
        index = number[found.name]
        for region, room in zip(bases, rooms, strict=True):
            base = allocator.lowest_base(index, region)
            if base + found.bytes <= room:
                region[index] = base
                break
        else:
            return None
    return [[allocator.allocations[i] for i in sorted(region)] for region in bases]


def _cost(chosen: Sequence[Sequence[Allocation]], counts: Mapping[str, int]) -> int:
    """Bytes accessed outside of the first memory; those of each further one count once more."""
    return sum(number * counts[found.name] for number, group in enumerate(chosen) for found in group)


def _one_after_other(
    candidate: CandidatePlan, memory: Sequence[MemoryRegion], chosen: Sequence[Sequence[Allocation]]
) -> MemoryMap:
    """The memories one after the other in the range of offsets, each placed by itself."""
    bases: dict[str, int] = {}
    regions: list[Region] = []
    counters = 0
    start, before = 0, candidate.state_bytes
    for number, (region, group) in enumerate(zip(memory, chosen, strict=True)):
        if len(group) == len(candidate.allocations):
            placed, top = candidate.placement
        else:
            placed, top = allocate(group, THOROUGH_TRIALS) if group else ({}, 0)
        if number == 0:
            counters, top = before + aligned(top), aligned(top) + candidate.counter_bytes
            if candidate.counters_last:
                counters, top = before - aligned(candidate.counter_bytes), top - candidate.counter_bytes
        bases |= {name: start + before + base for name, base in placed.items()}
        top, before = before + top, 0
        regions.append(Region(region.name, start, aligned(top)))
        start += aligned(top)
    return MemoryMap(bases, counters, tuple(regions))


def access_counts(candidate: CandidatePlan) -> dict[str, int]:
    """The bytes that one inference reads and writes in each allocation, by name.

    Scratch, sums and line buffers are counted as written and read once in every step of their lives.
    """
    scheduled = candidate.scheduled
    home = {ring.name: found.name for found in candidate.allocations for ring in found.rings}
    counts = dict.fromkeys((found.name for found in candidate.allocations), 0)
    for stage in scheduled.stages:
        site = scheduled.graph.site(stage.node)
        for step in range(stage.steps):
            touched = [(stage.node.output, *writes_of(stage, site, step))]
            needs = needs_of(stage, site, step)
            touched += [(name, *rows) for name, rows in zip(stage.inputs, needs, strict=True)]
            for name, lo, hi in touched:
                allocation = home.get(candidate.root_of(name))
                if allocation is not None:
                    counts[allocation] += max(hi - lo, 0) * scheduled.rows[name].bytes
    for found in candidate.allocations:
        if not counts[found.name]:
            counts[found.name] = 2 * sum(rows.byte_steps for rows in found.intervals)
    return counts
