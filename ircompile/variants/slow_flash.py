"""Layers in turn, where weights lie in slow flash: each weight is brought into the cache as seldom as can be.

A plan streams rows through many layers, so as to need little memory. Where the weights of these layers do not fit
the cache together, each row brings them anew, and where those of one layer do not, each pair of pixels. So segments
are cut, as far as the arena has room for whole tensors: a layer computes all its rows before the next one begins.
And layers whose weights do not fit are computed in parts of their channels whose weights do, one after the other.

Neither changes a kernel or a bit of the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Literal

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.passes.split_channels import base_name, split_channels, split_outputs, splittable
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.schedule import Segment
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import (
    CACHE_SHARE,
    CHANNEL_BYTES,
    CYCLES_AN_INSTRUCTION,
    IN_TURN_SHARE,
    LIMIT_STEP,
    LONGEST_PIECE,
    NEAR_LEAST,
    WORTH_BYTES,
)
from ircompile.plan.stages import line_buffers_everywhere
from ircompile.plan.weight_reads import WeightReads
from ircompile.plan.work import pixels_at_once, weight_passes
from ircompile.target import SlowFlash, Target
from ircompile.variants.tradeoffs import PlanVariant


def with_layers_in_turn(variant: PlanVariant, target: Target, most: float) -> PlanVariant:
    """The plan with more cuts, and with layers in parts, that waits little for weights; the arena has `most` bytes.

    Pieces and parts are chosen for a share of the cache. More bytes than the plan's own are taken only for what is
    saved where weights have all of it. It is the plan itself where weights are not in slow flash, or where nothing
    is gained.
    """
    slow = target.slow_flash
    if slow is None or variant.recomputing:
        return variant
    cache = int(CACHE_SHARE * slow.cache)
    pixels = pixels_at_once(target.features)
    forms = [_Form(form, cache, pixels) for form in (variant, _in_parts(variant, target, cache))]
    best, least = variant, forms[0].cycles(variant.candidate.segments, slow)
    seen = {(0, variant.candidate.segments)}
    for limit, rings, number in product(_limits(variant.ram, most), (False, True), range(len(forms))):
        form = forms[number]
        segments = form.cut(limit, rings)
        cycles = form.cycles(segments, slow)
        worth = cycles <= WORTH_BYTES * least
        if (number, segments) in seen or not (worth or (cycles <= least and best is not variant)):
            continue
        seen.add((number, segments))
        candidate = replace(form.variant.candidate, segments=segments)
        if candidate.size <= (most if worth else best.ram - 1):
            best, least = replace(form.variant, candidate=candidate, memory_map=None), cycles
    return best


def room_in_turn(own: int, ram: int | Literal["auto", "min"], first: int) -> float:
    """The most bytes that a plan of `own` bytes may take for this, if `ram` is asked for.

    `first` are the bytes of the first memory.
    """
    if isinstance(ram, int):
        return max(own, ram)
    return own if ram == "min" else max(NEAR_LEAST * own, IN_TURN_SHARE * first)


def _limits(ram: int, most: float) -> list[float]:
    """Bytes of arena in which cuts must fit by their estimate, from a little below a plan's own up to the most."""
    limits = [ram / LIMIT_STEP]
    while limits[-1] < most:
        limits.append(min(limits[-1] * LIMIT_STEP, most))
    return limits


