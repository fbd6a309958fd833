"""Which plan: the default, the one of least memory, or the fastest that fits into some bytes.

There is one list of variants from the fastest down to the smallest (`smaller`), and a second one where tensors
that a gate would store whole are computed twice. `--ram BYTES` takes the first variant of a list that fits, and
the faster if there are two. `explore` lists the best of both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from ircompile.errors import CompileError, TooLarge
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.kernels.model import Prefer
from ircompile.passes.compute_twice import compute_twice
from ircompile.passes.orientation import transposed, upright
from ircompile.plan import check_input_mode
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.memories import in_memories, too_small
from ircompile.plan.order import orders_of
from ircompile.plan.partition import partition
from ircompile.plan.peak_bound import bound_beside
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import (
    MOST_WORK,
    ORDER_EFFORT,
    PARTITION_EFFORT,
    WORTH_COMPUTING_TWICE,
)
from ircompile.plan.stages import line_buffers_everywhere
from ircompile.target import MemoryRegion, Target
from ircompile.variants.estimate.estimate import Planner, find_coarse
from ircompile.variants.roomy import with_whole_windows
from ircompile.variants.slow_flash import room_in_turn, with_layers_in_turn
from ircompile.variants.tradeoffs import PlanVariant, default_variant, variants, without_recomputing
from ircompile.variants.winograd import with_winograd

Ram = Literal["auto", "min"] | int


@dataclass(frozen=True)
class Room:
    """What a plan may take: `most` bytes in all, in these memories if there are any.

    `reserved` bytes, of the first memory, are there for something else.
    """

    most: float = inf
    memory: Sequence[MemoryRegion] = ()
    reserved: int = 0

    def place(self, variant: PlanVariant) -> PlanVariant | None:
        """This plan with its places in the memories; None if it does not fit."""
        if variant.candidate.least_arena + self.reserved > self.most or variant.ram + self.reserved > self.most:
            return None
        if not self.memory:
            return variant
        memory_map = in_memories(variant.candidate, self.memory, self.reserved)
        return replace(variant, memory_map=memory_map) if memory_map else None

    def place_as_small(self, variant: PlanVariant, before: PlanVariant) -> PlanVariant | None:
        """This plan with its places, if no memory needs a byte more than for the one before, which is placed."""
        placed = self.place(variant)
        if placed is None or placed.memory_map is None or before.memory_map is None:
            return placed if placed and placed.ram <= before.ram else None
        return placed if placed.memory_map.fits_in(before.memory_map) else None

    def refusal(self, graph: Graph, best: PlanVariant) -> CompileError:
        """The error that says why the smallest plan that was found does not fit."""
        if best.ram + self.reserved > self.most:
            return too_large(graph, best, int(self.most) - self.reserved).counting(self.reserved)
        return too_small(best.candidate, self.memory)


def choose_plan(
    graph: Graph,
    target: Target,
    input_mode: InputMode,
    ram: Ram = "auto",
    memory: Sequence[MemoryRegion] = (),
    reserved: int = 0,
    prefer: Prefer = "speed",
) -> PlanVariant:
    """The plan that is asked for: the default, the least without recomputing, or the fastest within some bytes.

    With `memory`, the fastest first, the plan is the first variant that these memories hold, and what is accessed
    most goes to the first memory. `reserved` bytes of the first memory, or of all bytes, are not for the plan.
    With `prefer` "size" no kernel takes more flash for fewer cycles.
    Raises CompileError if nothing fits, or if the input mode does not suit the graph.
    """
    check_input_mode(graph, input_mode)
    ordered = in_order(graph, target, input_mode)
    if isinstance(ram, int):
        room = Room(ram, memory, reserved)
        chosen = first_within(graph, ordered, target, input_mode, room)
    else:
        named, room = small_variant(ordered, target, input_mode, ram), Room(inf, memory, reserved)
        if ram == "min":
            named = min(named, *coarse_variants(graph, target, input_mode), key=lambda variant: variant.ram)
        chosen = room.place(named) or first_within(graph, ordered, target, input_mode, room)
    chosen = _for_slow_flash(chosen, target, ram, room)
    if prefer == "speed":
        chosen = with_winograd(chosen, target, room.place_as_small)
    return with_whole_windows(chosen, target, room.place_as_small)


def _for_slow_flash(chosen: PlanVariant, target: Target, ram: Ram, room: Room) -> PlanVariant:
    """The plan with layers in turn where that pays: in the bytes that were named, or in few more than without."""
    asked = ram - room.reserved if isinstance(ram, int) else ram
    most = room_in_turn(chosen.ram, asked, room.memory[0].bytes - room.reserved if room.memory else 0)
    in_turn = with_layers_in_turn(chosen, target, most)
    if in_turn is chosen or (placed := room.place(in_turn)) is None:
        return chosen
    return replace(placed, in_turn=max(in_turn.ram - chosen.ram, 0))


def small_variant(graph: Graph, target: Target, input_mode: InputMode, ram: Literal["auto", "min"]) -> PlanVariant:
    """The default or the least plan; tensors before gates are computed twice if that saves a tenth or more."""
    find = default_variant if ram == "auto" else least_variant
    once, twice = find(graph, target, input_mode), compute_twice(graph)
    if twice is graph:
        return once
    other = find(twice, target, input_mode)
    return other if other.ram <= WORTH_COMPUTING_TWICE * once.ram else once


def first_within(graph: Graph, ordered: Graph, target: Target, input_mode: InputMode, room: Room) -> PlanVariant:
    """The first variant of each list that fits, the faster of them; or one that `analyze` knows, if none does.

    `ordered` is the graph with its nodes in the order of the lists. Raises CompileError if nothing fits.
    """
    seen, found = list[PlanVariant](), list[PlanVariant]()
    for form in gate_forms(ordered):
        for variant in variants(form, target, input_mode):
            if placed := room.place(variant):
                found.append(placed)
                break
            seen.append(variant)
    if not found:
        found = [placed for each in coarse_variants(graph, target, input_mode) if (placed := room.place(each))]
    if not found:
        raise room.refusal(graph, min(seen, key=lambda variant: variant.ram))
    return min(found, key=lambda variant: variant.work)


def coarse_variants(graph: Graph, target: Target, input_mode: InputMode) -> Iterator[PlanVariant]:
    """The plans of which `analyze` takes the best; it looks at them only, and so what it says is kept."""
    for form in gate_forms(graph):
        planner = Planner(lower(form, target))
        for scheduled in (planner.plain, planner.with_line_buffers):
            yield PlanVariant(planner.lowered, find_coarse(scheduled, input_mode == "rows"))


def explore(graph: Graph, target: Target, input_mode: InputMode) -> list[PlanVariant]:
    """The Pareto front of memory and instructions, fastest first; `choose_plan` finds each variant by its bytes."""
    records = list[PlanVariant]()
    other = transposed(graph)
    ways = [graph] if other is None else [upright(graph)] if input_mode == "rows" else [graph, other]
    for form in (form for way in ways for form in gate_forms(in_order(way, target, input_mode))):
        least = inf
        for variant in variants(form, target, input_mode):
            if variant.candidate.least_arena < least and variant.ram < least:
                records.append(variant)
                least = variant.ram
    least = min(variant.ram for variant in records)
    coarse = (variant for way in ways for variant in coarse_variants(way, target, input_mode))
    records += [variant for variant in coarse if variant.ram < least]
    front: list[PlanVariant] = []
    for variant in sorted(records, key=lambda v: (v.ram, v.work)):
        if not front or variant.work < front[-1].work:
            front.append(variant)
    return front[::-1]


def gate_forms(graph: Graph) -> list[Graph]:
    """The graph and, if that differs, the graph that computes twice what gates would store whole."""
    twice = compute_twice(graph)
    return [graph] if twice is graph else [graph, twice]


def in_order(graph: Graph, target: Target, input_mode: InputMode) -> Graph:
    """The graph with its nodes in the order in which the fewest bytes are alive, with line buffers or without."""
    orders = orders_of(graph)

    def peak(order: Graph) -> int:
        lowered = lower(order, target)
        forms = (frozenset[str](), line_buffers_everywhere(lowered.graph, lowered.demands))
        scheduled = [ScheduledGraph(lowered.graph, lowered.demands, form) for form in forms]
        return min(least_live_bytes(form, input_mode == "rows", ORDER_EFFORT) for form in scheduled)

    return min(orders, key=peak) if len(orders) > 1 else graph


def least_live_bytes(scheduled: ScheduledGraph, rows_input: bool, effort: float = PARTITION_EFFORT) -> int:
    """The most bytes alive at one time, with the best cuts that some effort finds."""
    costs = SegmentCosts(scheduled, rows_input)
    return max(map(costs.live, partition(costs, costs.live, effort)))


def least_variant(graph: Graph, target: Target, input_mode: InputMode) -> PlanVariant:
    """The variant that needs the fewest bytes without recomputing anything."""
    found = list(without_recomputing(graph, target, input_mode))
    found.append(default_variant(graph, target, input_mode))
    most = MOST_WORK * found[0].work
    best = found[0]
    for variant in sorted(found, key=lambda v: v.candidate.peak_bytes):
        if variant.work <= most and variant.candidate.least_arena < best.ram:
            best = min(best, variant, key=lambda v: v.ram)
    return best


def too_large(graph: Graph, best: PlanVariant, ram: int) -> TooLarge:
    """The error that names the node at the peak, what is alive then, the least that was found, and the lower bound.

    It proposes to push rows if the input is stored and, with pushed rows, cuts exist with which `ram` suffices.
    """
    candidate = best.candidate
    held = sorted(candidate.held(candidate.peak_time).items(), key=lambda pair: -pair[1])[:5]
    bound = bound_beside(candidate)
    holds = ", ".join(f"{name} {size:,}" for name, size in held)
    layers = "its layers, split into parts of their channels as here," if best.parts else "its layers"
    rows = ""
    alone = not candidate.rows_input and len(graph.inputs) == 1
    if alone and least_live_bytes(candidate.scheduled, rows_input=True) <= ram:
        rows = "--input rows may do, as no input is stored then; or "
    return TooLarge(
        graph.name,
        best.ram,
        ram,
        f"at its peak, in {candidate.peak_node.name!r} ({candidate.peak_node.source}), it holds {holds}; "
        f"no order and no placement of {layers} needs less than {bound:,} as long as "
        "every row is computed once",
        f"{rows}a smaller input, or fewer channels there",
    )
