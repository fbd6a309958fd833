"""Making a model fit: which plan, of which form of the graph, needs how little memory at how much work.

There is one path of plans from the fastest down to the smallest: rings only; windows gathered in less scratch;
lines in every window; then, one by one, what is wide at the peak in parts of its channels; then what is wide at the
peak computed anew for every window instead of kept. `--ram BYTES` takes the first that fits, `explore` lists those
that are worth it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from math import inf
from typing import Literal

from ircompile.errors import TooLarge
from ircompile.graph import Graph
from ircompile.kernels.lower import Lowered, lower
from ircompile.passes.compute_twice import compute_twice
from ircompile.passes.split_channels import base_name, split_channels, splittable
from ircompile.plan import InputMode, Plan, check_input_mode, lay_out
from ircompile.plan.bound import lower_bound
from ircompile.plan.draft import Draft
from ircompile.plan.known import Known
from ircompile.plan.lifetimes import Problem
from ircompile.plan.order import orders_of
from ircompile.plan.regions import Places, in_regions, too_small
from ircompile.plan.search import find, find_default, lines_everywhere
from ircompile.plan.segments import SegmentCosts, least_worst
from ircompile.plan.stages import can_compute_again
from ircompile.plan.work import instructions, macs
from ircompile.target import MemoryRegion, Target

Ram = Literal["auto", "min"] | int
MOST_WORK = 1.15  # what the least memory may cost in instructions, against the default
MUCH_LESS = 0.9  # of the arena: what computing a gated tensor twice must come down to
PARTS = (2, 4, 8)
SEARCH_EVERY = 3  # steps down the path after which cuts are searched for anew


@dataclass(frozen=True)
class Fitted:
    """A form of the graph, lowered, and the draft of its plan.

    `frugal` kernels take less scratch. `parts` of the named depthwise convolutions come one after the other; what
    feeds those of `again` is computed for every window.
    """

    lowered: Lowered
    draft: Draft
    frugal: bool = False
    parts: Mapping[str, int] = field(default_factory=dict)
    again: frozenset[str] = frozenset()
    places: Places | None = None

    @cached_property
    def plan(self) -> Plan:
        """The plan itself."""
        return lay_out(self.draft, self.places)

    @property
    def ram(self) -> int:
        """Arena bytes."""
        return self.draft.size

    @cached_property
    def work(self) -> int:
        """Estimated instructions of one inference."""
        return instructions(self.draft.problem)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return macs(self.draft.problem)


def fit(
    graph: Graph, target: Target, input_mode: InputMode, ram: Ram = "auto", memory: Sequence[MemoryRegion] = ()
) -> Fitted:
    """The plan that is asked for: the default, the least without recomputing, or the fastest within some bytes.

    With `memory`, the fastest first, what is touched most goes to the first, and the plan is the first of these and
    of the path to smaller ones that these memories hold.
    Raises CompileError where nothing fits, or the input mode does not suit the graph.
    """
    check_input_mode(graph, input_mode)
    known = Known()
    graph = in_order(graph, target, input_mode, known)
    if isinstance(ram, str) and not memory:
        return small(graph, target, input_mode, ram, known)
    return first_within(graph, target, input_mode, ram, memory, known)


def small(graph: Graph, target: Target, input_mode: InputMode, ram: Literal["auto", "min"], known: Known) -> Fitted:
    """The default or the least plan; what a mean keeps is computed twice where that takes off much."""
    find_form = default if ram == "auto" else least
    kept, twice = find_form(graph, target, input_mode, known), compute_twice(graph)
    if twice is graph:
        return kept
    anew = find_form(twice, target, input_mode, known)
    return anew if anew.ram <= MUCH_LESS * kept.ram else kept


def first_within(
    graph: Graph, target: Target, input_mode: InputMode, ram: Ram, memory: Sequence[MemoryRegion], known: Known
) -> Fitted:
    """The first plan, of those towards less memory, within `ram` bytes and these memories, if there are any.

    Raises CompileError where none is.
    """
    forms = path(graph, target, input_mode, known)
    if isinstance(ram, str):
        forms = chain([small(graph, target, input_mode, ram, known)], forms)
    most = ram if isinstance(ram, int) else inf
    seen: list[Fitted] = []
    for form in forms:
        places = in_regions(form.draft, memory) if memory and form.ram <= most else None
        if places or (form.ram <= most and not memory):
            return replace(form, places=places)
        seen.append(form)
    best = min(seen, key=lambda f: f.ram)
    if best.ram > most:
        raise too_large(graph, best, int(most))
    raise too_small(best.draft, memory)


def explore(graph: Graph, target: Target, input_mode: InputMode) -> list[Fitted]:
    """The Pareto front of memory and instructions, fastest first; `fit` finds each by its bytes."""
    known, records = Known(), list[Fitted]()
    for fitted in path(in_order(graph, target, input_mode, known), target, input_mode, known):
        if not records or fitted.ram < records[-1].ram:
            records.append(fitted)
    front: list[Fitted] = []
    for fitted in reversed(records):
        if not front or fitted.work < front[-1].work:
            front.append(fitted)
    return front[::-1]


def in_order(graph: Graph, target: Target, input_mode: InputMode, known: Known | None = None) -> Graph:
    """Its nodes in the order in which least is alive, with rings alone."""
    orders = orders_of(graph)

    def alive(order: Graph) -> int:
        lowered = lower(order, target)
        problem = Problem(lowered.graph, lowered.demands, known=known)
        return least_worst(SegmentCosts(problem, input_mode == "rows"))

    return min(orders, key=alive) if len(orders) > 1 else graph


def default(graph: Graph, target: Target, input_mode: InputMode, known: Known | None = None) -> Fitted:
    """The fewest instructions within 5 % of the least memory at row grain."""
    lowered = lower(graph, target)
    return Fitted(lowered, find_default(lowered.graph, lowered.demands, input_mode, known))


def least(graph: Graph, target: Target, input_mode: InputMode, known: Known) -> Fitted:
    """The plan that needs least without recomputing anything."""
    forms = [f for f in path(graph, target, input_mode, known, recompute=False) if not f.again]
    most = MOST_WORK * forms[0].work
    best = forms[0]
    for form in sorted(forms, key=lambda f: f.draft.peak):  # no placement is smaller than the peak
        if form.work <= most and form.draft.arena(form.draft.peak) < best.ram:
            best = min(best, form, key=lambda f: f.ram)
    return best


def path(
    graph: Graph, target: Target, input_mode: InputMode, known: Known, recompute: bool = True
) -> Iterator[Fitted]:
    """Plans, each from the one before: less memory at the peak, more work."""
    yield from _path(graph, target, input_mode, known, recompute)
    twice = compute_twice(graph)
    if recompute and twice is not graph:
        yield from _path(twice, target, input_mode, known, recompute)


def _path(graph: Graph, target: Target, input_mode: InputMode, known: Known, recompute: bool) -> Iterator[Fitted]:
    """The same of one form of the gates."""
    lowered, frugal = lower(graph, target), lower(graph, target, frugal=True)
    yield Fitted(lowered, find(Problem(lowered.graph, lowered.demands, known=known), input_mode))
    differ = frugal.demands != lowered.demands
    if differ:
        yield Fitted(frugal, find(Problem(frugal.graph, frugal.demands, known=known), input_mode), differ)
    problem = Problem(frugal.graph, frugal.demands, lines_everywhere(frugal.graph), known=known)
    form = Fitted(frugal, find(problem, input_mode), differ)
    yield form
    most = MOST_WORK * form.work
    for smaller in _descent(graph, target, form, recompute=False, most=most):
        form = smaller
        yield form
    if recompute:
        yield from _descent(graph, target, form, recompute=True, most=None)


def _descent(graph: Graph, target: Target, form: Fitted, recompute: bool, most: float | None) -> Iterator[Fitted]:
    """Changes, each of which lowers the peak; after every few, the cuts are searched for anew."""
    steps = 0
    while (lower_peak := _less_alive(graph, target, form, recompute, most)) is not None:
        form, steps = lower_peak, steps + 1
        yield form
        if steps % SEARCH_EVERY == 0:
            form = _searched(form)
            yield form
    if steps % SEARCH_EVERY:
        form = _searched(form)
        yield form
        yield from _descent(graph, target, form, recompute, most)


def _searched(form: Fitted) -> Fitted:
    """With cuts searched for anew, if those are better."""
    again = find(form.draft.problem, "rows" if form.draft.rows else "resident")
    hopeless = again.arena(again.peak) >= form.ram  # no placement is smaller than the peak
    return form if hopeless else replace(form, draft=min(form.draft, again, key=lambda d: d.size))


def _less_alive(graph: Graph, target: Target, form: Fitted, recompute: bool, most: float | None) -> Fitted | None:
    """With one more change and a lower peak; None where there is none within `most` instructions."""
    for names in _wide_at_peaks(graph, form):
        counts = [n for n in PARTS if n > max(form.parts.get(name, 1) for name in names)]
        changes: list[tuple[Mapping[str, int], frozenset[str]]]
        changes = [({**form.parts, **dict.fromkeys(names, n)}, form.again) for n in counts]
        if recompute and not form.again & names:
            again = form.again | names
            changes = [(form.parts, again), *((parts, again) for parts, _ in changes)]
        for parts, again in changes:
            other = _with(graph, target, form, parts, again)
            if other and other.draft.peaks < form.draft.peaks and (most is None or other.work <= most):
                return other
    return None


def _wide_at_peaks(graph: Graph, form: Fitted) -> list[frozenset[str]]:
    """Depthwise convolutions whose wide input, or lines, are alive at the peak; those with most bytes first.

    Each is together with those that hold its place where other segments peak alike: the peak is lower only once all
    of these are changed.
    """
    wide = {node.output: name for name, chain in splittable(graph).items() for node in chain[:-1]}
    wide |= {f"{name}:lines": name for name in splittable(graph)}
    peaks = [_wide_among(form.draft.held(step), wide) for step in form.draft.peak_steps]
    alike = [held for held in peaks if [*held.values()] == [*peaks[0].values()]]
    return [frozenset(names) for names in zip(*alike, strict=True)]


def _wide_among(held: Mapping[str, int], wide: Mapping[str, str]) -> dict[str, int]:
    """Bytes held by or for each depthwise convolution, most first."""
    bytes_of: dict[str, int] = {}
    for home, size in held.items():
        name = wide.get(base_name(home.removesuffix(":lines")) + (":lines" if home.endswith(":lines") else ""))
        if name:
            bytes_of[name] = bytes_of.get(name, 0) + size
    return dict(sorted(bytes_of.items(), key=lambda pair: (-pair[1], pair[0])))


def _with(
    graph: Graph, target: Target, form: Fitted, parts: Mapping[str, int], again: frozenset[str]
) -> Fitted | None:
    """The same cuts in another form of the graph; None where it cannot be."""
    lowered = lower(split_channels(graph, parts), target, form.frugal)
    anew = frozenset(name for name in can_compute_again(lowered.graph) if base_name(name) in again)
    if {base_name(name) for name in anew} != again:
        return None
    lines = lines_everywhere(lowered.graph) - anew
    problem = Problem(lowered.graph, lowered.demands, lines, anew, form.draft.problem.known)
    place = {base_name(stage.node.name): i for i, stage in reversed(list(enumerate(problem.stages)))}
    place |= {base_name(s.again.name): i for i, s in reversed(list(enumerate(problem.stages))) if s.again}
    old = form.draft.problem.stages
    firsts = sorted({0, *(place.get(base_name(old[first].node.name), 0) for first, _ in form.draft.segments)})
    segments = tuple(zip(firsts, [*firsts[1:], len(problem.stages)], strict=True))
    return Fitted(lowered, replace(form.draft, problem=problem, segments=segments), form.frugal, parts, again)


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
