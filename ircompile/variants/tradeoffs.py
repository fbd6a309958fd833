"""The variants of a plan, each smaller than the one before it and mostly slower.

From the fastest down: ring buffers only; line buffers where they save most, the default; kernels with less scratch;
line buffers in every window; then, one after the other, layers that are wide at the peak are computed in parts of
their channels; then the layers before wide windows are recomputed for every window instead of being kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.kernels.model import Lowered
from ircompile.passes.split_channels import base_name, split_channels, splittable
from ircompile.plan import Plan, lay_out
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.memories import MemoryMap
from ircompile.plan.scheduled_graph import ScheduledGraph, line_buffer_name
from ircompile.plan.search import find_candidate, find_default
from ircompile.plan.settings import CHANNEL_PARTS, MOST_WORK, SEARCH_EVERY
from ircompile.plan.shortcuts import Shortcuts
from ircompile.plan.stages import line_buffers_everywhere, recomputable_producers
from ircompile.plan.work import instructions, macs
from ircompile.target import Target


@dataclass(frozen=True)
class PlanVariant:
    """A lowered form of the graph, and the candidate for its plan.

    `frugal` kernels take less scratch. The depthwise convolutions named in `parts` are computed in so many parts of
    their channels. The producers of those named in `recomputing` are recomputed for every window.
    """

    lowered: Lowered
    candidate: CandidatePlan
    frugal: bool = False
    parts: Mapping[str, int] = field(default_factory=dict)
    recomputing: frozenset[str] = frozenset()
    memory_map: MemoryMap | None = None

    @cached_property
    def plan(self) -> Plan:
        """The plan itself."""
        return lay_out(self.candidate, self.memory_map)

    @property
    def ram(self) -> int:
        """Arena bytes."""
        return self.candidate.size

    @cached_property
    def work(self) -> int:
        """Estimated instructions of one inference."""
        return instructions(self.candidate.scheduled)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return macs(self.candidate.scheduled)


def variants(graph: Graph, target: Target, input_mode: InputMode, remembered: Shortcuts) -> Iterator[PlanVariant]:
    """All variants; the default stands before the first that does more work."""
    others = without_recomputing(graph, target, input_mode, remembered)
    variant = next(others)
    yield variant
    default = [default_variant(graph, target, input_mode, remembered)]
    for variant in others:
        if default and variant.work >= default[0].work:
            yield default.pop()
        yield variant
    yield from default
    yield from _smaller_and_smaller(graph, target, variant, recompute=True, most=None)


def default_variant(
    graph: Graph, target: Target, input_mode: InputMode, remembered: Shortcuts | None = None
) -> PlanVariant:
    """The variant with the fewest line buffers among those within 5 % of the least memory."""
    lowered = lower(graph, target)
    return PlanVariant(lowered, find_default(lowered.graph, lowered.demands, input_mode, remembered))


def without_recomputing(
    graph: Graph, target: Target, input_mode: InputMode, remembered: Shortcuts
) -> Iterator[PlanVariant]:
    """The variants that compute every row once, without the default; the first is the fastest."""
    lowered, frugal = lower(graph, target), lower(graph, target, frugal=True)
    differ = frugal.demands != lowered.demands

    def variant(form: Lowered, line_buffers: frozenset[str], frugal: bool) -> PlanVariant:
        scheduled = ScheduledGraph(form.graph, form.demands, line_buffers, shortcuts=remembered)
        return PlanVariant(form, find_candidate(scheduled, input_mode), frugal)

    yield variant(lowered, frozenset(), False)
    if differ:
        yield variant(frugal, frozenset(), True)
    last = variant(frugal, line_buffers_everywhere(frugal.graph, frugal.demands), differ)
    yield last
    yield from _smaller_and_smaller(graph, target, last, recompute=False, most=MOST_WORK * last.work)


def _smaller_and_smaller(
    graph: Graph, target: Target, variant: PlanVariant, recompute: bool, most: float | None
) -> Iterator[PlanVariant]:
    """Applies changes that lower the peak, one by one; after every few, the cuts are searched for again."""
    changes = 0
    while (lower_peak := _with_lower_peak(graph, target, variant, recompute, most)) is not None:
        variant, changes = lower_peak, changes + 1
        yield variant
        if changes % SEARCH_EVERY == 0:
            variant = _with_best_cuts(variant)
            yield variant
    if changes % SEARCH_EVERY:
        variant = _with_best_cuts(variant)
        yield variant
        yield from _smaller_and_smaller(graph, target, variant, recompute, most)


def _with_best_cuts(variant: PlanVariant) -> PlanVariant:
    """The variant with cuts that are searched for again, if those are better."""
    found = find_candidate(variant.candidate.scheduled, "rows" if variant.candidate.rows_input else "resident")
    if found.least_arena >= variant.ram:
        return variant
    return replace(variant, candidate=min(variant.candidate, found, key=lambda candidate: candidate.size))


def _with_lower_peak(
    graph: Graph, target: Target, variant: PlanVariant, recompute: bool, most: float | None
) -> PlanVariant | None:
    """The variant with one more change and a lower peak; None if none has one within `most` instructions."""
    for names in _wide_at_peaks(graph, variant):
        counts = [n for n in CHANNEL_PARTS if n > max(variant.parts.get(name, 1) for name in names)]
        changes: list[tuple[Mapping[str, int], frozenset[str]]]
        changes = [({**variant.parts, **dict.fromkeys(names, n)}, variant.recomputing) for n in counts]
        if recompute and not variant.recomputing & names:
            more = variant.recomputing | names
            changes = [(variant.parts, more), *((parts, more) for parts, _ in changes)]
        for parts, recomputing in changes:
            other = _changed(graph, target, variant, parts, recomputing)
            if not other or (most is not None and other.work > most):
                continue
            if other.candidate.segment_peaks < variant.candidate.segment_peaks:
                return other
    return None


def _wide_at_peaks(graph: Graph, variant: PlanVariant) -> list[frozenset[str]]:
    """Groups of depthwise convolutions whose wide input or line buffer is alive at the peak; most bytes first.

    If several segments peak alike, the peak is lower only once the layers that hold the same place in all of them
    are changed. Such layers form a group.
    """
    wide = {node.output: name for name, chain in splittable(graph).items() for node in chain[:-1]}
    wide |= {line_buffer_name(name): name for name in splittable(graph)}
    peaks = [_wide_among(variant.candidate.held(time), wide) for time in variant.candidate.peak_times]
    alike = [held for held in peaks if [*held.values()] == [*peaks[0].values()]]
    return [frozenset(names) for names in zip(*alike, strict=True)]


def _wide_among(held: Mapping[str, int], wide: Mapping[str, str]) -> dict[str, int]:
    """The bytes that are held by or for each depthwise convolution, most first."""
    bytes_of: dict[str, int] = {}
    ending = line_buffer_name("")
    for root, size in held.items():
        base = base_name(root.removesuffix(ending))
        name = wide.get(line_buffer_name(base) if root.endswith(ending) else base)
        if name:
            bytes_of[name] = bytes_of.get(name, 0) + size
    return dict(sorted(bytes_of.items(), key=lambda pair: (-pair[1], pair[0])))


def _changed(
    graph: Graph, target: Target, variant: PlanVariant, parts: Mapping[str, int], recomputing: frozenset[str]
) -> PlanVariant | None:
    """The same cuts in another form of the graph; None if a producer of that form cannot be recomputed."""
    lowered = lower(split_channels(graph, parts), target, variant.frugal)
    names = frozenset(
        n for n in recomputable_producers(lowered.graph, lowered.demands) if base_name(n) in recomputing
    )
    if {base_name(name) for name in names} != recomputing:
        return None
    candidate = variant.candidate
    line_buffers = line_buffers_everywhere(lowered.graph, lowered.demands) - names
    remembered = candidate.scheduled.shortcuts
    scheduled = ScheduledGraph(lowered.graph, lowered.demands, line_buffers, names, remembered)
    stages = reversed(list(enumerate(scheduled.stages)))
    place = {base_name(node.name): i for i, stage in stages for node in stage.nodes}
    old = candidate.scheduled.stages
    firsts = sorted({0, *(place.get(base_name(old[first].node.name), 0) for first, _ in candidate.segments)})
    segments = tuple(zip(firsts, [*firsts[1:], len(scheduled.stages)], strict=True))
    changed = replace(candidate, scheduled=scheduled, segments=segments)
    return PlanVariant(lowered, changed, variant.frugal, parts, recomputing)
