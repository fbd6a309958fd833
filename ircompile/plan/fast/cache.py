"""Results that are found once for all variants of a graph, which have most of their segments in common.

A key holds all that its result depends on, so no entry is ever out of date.
"""

from collections.abc import Callable, Hashable, Sequence, Set
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from ircompile.ir.tensor import Site
from ircompile.plan.allocate import Allocator, OrderedPlacement
from ircompile.plan.allocations import Allocation
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.fast.incremental import place_changed
from ircompile.plan.liveness import LiveRanges
from ircompile.plan.model import Stage
from ircompile.plan.schedule import Segment
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.shortcuts import Shortcuts
from ircompile.plan.steps import reach_of

T = TypeVar("T")


class PlanCache(Shortcuts):
    """Remembers the rows of steps, peaks of segments, shared rings, and forbidden distances of two allocations."""

    def __init__(self) -> None:
        self.results: dict[Hashable, Any] = {}
        self.numbers: dict[Hashable, int] = {}
        self.stage_facts: WeakKeyDictionary[ScheduledGraph, list[int]] = WeakKeyDictionary()
        self.keys: dict[str, Callable[..., Hashable]] = {
            "step rows": self._step_rows,
            "segment peaks": self._segment_peaks,
            "segment live bytes": self._segment_peaks,
            "shared ring": self._shared_ring,
            "forbidden distances": self._forbidden_distances,
        }

    def recall(self, kind: str, facts: tuple[Any, ...], compute: Callable[[], T]) -> T:
        """Computes the result at the first time, and then looks it up."""
        key = kind, self.keys[kind](*facts)
        if key not in self.results:
            self.results[key] = compute()
        return cast(T, self.results[key])

    def recall_each(
        self, kind: str, facts: Sequence[tuple[Any, ...]], compute: Callable[[Sequence[int]], list[T]]
    ) -> list[T]:
        """Computes together all results that are missing."""
        keys = [(kind, self.keys[kind](*each)) for each in facts]
        missing = {key: n for n, key in enumerate(keys) if key not in self.results}
        if missing:
            self.results.update(zip(missing, compute(list(missing.values())), strict=True))
        return [self.results[key] for key in keys]

    def place_changed(
        self,
        allocator: Allocator,
        before: OrderedPlacement,
        order: Sequence[int],
        moved: Set[int],
        start: int,
        limit: int,
    ) -> OrderedPlacement | None:
        """Places only what the change can move."""
        return place_changed(allocator, before, order, moved, start, limit)

    def number(self, facts: Hashable) -> int:
        """A number for these facts, the same whenever they come, so that long keys become short."""
        return self.numbers.setdefault(facts, len(self.numbers))

    def _step_rows(self, stage: Stage, site: Site) -> Hashable:
        shapes = tuple((tensor.shape, tensor.itemsize) for tensor in (*site.inputs, site.output))
        return stage.node.op, shapes, stage.line_buffer

    def _shared_ring(self, live: Sequence[LiveRanges], most: int) -> Hashable:
        begin = live[0].begin
        return tuple((ranges.pattern, ranges.begin - begin) for ranges in live), most

    def _forbidden_distances(self, a: Allocation, b: Allocation) -> Hashable:
        return self.number(a.pattern), self.number(b.pattern), b.span[0] - a.span[0]

    def _segment_peaks(self, costs: SegmentCosts, segment: Segment, entering: Sequence[str]) -> Hashable:
        """Everything that the peaks of a segment depend on, apart from the carried bytes."""
        scheduled, (first, stop) = costs.scheduled, segment
        if scheduled not in self.stage_facts:
            self.stage_facts[scheduled] = [
                self.number(self._stage(scheduled, i)) for i in range(len(scheduled.stages))
            ]
        return (
            costs.rows_input and first == 0,
            tuple(self.stage_facts[scheduled][first:stop]),
            tuple(min(stage.resume_at, stop - 1) - first for stage in scheduled.stages[first:stop]),
            tuple(self.number(self._tensor(scheduled, name)) for name in entering),
            tuple(scheduled.last_reader[name] >= stop for name in costs.touched(segment, entering)),
        )

    def _stage(self, scheduled: ScheduledGraph, index: int) -> Hashable:
        """Everything about a stage, whatever comes before and after it."""
        stage, rows = scheduled.stages[index], scheduled.step_rows[index]
        producer = stage.recomputed_producer
        return (
            stage.steps,
            stage.line_buffer,
            tuple(dependency.required_steps for dependency in stage.dependencies),
            tuple(steps.tobytes() for steps in (rows.writer, *rows.readers, rows.buffered)),
            tuple(scheduled.demands[node.name].scratch for node in stage.nodes),
            scheduled.sums[index],
            (scheduled.rows[producer.output], reach_of(stage.node)) if producer else None,
            tuple(self._tensor(scheduled, name) for name in (stage.node.output, *stage.inputs)),
        )

    def _tensor(self, scheduled: ScheduledGraph, name: str) -> Hashable:
        """Everything about a tensor, apart from when it lives."""
        over = scheduled.written_over.get(name)
        return name, scheduled.rows[name], over, scheduled.slices.get(name), name in scheduled.unshifted
