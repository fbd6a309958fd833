"""The firing rule on chains, and on segments that begin or end as one, without firing step by step.

Where every stage of a segment waits for the one before it, the last stage asks for rows and the others follow. So
before stage i takes step s, the stage before it has taken just the steps that this one needs, and those upstream
what these needed; the stage behind it is at the first step that needs more than s steps of it, and so on
downstream. Both are a lookup a stage away, so the step of a whole run at which each stage fires is

    s + steps taken upstream + steps taken downstream

A shortcut changes nothing where it waits for nothing that the chain has not asked for before.

Where only the middle of a segment is no chain, its core, that is fired by the rule itself: the chain that feeds it
takes steps just before its first stage does, the chain that it feeds just after its last stage did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from ircompile.plan.firing import Fired, fire_times
from ircompile.plan.model import Stage
from ircompile.tensor import Array


class Chains:
    """When the stages of segments fire; the same as `plan.firing` says, in chains found in arrays."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = stages
        self.steps = [stage.steps for stage in stages]
        self.asked = [_asked(stage, i - 1) for i, stage in enumerate(stages)]
        self.readers = _readers_of(stages)
        self._cores: dict[tuple[int, int], dict[int, Array]] = {}
        self._upstream: dict[tuple[int, int], Array] = {}
        self._downstream: dict[tuple[int, int], Array] = {}

    def fired(self, first: int, stop: int) -> Fired:
        """The firings of segment [first, stop), its input being there."""
        head, tail = self.core(first, stop)
        steps = sum(self.steps[first:stop])
        if tail - head == 1:
            return Fired(self._chain(first, stop), steps)
        if (head, tail) not in self._cores:
            self._cores[head, tail] = fire_times(self.stages, head, tail, 0).times
        core = self._cores[head, tail]
        return Fired(core if (head, tail) == (first, stop) else self._around(first, stop, core), steps)

    def core(self, first: int, stop: int) -> tuple[int, int]:
        """The part of segment [first, stop) that is no chain, with the stage before it; one stage where all is."""
        tail = stop
        while tail - 1 > first and self.begins[tail - 1] <= first:
            tail -= 1
        head, furthest = first, first
        for stage in range(first, tail - 1):
            if self.begins[stage] > first and stage > first:
                break
            if furthest <= stage:
                head = stage
            furthest = max(furthest, min(self.stages[stage].join, stop - 1), *self._readers(stage, stop))
        return head, tail

    def _readers(self, stage: int, stop: int) -> Iterator[int]:
        return (reader for reader in self.readers[stage] if reader < stop)

    def _chain(self, first: int, stop: int) -> dict[int, Array]:
        """When each stage of a chain fires its steps."""
        times = {}
        for i in range(first, stop):
            times[i] = np.arange(self.steps[i]) + self.upstream(first, i) + self.downstream(i, stop)[:-1]
        return times

    def _around(self, first: int, stop: int, core: Mapping[int, Array]) -> dict[int, Array]:
        """The same of a segment with this core, whose stages fire at these steps if they are alone."""
        begin, end = min(core), max(core)
        alone = sum(len(at) for at in core.values())
        # Steps before the core when its first stage has taken 0, 1, ... steps, behind it when its last one has.
        above, below = np.append(0, self.upstream(first, begin)), self.downstream(end, stop)
        times = {
            i: at + above[core[begin].searchsorted(at, side="right")] + below[core[end].searchsorted(at)]
            for i, at in core.items()
        }
        at = np.append(core[begin], alone)
        later = at - np.arange(len(at)) + below[core[end].searchsorted(at)]
        for i in reversed(range(first, begin)):
            later = self._behind(i, later)
            times[i] = np.arange(self.steps[i]) + self.upstream(first, i) + later[:-1]
        at = core[end]
        earlier = at - np.arange(len(at)) + above[core[begin].searchsorted(at)]
        for i in range(end + 1, stop):
            earlier = self._before(i, earlier)
            times[i] = np.arange(self.steps[i]) + earlier + self.downstream(i, stop)[:-1]
        return {i: times[i] for i in range(first, stop)}

    def upstream(self, first: int, stage: int) -> Array:
        """Steps taken in [first, stage) before each step of a stage."""
        known, begin = self._upstream, stage
        while begin > first and (first, begin) not in known:
            begin -= 1
        known.setdefault((first, first), np.zeros(self.steps[first], np.int64))
        for i in range(begin + 1, stage + 1):
            known[first, i] = self._before(i, known[first, i - 1])
        return known[first, stage]

    def downstream(self, stage: int, stop: int) -> Array:
        """Steps taken in (stage, stop) before each step of a stage, and when it has taken all."""
        known, end = self._downstream, stage
        while end < stop - 1 and (end, stop) not in known:
            end += 1
        known.setdefault((stop - 1, stop), np.zeros(self.steps[stop - 1] + 1, np.int64))
        for i in reversed(range(stage, end)):
            known[i, stop] = self._behind(i, known[i + 1, stop])
        return known[stage, stop]

    def _before(self, stage: int, upstream: Array) -> Array:
        """Steps taken upstream before each step of a stage, from those before each of the stage it waits for."""
        asked = self.asked[stage]
        return asked + np.where(asked > 0, upstream[asked - 1], 0)

    def _behind(self, stage: int, downstream: Array) -> Array:
        """Steps taken downstream of a stage before each of its own, from those of the stage that waits for it."""
        taken = self.taken[stage + 1]
        return taken + downstream[taken]

    @cached_property
    def taken(self) -> list[Array]:
        """Of each stage the steps that it can take when the one before it has taken 0, 1, ... and all."""
        return [
            np.append(asked.searchsorted(np.arange(before), side="right"), len(asked))
            for asked, before in zip(self.asked, [0, *self.steps], strict=False)
        ]

    @cached_property
    def begins(self) -> list[int]:
        """Of each stage the first one from which on those up to it are a chain, if they are one up to its last."""
        return [self._begin(stage) for stage in range(len(self.steps))]

    def _begin(self, stage: int) -> int:
        """Behind the last source of a wait that the chain does not imply; the stage itself if none is before it."""
        if not any(wait.source == stage - 1 for wait in self.stages[stage].waits):
            return stage
        return max(
            (w.source + 1 for w in self.stages[stage].waits if self._asks_anew(stage, w.source, w.stops)), default=0
        )

    def _asks_anew(self, stage: int, source: int, stops: Sequence[int]) -> bool:
        """Whether a stage waits for steps of an earlier one that the chain has not asked for before."""
        if source < 0 or source == stage - 1:
            return False
        done = np.append(0, self.asked[stage][:-1])  # of the stage before, when each step is next
        for between in range(stage - 1, source, -1):
            if self.asked[between][0] == 0:
                return True
            done = np.where(done > 0, self.asked[between][done - 1], 0)
        return bool(np.any(np.asarray(stops)[1:] > done[1:]) or stops[0] > self.asked[source + 1][0])


def _asked(stage: Stage, source: int) -> Array:
    """The steps of a source that a stage has asked for by each of its steps."""
    asked = np.zeros(stage.steps, np.int64)
    for wait in stage.waits:
        if wait.source == source:
            np.maximum(asked, wait.stops, out=asked)
    return np.maximum.accumulate(asked)


def _readers_of(stages: Sequence[Stage]) -> list[list[int]]:
    """Of each stage those that wait for it."""
    readers: list[list[int]] = [[] for _ in stages]
    for i, stage in enumerate(stages):
        for wait in stage.waits:
            if wait.source >= 0:
                readers[wait.source].append(i)
    return readers
