"""Making a model fit: which plan, of which form of the graph, needs how little memory at how much work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ircompile.graph import Graph
from ircompile.kernels.lower import Lowered, lower
from ircompile.passes.split_channels import split_channels, splittable
from ircompile.plan import InputMode, Plan, lay_out
from ircompile.plan.items import live_bytes
from ircompile.plan.lifetimes import Problem
from ircompile.plan.search import Draft, find, find_default, lines_everywhere
from ircompile.plan.work import instructions
from ircompile.target import Target

MOST_WORK = 1.15  # what the least memory may cost in instructions, against the default
PARTS = (2, 4, 8)


@dataclass(frozen=True)
class Fitted:
    """A lowered graph and its plan."""

    lowered: Lowered
    plan: Plan

    @property
    def work(self) -> int:
        """Estimated instructions of one inference."""
        return instructions(self.plan)


@dataclass(frozen=True)
class _Form:
    """A graph some of whose depthwise convolutions are computed in parts, and the draft of its plan."""

    parts: Mapping[str, int]
    lowered: Lowered
    draft: Draft


def default(graph: Graph, target: Target, input_mode: InputMode) -> Fitted:
    """The default plan: the fewest instructions within 5 % of the least memory at row grain."""
    lowered = lower(graph, target)
    return Fitted(lowered, lay_out(find_default(lowered.graph, lowered.demands, input_mode)))


def least(graph: Graph, target: Target, input_mode: InputMode) -> Fitted:
    """The plan that needs least without recomputing anything."""
    form = _least(graph, target, input_mode)
    return Fitted(form.lowered, lay_out(form.draft))


def _least(graph: Graph, target: Target, input_mode: InputMode) -> _Form:
    """Lines everywhere; then, as long as it helps, the widest rows alive at the peak in parts."""
    lowered = lower(graph, target)
    draft = find(Problem(lowered.graph, lowered.demands, lines_everywhere(lowered.graph)), input_mode)
    whole = best = _Form({}, lowered, draft)
    most = MOST_WORK * _instructions(lowered)
    while (better := _less_alive(graph, target, best, most)) is not None:
        best = better
    if not best.parts:
        return whole
    best = replace(best, draft=min(best.draft, find(best.draft.problem, input_mode), key=lambda d: d.size))
    return min(whole, best, key=lambda form: form.draft.size)


def _less_alive(graph: Graph, target: Target, form: _Form, most: float) -> _Form | None:
    """With one more split, and a lower peak; None where there is none within `most` instructions."""
    for name in _wide_at_peak(graph, form):
        for count in (n for n in PARTS if n > form.parts.get(name, 1)):
            other = _with_parts(graph, target, form, {**form.parts, name: count})
            if other.draft.peak < form.draft.peak and _instructions(other.lowered) <= most:
                return other
    return None


def _instructions(lowered: Lowered) -> int:
    return sum(demand.instructions for demand in lowered.demands.values())


def _wide_at_peak(graph: Graph, form: _Form) -> list[str]:
    """Depthwise convolutions whose wide input, or a part of it, is alive at the peak, widest first."""
    items = form.draft.items
    time = int(np.argmax(live_bytes(items)))
    alive: dict[str, int] = {}
    for item in items:
        if np.any((item.rects[:, 2] <= time) & (item.rects[:, 3] >= time)):
            alive |= {ring.name: ring.pitch for ring in item.rings}
    wide = {}
    for name, chain in splittable(graph).items():
        tensors = [node.output for node in chain[:-1]]
        if any(alive_name == t or alive_name.startswith(f"{t}_part") for alive_name in alive for t in tensors):
            wide[name] = graph.tensors[tensors[-1]].row_bytes
    return sorted(wide, key=lambda n: (-wide[n], n))


def _with_parts(graph: Graph, target: Target, form: _Form, parts: Mapping[str, int]) -> _Form:
    """The same cuts in a graph with other parts."""
    lowered = lower(split_channels(graph, parts), target)
    problem = Problem(lowered.graph, lowered.demands, lines_everywhere(lowered.graph))
    place = {stage.node.name: i for i, stage in enumerate(problem.stages)}
    firsts = []
    for first, _ in form.draft.segments:
        node = form.draft.problem.stages[first].node
        firsts.append(place.get(node.name, place.get(f"{node.name}_part0", 0)))
    firsts = sorted({0, *firsts})
    segments = tuple(zip(firsts, [*firsts[1:], len(problem.stages)], strict=True))
    return _Form(parts, lowered, replace(form.draft, problem=problem, segments=segments))
