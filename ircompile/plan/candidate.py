"""A candidate for the plan: cuts, the live ranges that follow from them and, on request, a placement."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.tensor import Array
from ircompile.plan.allocate import Placement, allocate
from ircompile.plan.allocations import Allocation, Allocations, StateRing, allocations_of, live_bytes
from ircompile.plan.model import ARENA_ALIGN, COUNTER_BYTES, POSITION_BYTES
from ircompile.plan.schedule import Segment, StepTimes, one_after_other
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import MANY_STAGES, QUICK_TRIALS, THOROUGH_TRIALS, WORTH_TRIALS


@dataclass(frozen=True)
class CandidatePlan:
    """A graph cut into segments. With `rows_input`, input 0 is pushed; with `share_rings`, tensors share rings."""

    scheduled: ScheduledGraph
    segments: tuple[Segment, ...]
    rows_input: bool
    share_rings: bool

    @cached_property
    def _segment_times(self) -> list[StepTimes]:
        return [self.scheduled.segment_times(*segment, self.rows_input) for segment in self.segments]

    @cached_property
    def times(self) -> StepTimes:
        """The times of all steps of the whole run."""
        return one_after_other(self._segment_times)

    @cached_property
    def _allocations(self) -> Allocations:
        graph = self.scheduled.graph
        whole, kept = set(graph.input_names[self.rows_input :]), set(graph.output_names)
        return allocations_of(self.scheduled, *self.times, whole, kept, self.share_rings)

    @property
    def allocations(self) -> list[Allocation]:
        """All that must be placed."""
        return self._allocations.all

    def root_of(self, tensor: str) -> str:
        """The tensor in whose rows a tensor lives."""
        return self._allocations.alias_roots.get(tensor, tensor)

    @property
    def state_rings(self) -> tuple[StateRing, ...]:
        """The ring buffers that outlive a call; they stand at the begin of the arena, behind `position_bytes`."""
        return self._allocations.states

    @property
    def position_bytes(self) -> int:
        """Bytes that say where the rows of those rings are."""
        return aligned(POSITION_BYTES * sum(ring.moves for ring in self.state_rings))

    @property
    def lasting_bytes(self) -> int:
        """Bytes of those rings and of their positions."""
        return self.position_bytes + sum(aligned(ring.bytes) for ring in self.state_rings)

    @property
    def state_bytes(self) -> int:
        """Bytes of all that outlives a call: where rows are pushed, the counters, too, which say how many came."""
        return self.lasting_bytes + (aligned(self.counter_bytes) if self.counters_last else 0)

    @property
    def counters_last(self) -> bool:
        """Whether the counters outlive a call."""
        return self.rows_input and bool(self.state_rings)

    @property
    def counter_bytes(self) -> int:
        """Bytes of the schedule's counters."""
        return COUNTER_BYTES * (max(stop - first for first, stop in self.segments) + self.rows_input * 2)

    @cached_property
    def live(self) -> Array:
        """Bytes alive at each time, without the counters."""
        return live_bytes(self.allocations)

    @cached_property
    def peak_bytes(self) -> int:
        """The most bytes alive at one time, without the counters."""
        return int(self.live.max())

    @cached_property
    def segment_peaks(self) -> list[int]:
        """The most bytes alive in each segment, the greatest first."""
        return sorted((int(self.live[span].max()) for span in self.spans), reverse=True)

    @property
    def peak_time(self) -> int:
        """The first time at which most bytes are alive."""
        return int(self.live.argmax())

    @property
    def peak_times(self) -> list[int]:
        """The first such time in each segment that has as high a peak."""
        times = [span.start + int(self.live[span].argmax()) for span in self.spans]
        return [time for time in times if self.live[time] == self.peak_bytes]

    @property
    def spans(self) -> list[slice]:
        """From which time to which each segment runs."""
        ends = np.cumsum([times.end for times in self._segment_times]).tolist()
        return [slice(first, stop) for first, stop in pairwise([0, *ends])]

    @property
    def peak_node(self) -> Node:
        """The node that takes its step when most bytes are alive."""
        return self.scheduled.stages[self.times.stage_at(self.peak_time)].node

    def held(self, time: int) -> dict[str, int]:
        """Bytes alive at a time by name of a tensor, line buffer, scratch or sums."""
        held: dict[str, int] = {}
        for found in (a for a in self.allocations if a.span[0] <= time <= a.span[1]):
            names = [ring.name for ring in found.rings] or [found.name]
            for name, rows in zip(names, found.intervals, strict=True):
                if rows.alive_at(time):
                    held[name] = rows.alive_at(time)
        return held

    @property
    def least_arena(self) -> int:
        """Arena bytes below which no placement of this candidate can go."""
        return self.arena_bytes(self.peak_bytes)

    @cached_property
    def quick_size(self) -> int:
        """Arena bytes after a short search for a placement."""
        return self.quick_size_within(inf)

    def quick_size_within(self, limit: float) -> int:
        """Arena bytes after a short search, which is shorter still if `limit` is out of reach."""
        trials, worth = self._trials(QUICK_TRIALS), WORTH_TRIALS * limit - self.state_bytes
        return self.arena_bytes(allocate(self.allocations, trials, self.peak_bytes, worth)[1])

    @cached_property
    def placement(self) -> Placement:
        """The placement after a long search."""
        return allocate(self.allocations, self._trials(THOROUGH_TRIALS), self.peak_bytes)

    @property
    def size(self) -> int:
        """Arena bytes after a long search for a placement."""
        return self.arena_bytes(self.placement[1])

    def _trials(self, trials: int) -> int:
        return min(trials, trials * MANY_STAGES**2 // len(self.scheduled.stages) ** 2)

    def arena_bytes(self, top: int) -> int:
        """Arena bytes if buffers need `top`: states stand before them, the counters behind; all are aligned."""
        return self.state_bytes + aligned(aligned(top) + (0 if self.counters_last else self.counter_bytes))


def aligned(size: int) -> int:
    """A size rounded up to the arena's alignment."""
    return -(-size // ARENA_ALIGN) * ARENA_ALIGN
