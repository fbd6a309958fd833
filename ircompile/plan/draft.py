"""A plan in the making: cuts, what lives when, and, on request, where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.tensor import Array
from ircompile.plan.firing import Fired, one_after_other
from ircompile.plan.items import Item, Placing, items_of, live_bytes
from ircompile.plan.lifetimes import Problem
from ircompile.plan.model import ARENA_ALIGN, COUNTER_BYTES
from ircompile.plan.packing import Placement, pack
from ircompile.plan.segments import Segment

QUICK, THOROUGH = 50, 1500  # tries of the packer: to compare drafts, and for the one that is kept
HOPE = 1.08  # how much more the first places may need than the last
MANY = 100  # stages from which on fewer are tried


@dataclass(frozen=True)
class Draft:
    """Cuts, and what must be placed; `pooled` where blocks share rings."""

    problem: Problem
    segments: tuple[Segment, ...]
    rows: bool
    pooled: bool

    @cached_property
    def fired(self) -> Fired:
        """The run."""
        return one_after_other([self.problem.fired(*segment, self.rows) for segment in self.segments])

    @property
    def items(self) -> list[Item]:
        """All that must be placed."""
        return self.placing.items

    @cached_property
    def placing(self) -> Placing:
        """All that must be placed, and who lives in whose rows."""
        graph = self.problem.graph
        whole, kept = set(graph.input_names[self.rows :]), set(graph.output_names)
        return items_of(self.problem, *self.fired, whole, kept, self.pooled)

    @property
    def counters(self) -> int:
        """Bytes of the schedule's counters."""
        return COUNTER_BYTES * (max(stop - first for first, stop in self.segments) + self.rows * 2)

    @cached_property
    def live(self) -> Array:
        """Bytes alive at each step, counters not counted."""
        return live_bytes(self.items)

    @cached_property
    def peak(self) -> int:
        """The most bytes alive at one step, counters not counted."""
        return int(self.live.max())

    @cached_property
    def peaks(self) -> list[int]:
        """The most bytes alive in each segment, greatest first."""
        return sorted((int(self.live[steps].max()) for steps in self._stretches), reverse=True)

    @property
    def peak_step(self) -> int:
        """The first step at which so many are alive."""
        return int(self.live.argmax())

    @property
    def peak_steps(self) -> list[int]:
        """The same of each segment that peaks as high."""
        steps = [stretch.start + int(self.live[stretch].argmax()) for stretch in self._stretches]
        return [step for step in steps if self.live[step] == self.peak]

    @property
    def _stretches(self) -> list[slice]:
        """From which step to which each segment runs."""
        stops = np.cumsum([self.problem.fired(*segment, self.rows).steps for segment in self.segments]).tolist()
        return [slice(first, stop) for first, stop in pairwise([0, *stops])]

    @property
    def peak_node(self) -> Node:
        """The node that fires at that step."""
        return self.problem.stages[self.fired.stage_at(self.peak_step)].node

    def held(self, step: int) -> dict[str, int]:
        """Bytes alive at a step: tensors, lines, scratch and sums."""
        held: dict[str, int] = {}
        for item in (item for item in self.items if item.span[0] <= step <= item.span[1]):
            names = [ring.name for ring in item.rings] or [item.name]
            for name, track in zip(names, item.tracks, strict=True):
                if track.alive_at(step):
                    held[name] = track.alive_at(step)
        return held

    @property
    def floor(self) -> int:
        """Arena bytes that no placement goes below."""
        return self.arena(self.peak)

    @cached_property
    def quick(self) -> int:
        """Arena bytes after a short search for places."""
        return self.quickly()

    def quickly(self, limit: float = inf) -> int:
        """Arena bytes after a short search for places, a shorter one where `limit` is out of reach."""
        return self.arena(
            pack(self.items, self._tries(QUICK), self.peak, HOPE * limit, known=self.problem.known)[1]
        )

    @cached_property
    def placement(self) -> Placement:
        """Places after a long search."""
        return pack(self.items, self._tries(THOROUGH), self.peak, known=self.problem.known)

    @property
    def size(self) -> int:
        """Arena bytes after a long search for places."""
        return self.arena(self.placement[1])

    def _tries(self, tries: int) -> int:
        return min(tries, tries * MANY**2 // len(self.problem.stages) ** 2)

    def arena(self, top: int) -> int:
        """Arena bytes where buffers need `top`."""
        return aligned(aligned(top) + self.counters)


def aligned(size: int) -> int:
    """Rounded up to the arena's alignment."""
    return -(-size // ARENA_ALIGN) * ARENA_ALIGN
