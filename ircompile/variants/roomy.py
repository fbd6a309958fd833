"""Windows that are gathered at once, where the arena has room for them: quicker, and not a byte more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Node
from ircompile.kernels.candidates import choose
from ircompile.kernels.model import Kernel, Lowered, Request
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.target import Target
from ircompile.variants.tradeoffs import PlanVariant

Place = Callable[[PlanVariant, PlanVariant], PlanVariant | None]
"""A plan with its places where it takes no more room than a second one, which is placed already."""


def with_whole_windows(variant: PlanVariant, target: Target, place: Place) -> PlanVariant:
    """The plan with roomy kernels where it takes no more room: in all layers, else in one after the other.

    A convolution gathers large windows bit by bit, and keeps the sums of all channels in between, so as to need
    little scratch. Where less than the most is alive, there is room for a whole window.
    """
    found = {node.name: kernel for node in variant.lowered.graph.nodes if (kernel := _roomy(variant, node, target))}
    return with_kernels(variant, found, place)


def with_kernels(variant: PlanVariant, found: Mapping[str, Kernel], place: Place) -> PlanVariant:
    """The plan with those of these kernels, by node, with which it takes no more room: all, else one by one."""
    if not found:
        return variant
    if placed := place(exchanged(variant, found), variant):
        return placed
    for name in _most_work_first(variant.lowered, list(found)):
        variant = place(exchanged(variant, {name: found[name]}), variant) or variant
    return variant


def _roomy(variant: PlanVariant, node: Node, target: Target) -> Kernel | None:
    """The kernel of a window that takes more scratch and fewer instructions; None if there is none."""
    kernel, op = variant.lowered.kernels[node.name], node.op
    if not isinstance(op, ops.Conv) or kernel.template != "conv" or not target.features.dsp:
        return None
    request = Request(target, roomy=True, nibbles=kernel.coding is not None)
    other = choose(node, variant.lowered.graph, request)
    better = other.template == kernel.template and other.scratch > kernel.scratch
    return replace(other, reads=kernel.reads, writes=kernel.writes, alike=kernel.alike) if better else None


def exchanged(variant: PlanVariant, kernels: Mapping[str, Kernel]) -> PlanVariant:
    """The plan with these kernels and the same cuts, not placed yet."""
    lowered, candidate = variant.lowered, variant.candidate
    demands = dict(lowered.demands)
    for name, kernel in kernels.items():
        demands[name] = kernel.demand(demands[name].writes)
    old = candidate.scheduled
    scheduled = ScheduledGraph(old.graph, demands, old.line_buffers, old.recomputing)
    candidate = replace(candidate, scheduled=scheduled)
    lowered = replace(lowered, kernels={**lowered.kernels, **kernels}, demands=demands)
    return replace(variant, lowered=lowered, candidate=candidate, memory_map=None)


def _most_work_first(lowered: Lowered, names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: -lowered.demands[name].instructions)
