"""Making a model fit: which plan, of which form of the graph, needs how little memory at how much work.

There is one path of plans from the fastest down to the smallest (`smaller`), and a second one where what a gate
stores whole may be computed twice. `--ram BYTES` takes the first of a path that fits, `explore` lists the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from ircompile.errors import CompileError, TooLarge
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.passes.compute_twice import compute_twice
from ircompile.plan import InputMode, check_input_mode
from ircompile.plan.bound import lower_bound
from ircompile.plan.known import Known
from ircompile.plan.lifetimes import Problem
from ircompile.plan.order import orders_of
from ircompile.plan.regions import in_regions, too_small
from ircompile.plan.segments import SegmentCosts, least_worst
from ircompile.target import MemoryRegion, Target
from ircompile.variants.tradeoffs import MOST_WORK, Fitted, default, path, without_recomputing

Ram = Literal["auto", "min"] | int
MUCH_LESS = 0.9  # of the arena: what computing a gated tensor twice must come down to


@dataclass(frozen=True)
class Room:
    """What a plan may take: `most` bytes in all, in these memories if there are any.

    `reserved` bytes, of the first memory, are there for something else.
    """

    most: float = inf
    memory: Sequence[MemoryRegion] = ()
    reserved: int = 0

    def place(self, form: Fitted) -> Fitted | None:
        """This plan, in its places; None where it does not fit."""
        if form.draft.floor + self.reserved > self.most or form.ram + self.reserved > self.most:
            return None
        if not self.memory:
            return form
        places = in_regions(form.draft, self.memory, self.reserved)
        return replace(form, places=places) if places else None

    def refusal(self, graph: Graph, best: Fitted) -> CompileError:
        """The error that says why the smallest plan that was found does not fit."""
        if best.ram + self.reserved > self.most:
            return too_large(graph, best, int(self.most) - self.reserved).counting(self.reserved)
        return too_small(best.draft, self.memory)


def fit(
    graph: Graph,
    target: Target,
    input_mode: InputMode,
    ram: Ram = "auto",
    memory: Sequence[MemoryRegion] = (),
    reserved: int = 0,
) -> Fitted:
    """The plan that is asked for: the default, the least without recomputing, or the fastest within some bytes.

    With `memory`, the fastest first, what is touched most goes to the first, and the plan is the first of these and
    of the path to smaller ones that these memories hold. `reserved` of the bytes, or of those of the first memory,
    are not for the plan.
    Raises CompileError where nothing fits, or the input mode does not suit the graph.
    """
    check_input_mode(graph, input_mode)
    known = Known()
    graph = in_order(graph, target, input_mode, known)
    if isinstance(ram, int):
        return first_within(graph, target, input_mode, Room(ram, memory, reserved), known)
    named, room = small(graph, target, input_mode, ram, known), Room(inf, memory, reserved)
    return room.place(named) or first_within(graph, target, input_mode, room, known)


def small(graph: Graph, target: Target, input_mode: InputMode, ram: Literal["auto", "min"], known: Known) -> Fitted:
    """The default or the least plan; what a mean keeps is computed twice where that takes off much."""
    find_form = default if ram == "auto" else least
    kept, twice = find_form(graph, target, input_mode, known), compute_twice(graph)
    if twice is graph:
        return kept
    anew = find_form(twice, target, input_mode, known)
    return anew if anew.ram <= MUCH_LESS * kept.ram else kept


def first_within(graph: Graph, target: Target, input_mode: InputMode, room: Room, known: Known) -> Fitted:
    """The fastest of the first plans, on each way to less memory, that there is room for.

    Raises CompileError where there is none.
    """
    seen, found = list[Fitted](), list[Fitted]()
    for way in gate_forms(graph):
        for form in path(way, target, input_mode, known):
            if placed := room.place(form):
                found.append(placed)
                break
            seen.append(form)
    if not found:
        raise room.refusal(graph, min(seen, key=lambda form: form.ram))
    return min(found, key=lambda form: form.work)


def explore(graph: Graph, target: Target, input_mode: InputMode) -> list[Fitted]:
    """The Pareto front of memory and instructions, fastest first; `fit` finds each by its bytes."""
    known, records = Known(), list[Fitted]()
    for form in gate_forms(in_order(graph, target, input_mode, known)):
        least = inf
        for fitted in path(form, target, input_mode, known):
            if fitted.draft.floor < least and fitted.ram < least:
                records.append(fitted)
                least = fitted.ram
    front: list[Fitted] = []
    for fitted in sorted(records, key=lambda f: (f.ram, f.work)):
        if not front or fitted.work < front[-1].work:
            front.append(fitted)
    return front[::-1]


def gate_forms(graph: Graph) -> list[Graph]:
    """The graph, and where it differs that which computes twice what gates would store whole."""
    twice = compute_twice(graph)
    return [graph] if twice is graph else [graph, twice]


def in_order(graph: Graph, target: Target, input_mode: InputMode, known: Known | None = None) -> Graph:
    """Its nodes in the order in which least is alive, with rings alone."""
    orders = orders_of(graph)

    def alive(order: Graph) -> int:
        lowered = lower(order, target)
        problem = Problem(lowered.graph, lowered.demands, known=known)
        return least_worst(SegmentCosts(problem, input_mode == "rows"))

    return min(orders, key=alive) if len(orders) > 1 else graph


def least(graph: Graph, target: Target, input_mode: InputMode, known: Known) -> Fitted:
    """The plan that needs least without recomputing anything."""
    forms = list(without_recomputing(graph, target, input_mode, known))
    most = MOST_WORK * forms[0].work
    best = forms[0]
    for form in sorted(forms, key=lambda f: f.draft.peak):
        if form.work <= most and form.draft.floor < best.ram:
            best = min(best, form, key=lambda f: f.ram)
    return best


def too_large(graph: Graph, best: Fitted, ram: int) -> TooLarge:
    """Says which node peaks, what is alive then, how little was found and what no plan can go below.

    Rows are proposed where the input is stored and this form, streamed, could be cut so that `ram` suffices.
    """
    draft = best.draft
    held = sorted(draft.held(draft.peak_step).items(), key=lambda pair: -pair[1])[:5]
    bound = lower_bound(Problem(best.lowered.graph, best.lowered.demands), draft.rows)
    holds = ", ".join(f"{name} {size:,}" for name, size in held)
    layers = "its layers, split into parts of their channels as here," if best.parts else "its layers"
    rows = ""
    alone = not draft.rows and len(graph.inputs) == 1
    if alone and least_worst(SegmentCosts(draft.problem, rows_input=True)) <= ram:
        rows = "--input rows may do, as no input is stored then; or "
    return TooLarge(
        f"{graph.name}: node {draft.peak_node.name!r} ({draft.peak_node.source})",
        best.ram,
        ram,
        f"at its peak it holds {holds}; no order and no placement of {layers} needs less than {bound:,} as long as "
        "every row is computed once",
        f"{rows}a smaller input, or fewer channels there",
    )