def _in_parts(variant: PlanVariant, target: Target, cache: int) -> PlanVariant:
    """The plan with the same cuts, and with layers in parts for whose weights the cache has room.

    Where a depthwise convolution follows, both are split: one part of it after the other.
    """
    graph = variant.lowered.graph
    sizes, scheduled, pixels = weight_sizes(graph), variant.candidate.scheduled, pixels_at_once(target.features)
    large = {
        node.name: -(-sizes[node.name] // cache)
        for node in graph.nodes
        if isinstance(node.op, ops.Conv)
        and node.output not in graph.history
        and sizes[node.name] > cache
        and weight_passes(scheduled, node, pixels) > 1
    }
    chains = {chain[0].name: last for last, chain in splittable(graph).items()}
    split = split_channels(graph, {chains[name]: parts for name, parts in large.items() if name in chains})
    split = split_outputs(split, {name: parts for name, parts in large.items() if name not in chains})
    lowered, old = lower(split, target, variant.frugal), scheduled.line_buffers
    possible = line_buffers_everywhere(lowered.graph, lowered.demands)
    lines = frozenset(name for name in possible if name in old or base_name(name) in old)
    changed = ScheduledGraph(lowered.graph, lowered.demands, lines)
    place: dict[str, int] = {}
    for index, stage in enumerate(changed.stages):
        for name in (stage.node.name, base_name(stage.node.name)):
            place.setdefault(name, index)
    firsts = sorted({0, *(place[scheduled.stages[first].node.name] for first, _ in variant.candidate.segments[1:])})
    segments = tuple(zip(firsts, [*firsts[1:], len(changed.stages)], strict=True))
    candidate = replace(variant.candidate, scheduled=changed, segments=segments)
    return replace(variant, lowered=lowered, candidate=candidate)


class _Form:
    """A form of the graph with its plan, whose segments are cut further; each piece is looked at once."""

    def __init__(self, variant: PlanVariant, cache: int, pixels: int) -> None:
        self.variant, self.cache = variant, cache
        self._candidate = variant.candidate
        self._costs = SegmentCosts(self._candidate.scheduled, self._candidate.rows_input)
        self._weights = WeightReads(self._candidate.scheduled, weight_sizes(variant.lowered.graph), pixels)
        self._brought: dict[tuple[Segment, int], float] = {}

    def cut(self, most: float, rings: bool) -> tuple[Segment, ...]:
        """The segments in the pieces that bring the fewest bytes, each of which seems to fit `most`.

        That is told by the bytes of rows, which placing may not reach, or by those of `rings`, which it may beat.
        """
        return tuple(piece for whole in self._candidate.segments for piece in self._best_pieces(whole, most, rings))

    def cycles(self, segments: Sequence[Segment], slow: SlowFlash) -> float:
        """Estimated cycles with these cuts: what is computed, and what is waited for weights."""
        brought = sum(self._brought_by(segment, slow.cache) for segment in segments)
        return CYCLES_AN_INSTRUCTION * self.variant.work + slow.cycles_a_byte * brought

    def _best_pieces(self, whole: Segment, most: float, rings: bool) -> list[Segment]:
        """The pieces of a segment that bring the fewest bytes in all; of equal ones the fewest pieces.

        A dynamic program over the places of the cuts. The segment stays whole where no pieces fit.
        """
        first, stop = whole
        best: dict[int, tuple[float, list[Segment]]] = {first: (0.0, [])}
        for end in range(first + 1, stop + 1):
            options = [
                (best[begin][0] + self._brought_by((begin, end), self.cache), [*best[begin][1], (begin, end)])
                for begin in range(max(first, end - LONGEST_PIECE), end)
                if begin in best and self._fits((begin, end), most, rings)
            ]
            if options:
                best[end] = min(options, key=lambda option: (option[0], len(option[1])))
        return best[stop][1] if stop in best else [whole]

    def _fits(self, piece: Segment, most: float, rings: bool) -> bool:
        """Whether a piece seems to fit; it is fired only if the least that it can need does."""
        if self._candidate.arena_bytes(int(self._costs.lower_bounds[piece])) > most:
            return False
        peaks = self._costs.peaks(piece)
        return self._candidate.arena_bytes(peaks.rings if rings else peaks.live) <= most

    def _brought_by(self, segment: Segment, cache: int) -> float:
        """Bytes of weights that a segment brings into a cache of so many bytes, which is empty at its begin."""
        if (segment, cache) not in self._brought:
            times = self._candidate.scheduled.segment_times(*segment, self._candidate.rows_input)
            self._brought[segment, cache] = sum(self._weights.brought(times.order(), cache).values())
        return self._brought[segment, cache]


def weight_sizes(graph: Graph) -> dict[str, int]:
    """About the bytes that a kernel stores for each node that has weights."""
    return {
        node.name: int(graph.consts[node.op.weights].nbytes) + CHANNEL_BYTES * graph.tensors[node.output].channels
        for node in graph.nodes
        if isinstance(node.op, ops.Convolution)
    }
