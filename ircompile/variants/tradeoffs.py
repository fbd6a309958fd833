"""Smaller and smaller plans of a graph, each from the one before.

From the fastest down: rings only; lines where they save most; windows gathered in less scratch; lines in every
window; then, one by one, what is wide at the peak in parts of its channels; then what is wide at the peak computed
anew for every window instead of kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ircompile.ir.graph import Graph
from ircompile.kernels.lower import Lowered, lower
from ircompile.passes.split_channels import base_name, split_channels, splittable
from ircompile.plan import InputMode, Plan, lay_out
from ircompile.plan.draft import Draft
from ircompile.plan.known import Known
from ircompile.plan.lifetimes import Problem
from ircompile.plan.regions import Places
from ircompile.plan.search import find, find_default, lines_everywhere
from ircompile.plan.stages import can_compute_again
from ircompile.plan.work import instructions, macs
from ircompile.target import Target

MOST_WORK = 1.15  # what less memory may cost in instructions where nothing is computed anew
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


def path(graph: Graph, target: Target, input_mode: InputMode, known: Known) -> Iterator[Fitted]:
    """All of them, the default where its work is next."""
    forms = without_recomputing(graph, target, input_mode, known)
    form = next(forms)
    yield form
    some_lines = [default(graph, target, input_mode, known)]
    for form in forms:
        if some_lines and form.work >= some_lines[0].work:
            yield some_lines.pop()
        yield form
    yield from some_lines
    yield from _descent(graph, target, form, recompute=True, most=None)


def default(graph: Graph, target: Target, input_mode: InputMode, known: Known | None = None) -> Fitted:
    """The fewest instructions within 5 % of the least memory at row grain."""
    lowered = lower(graph, target)
    return Fitted(lowered, find_default(lowered.graph, lowered.demands, input_mode, known))


def without_recomputing(graph: Graph, target: Target, input_mode: InputMode, known: Known) -> Iterator[Fitted]:
    """Those that compute every row once, without the default; the first is the fastest."""
    lowered, frugal = lower(graph, target), lower(graph, target, frugal=True)
    yield Fitted(lowered, find(Problem(lowered.graph, lowered.demands, known=known), input_mode))
    differ = frugal.demands != lowered.demands
    if differ:
        yield Fitted(frugal, find(Problem(frugal.graph, frugal.demands, known=known), input_mode), differ)
    problem = Problem(frugal.graph, frugal.demands, lines_everywhere(frugal.graph), known=known)
    form = Fitted(frugal, find(problem, input_mode), differ)
    yield form
    most = MOST_WORK * form.work
    yield from _descent(graph, target, form, recompute=False, most=most)


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
    return form if again.floor >= form.ram else replace(form, draft=min(form.draft, again, key=lambda d: d.size))


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
