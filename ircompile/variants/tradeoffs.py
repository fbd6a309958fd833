"""The variants of a plan, each smaller than the one before it and mostly slower.

From the fastest down: ring buffers only; line buffers where they save most, the default; kernels with less scratch;
line buffers in every window; then, one after the other, layers that are wide at the peak are computed in parts of
their channels; then the layers before wide windows are recomputed for every window instead of being kept: first
some of these parts, then all, beginning where a multiply-accumulate saves most bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph, Node
from ircompile.kernels.lower import lower
from ircompile.kernels.model import Lowered
from ircompile.passes.split_channels import base_name, part_count, split_channels, splittable
from ircompile.plan import Plan, lay_out
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.memories import MemoryMap
from ircompile.plan.partition import partition
from ircompile.plan.scheduled_graph import ScheduledGraph, line_buffer_name
from ircompile.plan.search import find_candidate, find_default
from ircompile.plan.settings import (
    CHANNEL_PARTS,
    LAYERS_AHEAD,
    MOST_WORK,
    RECOMPUTED_SHARES,
    SEARCH_EVERY,
    SMALL_STEP,
    WORTH_RECOMPUTING,
)
from ircompile.plan.stages import line_buffers_everywhere, recomputable_producers
from ircompile.plan.steps import reach_of
from ircompile.plan.work import instructions, macs, times_recomputed
from ircompile.target import Target

MOST_PARTS = max(CHANNEL_PARTS)


@dataclass(frozen=True)
class PlanVariant:
    """A lowered form of the graph, and the candidate for its plan.

    `frugal` kernels take less scratch. The depthwise convolutions named in `parts` are computed in so many parts of
    their channels. The producers of those named in `recomputing` are recomputed for every window, in so many of
    these parts; the others keep their rows. `in_turn` are the bytes that it takes more so that layers take turns.
    """

    lowered: Lowered
    candidate: CandidatePlan
    frugal: bool = False
    parts: Mapping[str, int] = field(default_factory=dict)
    recomputing: Mapping[str, int] = field(default_factory=dict)
    memory_map: MemoryMap | None = None
    in_turn: int = 0

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


def variants(graph: Graph, target: Target, input_mode: InputMode) -> Iterator[PlanVariant]:
    """All variants; the default stands before the first that does more work."""
    others = without_recomputing(graph, target, input_mode)
    variant = next(others)
    yield variant
    default = [default_variant(graph, target, input_mode)]
    for variant in others:
        if default and variant.work >= default[0].work:
            yield default.pop()
        yield variant
    yield from default
    yield from _smaller_and_smaller(graph, target, variant, recompute=True, most=None)


def default_variant(graph: Graph, target: Target, input_mode: InputMode) -> PlanVariant:
    """The variant with the fewest line buffers among those within 5 % of the least memory."""
    lowered = lower(graph, target)
    return PlanVariant(lowered, find_default(lowered.graph, lowered.demands, input_mode))


def without_recomputing(graph: Graph, target: Target, input_mode: InputMode) -> Iterator[PlanVariant]:
    """The variants that compute every row once, without the default; the first is the fastest."""
    lowered, frugal = lower(graph, target), lower(graph, target, frugal=True)
    differ = frugal.demands != lowered.demands

    def variant(form: Lowered, line_buffers: frozenset[str], frugal: bool) -> PlanVariant:
        scheduled = ScheduledGraph(form.graph, form.demands, line_buffers)
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
        yield from _between(graph, target, variant, lower_peak)
        variant, changes = lower_peak, changes + 1
        yield variant
        if changes % SEARCH_EVERY == 0:
            variant = _with_best_cuts(variant)
            yield variant
    if changes % SEARCH_EVERY:
        variant = _with_best_cuts(variant)
        yield variant
        yield from _smaller_and_smaller(graph, target, variant, recompute, most)
    elif recompute and (ahead := _with_layers_ahead(graph, target, variant)):
        yield from _between(graph, target, variant, ahead)
        yield ahead
        yield from _smaller_and_smaller(graph, target, ahead, recompute, most)


def _between(graph: Graph, target: Target, more: PlanVariant, less: PlanVariant) -> Iterator[PlanVariant]:
    """Variants between two: of layers that only `less` recomputes, some parts are recomputed, the others kept.

    Each has a lower peak than the one before it; they end with the peak of `less`.
    """
    names, peak = less.recomputing.keys() - more.recomputing.keys(), more.candidate.peak_bytes
    parts = {**less.parts, **dict.fromkeys(names, MOST_PARTS)}
    for share in RECOMPUTED_SHARES if less.macs - more.macs >= SMALL_STEP * graph.macs() else ():
        counts = {name: ceil(share * part_count(graph, name, MOST_PARTS)) for name in names}
        between = _changed(graph, target, less, parts, {**less.recomputing, **counts})
        if between and between.candidate.peak_bytes < peak:
            yield between
            peak = between.candidate.peak_bytes
        if peak <= less.candidate.peak_bytes:
            break


def _with_layers_ahead(graph: Graph, target: Target, variant: PlanVariant) -> PlanVariant | None:
    """The variant that recomputes the next layers from the peak on, too, and is cut anew; None if none is smaller.

    What is stored behind a segment is alive at its peak, but no longer if the segment goes on behind those layers.
    """
    candidate = variant.candidate
    stages = candidate.scheduled.stages[candidate.times.stage_at(candidate.peak_time) :]
    possible = {base_name(name) for name in recomputable_producers(graph, lower(graph, target).demands)}
    possible &= {base_name(stage.node.name) for stage in stages} - variant.recomputing.keys()
    ahead = [name for name in splittable(graph) if name in possible][:LAYERS_AHEAD]
    for count in range(1, len(ahead) + 1):
        more = dict.fromkeys(ahead[:count], MOST_PARTS)
        other = _changed(graph, target, variant, {**variant.parts, **more}, {**variant.recomputing, **more})
        if not other:
            continue
        costs = SegmentCosts(other.candidate.scheduled, other.candidate.rows_input)
        peak = max(map(costs.live, partition(costs, costs.live)))
        if peak < WORTH_RECOMPUTING * candidate.peak_bytes and (found := _with_best_cuts(other)).ram < variant.ram:
            return found
    return None


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
    groups = _wide_at_peaks(graph, variant)
    if recompute:
        chains = splittable(graph)
        groups.sort(key=lambda names: _macs_a_byte(graph, chains[min(names)]))
    for names in groups:
        counts = [n for n in CHANNEL_PARTS if n > max(variant.parts.get(name, 1) for name in names)]
        changes: list[tuple[Mapping[str, int], Mapping[str, int]]]
        changes = [({**variant.parts, **dict.fromkeys(names, n)}, variant.recomputing) for n in counts]
        if recompute and not variant.recomputing.keys() & names:
            more = {**variant.recomputing, **dict.fromkeys(names, MOST_PARTS)}
            changes = [(variant.parts, more), *((parts, more) for parts, _ in changes)]
        for parts, recomputing in changes:
            other = _changed(graph, target, variant, parts, recomputing)
            if not other or (most is not None and other.work > most):
                continue
            if other.candidate.segment_peaks < variant.candidate.segment_peaks:
                return other
    return None


def _macs_a_byte(graph: Graph, chain: Sequence[Node]) -> float:
    """Multiply-accumulates for each byte of a line buffer that is saved if rows are recomputed instead."""
    first, last = chain[0], chain[-1]
    more = first.op.macs(graph.site(first)) * (times_recomputed(graph, last) - 1)
    return more / (max(reach_of(last) - 1, 1) * graph.tensors[last.inputs[0]].row_bytes)


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
    graph: Graph, target: Target, variant: PlanVariant, parts: Mapping[str, int], recomputing: Mapping[str, int]
) -> PlanVariant | None:
    """The same cuts in another form of the graph; None if a producer of that form cannot be recomputed."""
    lowered = lower(split_channels(graph, parts), target, variant.frugal)
    found: dict[str, list[str]] = {}
    for name in recomputable_producers(lowered.graph, lowered.demands):
        found.setdefault(base_name(name), []).append(name)
    if not recomputing.keys() <= found.keys():
        return None
    names = frozenset(name for base, count in recomputing.items() for name in found[base][:count])
    candidate = variant.candidate
    line_buffers = line_buffers_everywhere(lowered.graph, lowered.demands) - names
    scheduled = ScheduledGraph(lowered.graph, lowered.demands, line_buffers, names)
    stages = reversed(list(enumerate(scheduled.stages)))
    place = {base_name(node.name): i for i, stage in stages for node in stage.nodes}
    old = candidate.scheduled.stages
    firsts = sorted({0, *(place.get(base_name(old[first].node.name), 0) for first, _ in candidate.segments)})
    segments = tuple(zip(firsts, [*firsts[1:], len(scheduled.stages)], strict=True))
    changed = replace(candidate, scheduled=scheduled, segments=segments)
    return PlanVariant(lowered, changed, variant.frugal, parts, recomputing)
