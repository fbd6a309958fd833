"""How much memory a graph takes: between a certified bound and a plan found in a moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ircompile.ir.graph import Graph
from ircompile.kernels.lower import Lowered
from ircompile.plan.bound import lower_bound
from ircompile.plan.draft import Draft
from ircompile.plan.lifetimes import Problem
from ircompile.plan.model import Stage
from ircompile.plan.search import NEAR, lines_everywhere
from ircompile.plan.stages import can_compute_again
from ircompile.variants.estimate.coarse import Coarse, find_coarse

PLACED_EVENTS = 4000  # schedules up to this long are placed for true
PLACING_LOSS = 1.03  # what placing may take beside the bytes alive, where it was not tried
CERTAINTY = 1.01  # the compiler searches in another way, and may end a little above a plan that is known here


class Planner:
    """A lowered graph and what all its coarse plans have in common."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.lines = lines_everywhere(lowered.graph)

    @cached_property
    def plain(self) -> Problem:
        """Rings only."""
        return Problem(self.lowered.graph, self.lowered.demands)

    @cached_property
    def with_lines(self) -> Problem:
        """Lines wherever they can be."""
        return self.computing_again(frozenset())

    def computing_again(self, again: frozenset[str]) -> Problem:
        """What feeds the named nodes computed anew for every window, lines everywhere else."""
        return Problem(self.lowered.graph, self.lowered.demands, self.lines - again, again)

    def estimate(self, rows: bool) -> Estimate:
        """About the plan that the compiler would make: rings, and lines where those save much."""
        bound = lower_bound(self.plain, rows)
        found = Estimate(self, find_coarse(self.plain, rows), bound)
        if found.bytes > NEAR * bound and self.lines:
            least = Estimate(self, find_coarse(self.with_lines, rows), bound)
            found = found if found.bytes <= NEAR * least.bytes else least
        return found


@dataclass(frozen=True)
class Estimate:
    """A coarse plan of a lowered graph. `again`: whose input rows are computed anew for every window."""

    planner: Planner
    coarse: Coarse
    bound: int
    again: frozenset[str] = frozenset()

    @cached_property
    def placed(self) -> bool:
        """Whether every byte has its place, so that the plan is there."""
        return self.coarse.fired.steps <= PLACED_EVENTS

    @cached_property
    def bytes(self) -> int:
        """Arena bytes: of the placed plan, or those alive at its peak."""
        return self.draft.quick if self.placed else self.coarse.bytes

    @cached_property
    def draft(self) -> Draft:
        """What is placed: with rings shared where that is needed to come near the bytes alive."""
        apart = self.coarse.draft
        if apart.quick <= PLACING_LOSS * self.coarse.bytes:
            return apart
        return min(apart, replace(apart, pooled=True), key=lambda draft: draft.quick)

    @property
    def surely(self) -> int:
        """Arena bytes, and some for what another search for places may take."""
        return round((CERTAINTY if self.placed else PLACING_LOSS) * self.bytes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, those computed anew counted each time."""
        graph, more = self.coarse.problem.graph, 0.0
        for stage in self.coarse.problem.stages:
            if stage.again:
                more += stage.again.op.macs(graph.site(stage.again)) * (_times_again(graph, stage) - 1)
        return graph.macs() + round(more)

    @cached_property
    def holds(self) -> list[tuple[str, int]]:
        """What is alive at the peak, most bytes first."""
        held: dict[str, int] = {}
        coarse, step = self.coarse, int(self.coarse.live.argmax())
        for item in self.draft.items if self.placed else coarse.items:
            size = item.alive_at(step)
            if size:
                held[item.name] = held.get(item.name, 0) + size
        return sorted(held.items(), key=lambda pair: (-pair[1], pair[0]))


def recomputing(start: Estimate, ram: int | None, steps: int) -> Estimate:
    """With more and more of what is wide at the peak computed anew, until it fits; the least that was found."""
    graph, rows = start.planner.lowered.graph, start.coarse.rows
    possible = can_compute_again(graph)
    best = now = start
    for _ in range(steps):
        wide = {feeder.output: name for name, feeder in possible.items() if name not in now.again}
        wide |= {f"{name}:lines": name for name in possible if name not in now.again}
        peak = [wide[part] for name, _ in now.holds for part in name.split("+") if part in wide]
        if not peak or (ram is not None and best.surely <= ram):
            break
        again = now.again | {peak[0]}
        now = replace(now, coarse=find_coarse(start.planner.computing_again(again), rows), again=again)
        if now.bytes < best.bytes:
            best = now
    return best


def _times_again(graph: Graph, stage: Stage) -> float:
    """How often a row of what a stage computes anew is computed, on average."""
    site = graph.site(stage.node)
    rows = [stop - first for step in range(stage.steps) for first, stop in stage.node.op.needs(site, step)]
    return sum(rows) / site.inputs[0].height
