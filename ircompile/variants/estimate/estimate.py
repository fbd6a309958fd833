"""How much memory a graph takes: between a certified bound and a plan found in a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.kernels.model import Lowered
from ircompile.passes.compute_twice import compute_twice
from ircompile.plan.bound import lower_bound
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.memories import in_memories
from ircompile.plan.partition import partition
from ircompile.plan.scheduled_graph import ScheduledGraph, line_buffer_name
from ircompile.plan.settings import (
    FIRING_EFFORT,
    NEAR_LEAST,
    PLACED_STEPS,
    PLACING_LOSS,
    WORTH_COMPUTING_TWICE,
)
from ircompile.plan.stages import line_buffers_everywhere, recomputable_producers
from ircompile.plan.work import macs
from ircompile.target import MemoryRegion, Target
from ircompile.variants.slow_flash import room_in_turn, with_layers_in_turn
from ircompile.variants.tradeoffs import PlanVariant


class Planner:
    """A lowered graph, and what all its coarse plans have in common."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.line_buffers = line_buffers_everywhere(lowered.graph, lowered.demands)

    @cached_property
    def plain(self) -> ScheduledGraph:
        """The graph without line buffers."""
        return ScheduledGraph(self.lowered.graph, self.lowered.demands)

    @cached_property
    def with_line_buffers(self) -> ScheduledGraph:
        """The graph with line buffers wherever they can be."""
        return self.recomputing(frozenset())

    def recomputing(self, names: frozenset[str]) -> ScheduledGraph:
        """The graph with the producers of the named nodes recomputed, and line buffers everywhere else."""
        lowered = self.lowered
        return ScheduledGraph(lowered.graph, lowered.demands, self.line_buffers - names, names)

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


def estimate_forms(
    graph: Graph,
    target: Target,
    rows_input: bool,
    enough: int | None = None,
    planner: Planner | None = None,
) -> Estimate:
    """Of the graph or, where that needs a tenth less, of the one that computes twice what gates would store whole.

    Its bound is that of the form with the lower one. `planner` is the graph's, if there is one already; see
    `Planner.estimate` for `enough`.
    """
    found = (planner or Planner(lower(graph, target))).estimate(rows_input, enough)
    twice = compute_twice(graph)
    if twice is graph or (enough is not None and found.surely <= enough):
        return found
    other = Planner(lower(twice, target)).estimate(rows_input, enough)
    smaller = other.bytes <= WORTH_COMPUTING_TWICE * found.bytes
    return replace(other if smaller else found, bound=min(found.bound, other.bound))


def find_coarse(scheduled: ScheduledGraph, rows_input: bool) -> CandidatePlan:
    """A candidate of few live bytes for which few segments were fired.

    If its schedule is short enough to be placed, and that takes much more than the bytes alive, it may share rings
    or have the cuts of least ring bytes.
    """
    costs = SegmentCosts(scheduled, rows_input, with_rings=False)
    coarse = CandidatePlan(scheduled, tuple(partition(costs, costs.live, FIRING_EFFORT)), rows_input, False)
    if not is_short(coarse) or coarse.quick_size <= PLACING_LOSS * coarse.least_arena:
        return coarse
    costs = SegmentCosts(scheduled, rows_input)
    cuts = [tuple(partition(costs, peak, FIRING_EFFORT)) for peak in (costs.live, costs.rings)]
    others = (CandidatePlan(scheduled, each, rows_input, share) for each in cuts for share in (False, True))
    return min(others, key=lambda candidate: candidate.quick_size)


def is_short(candidate: CandidatePlan) -> bool:
    """Whether the schedule has so few steps that its buffers are placed."""
    return candidate.times.end <= PLACED_STEPS


@dataclass(frozen=True)
class Estimate:
    """A coarse plan of a lowered graph; the producers of the nodes named in `recomputing` are recomputed."""

    planner: Planner
    candidate: CandidatePlan
    bound: int
    recomputing: frozenset[str] = frozenset()

    @cached_property
    def placed(self) -> bool:
        """Whether all buffers have been placed, so that the plan really exists."""
        return is_short(self.candidate)

    @cached_property
    def bytes(self) -> int:
        """Arena bytes: of the placed plan, or those alive at its peak."""
        return self.candidate.quick_size if self.placed else self.candidate.least_arena

    @property
    def surely(self) -> int:
        """Arena bytes, and some more for what placing may take where it was not tried.

        The compiler knows each coarse plan, too, and takes it if it finds none that is as small.
        """
        return self.bytes if self.placed else round(PLACING_LOSS * self.bytes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference; those of recomputed rows count each time."""
        return macs(self.candidate.scheduled)

    @cached_property
    def holds(self) -> list[tuple[str, int]]:
        """What is alive at the peak, most bytes first."""
        held: dict[str, int] = {}
        for found in self.candidate.allocations:
            size = found.alive_at(self.candidate.peak_time)
            if size:
                held[found.name] = held.get(found.name, 0) + size
        return sorted(held.items(), key=lambda pair: (-pair[1], pair[0]))


def recomputing(start: Estimate, ram: int | None, most: int) -> Estimate:
    """Recomputes one producer after the other that is wide at the peak, until it fits; returns the least found."""
    rows_input = start.candidate.rows_input
    possible = recomputable_producers(start.planner.lowered.graph, start.planner.lowered.demands)
    best = now = start
    for _ in range(most):
        wide = {feeder.output: name for name, feeder in possible.items() if name not in now.recomputing}
        wide |= {line_buffer_name(name): name for name in possible if name not in now.recomputing}
        peak = [wide[part] for name, _ in now.holds for part in name.split("+") if part in wide]
        if not peak or (ram is not None and best.surely <= ram):
            break
        names = now.recomputing | {peak[0]}
        now = replace(now, candidate=find_coarse(start.planner.recomputing(names), rows_input), recomputing=names)
        if now.bytes < best.bytes:
            best = now
    return best


def in_turn(found: Estimate, target: Target, ram: int | None, memory: Sequence[MemoryRegion]) -> CandidatePlan:
    """The candidate that compiling makes of it where weights lie in slow flash; its own where that gains nothing.

    `ram` are the bytes that are asked for, None for the default plan.
    """
    variant, first = PlanVariant(found.planner.lowered, found.candidate), memory[0].bytes if memory else 0
    most = room_in_turn(found.bytes, "auto" if ram is None else ram, first)
    return with_layers_in_turn(variant, target, most).candidate


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
