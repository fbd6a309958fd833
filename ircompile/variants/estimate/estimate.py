"""How much memory a graph takes: between a certified bound and a plan found in a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ircompile.kernels.model import Lowered
from ircompile.plan.bound import lower_bound
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.fast import shortcuts
from ircompile.plan.memories import in_memories
from ircompile.plan.partition import partition
from ircompile.plan.scheduled_graph import ScheduledGraph, line_buffer_name
from ircompile.plan.settings import FIRING_EFFORT, NEAR_LEAST, PLACED_STEPS, PLACING_LOSS, SEARCH_LOSS
from ircompile.plan.stages import line_buffers_everywhere, recomputable_producers
from ircompile.plan.work import macs
from ircompile.target import MemoryRegion


class Planner:
    """A lowered graph, and what all its coarse plans have in common."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.line_buffers = line_buffers_everywhere(lowered.graph, lowered.demands)
        self.shortcuts = shortcuts()

    @cached_property
    def plain(self) -> ScheduledGraph:
        """The graph without line buffers."""
        return ScheduledGraph(self.lowered.graph, self.lowered.demands, shortcuts=self.shortcuts)

    @cached_property
    def with_line_buffers(self) -> ScheduledGraph:
        """The graph with line buffers wherever they can be."""
        return self.recomputing(frozenset())

    def recomputing(self, names: frozenset[str]) -> ScheduledGraph:
        """The graph with the producers of the named nodes recomputed, and line buffers everywhere else."""
        lowered = self.lowered
        return ScheduledGraph(lowered.graph, lowered.demands, self.line_buffers - names, names, self.shortcuts)

    def estimate(self, rows_input: bool, enough: int | None = None) -> Estimate:
        """About the plan that the compiler would make: line buffers only if they save much.

        A plan that surely takes no more than `enough` bytes is good enough: then no better one is looked for.
        """
        bound = lower_bound(self.plain, rows_input)
        found = Estimate(self, find_coarse(self.plain, rows_input), bound)
        if enough is not None and found.surely <= enough:
            return found
        if found.bytes > NEAR_LEAST * bound and self.line_buffers:
            least = Estimate(self, find_coarse(self.with_line_buffers, rows_input), bound)
            found = found if found.bytes <= NEAR_LEAST * least.bytes else least
        return found


def find_coarse(scheduled: ScheduledGraph, rows_input: bool) -> CandidatePlan:
    """A candidate of few live bytes for which few segments were fired; it shares no rings."""
    costs = SegmentCosts(scheduled, rows_input, with_rings=False)
    return CandidatePlan(scheduled, tuple(partition(costs, costs.live, FIRING_EFFORT)), rows_input, False)


@dataclass(frozen=True)
class Estimate:
    """A coarse plan of a lowered graph; the producers of the nodes named in `recomputing` are recomputed."""

    planner: Planner
    coarse: CandidatePlan
    bound: int
    recomputing: frozenset[str] = frozenset()

    @cached_property
    def placed(self) -> bool:
        """Whether all buffers have been placed, so that the plan really exists."""
        return self.coarse.times.end <= PLACED_STEPS

    @cached_property
    def bytes(self) -> int:
        """Arena bytes: of the placed plan, or those alive at its peak."""
        return self.candidate.quick_size if self.placed else self.coarse.least_arena

    @cached_property
    def candidate(self) -> CandidatePlan:
        """The candidate that is placed; it shares rings if it needs that to come near the bytes alive."""
        if self.coarse.quick_size <= PLACING_LOSS * self.coarse.least_arena:
            return self.coarse
        return min(self.coarse, replace(self.coarse, share_rings=True), key=lambda candidate: candidate.quick_size)

    @property
    def surely(self) -> int:
        """Arena bytes, and some more for what another search or another placement may take."""
        return round((SEARCH_LOSS if self.placed else PLACING_LOSS) * self.bytes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference; those of recomputed rows count each time."""
        return macs(self.coarse.scheduled)

    @cached_property
    def holds(self) -> list[tuple[str, int]]:
        """What is alive at the peak, most bytes first."""
        held: dict[str, int] = {}
        for found in self.candidate.allocations if self.placed else self.coarse.allocations:
            size = found.alive_at(self.coarse.peak_time)
            if size:
                held[found.name] = held.get(found.name, 0) + size
        return sorted(held.items(), key=lambda pair: (-pair[1], pair[0]))


def recomputing(start: Estimate, ram: int | None, most: int) -> Estimate:
    """Recomputes one producer after the other that is wide at the peak, until it fits; returns the least found."""
    rows_input = start.coarse.rows_input
    possible = recomputable_producers(start.planner.lowered.graph, start.planner.lowered.demands)
    best = now = start
    for _ in range(most):
        wide = {feeder.output: name for name, feeder in possible.items() if name not in now.recomputing}
        wide |= {line_buffer_name(name): name for name in possible if name not in now.recomputing}
        peak = [wide[part] for name, _ in now.holds for part in name.split("+") if part in wide]
        if not peak or (ram is not None and best.surely <= ram):
            break
        names = now.recomputing | {peak[0]}
        now = replace(now, coarse=find_coarse(start.planner.recomputing(names), rows_input), recomputing=names)
        if now.bytes < best.bytes:
            best = now
    return best


def budget_of(ram: int | None, memory: Sequence[MemoryRegion]) -> int | None:
    """Bytes to fit in: those asked about, and no more than all memories have; None where nothing was asked."""
    total = sum(region.bytes for region in memory) if memory else None
    return min((size for size in (ram, total) if size is not None), default=None)


def shares(found: Estimate, memory: Sequence[MemoryRegion]) -> tuple[tuple[str, int], ...]:
    """Bytes in each of several memories; nothing where they do not hold the plan, or that is not known."""
    if len(memory) < 2:
        return ()
    if found.surely <= memory[0].bytes:
        return ((memory[0].name, found.bytes), *((region.name, 0) for region in memory[1:]))
    places = in_memories(found.candidate, memory) if found.placed else None
    return tuple((region.name, region.bytes) for region in places.regions) if places else ()
