"""Does it fit, what blocks it, what would make it fit: answers in a moment, from a bound and a coarse plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.kernels.candidates import saved_by_codings
from ircompile.passes.orientation import upright
from ircompile.plan import check_input_mode
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.peak_bound import bound_beside
from ircompile.plan.work import instructions
from ircompile.target import MemoryRegion, Target, distinct
from ircompile.variants.estimate.advice import Option, only_if_sure, options
from ircompile.variants.estimate.estimate import budget_of, estimate_forms, in_turn, shares

Timed = Callable[[CandidatePlan], dict[str, Any]]
Verdict = Literal["fits", "fits with changes", "may fit", "does not fit", "not asked"]


@dataclass(frozen=True)
class Analysis:
    """What a model needs on a target, as plain values; bytes are bytes.

    `arena` is what a plan takes that was found in a moment: with `basis` "planned" every byte has its place, so
    compiling needs no more than about that, and often less; with "estimated" its live bytes were counted.
    `in_turn` is what it takes where compiling waits less for weights in slow flash, which fewer bytes (`--ram`) do
    without; elsewhere it is `arena`.
    `lower_bound`: no plan of these layers that computes each row once needs less. `peak_layer` is where most
    bytes are alive, `held` what they are. `constants` are weights, biases and what requantizes, about. `ram` is the
    budget asked about, `options` what needs less; for None nothing was asked and the verdict is "not asked".
    `regions` are bytes in each of several memories, where these hold the plan. `instructions` are the plan's own
    estimate of one inference, `timing` what a board makes of it, with layers in turn, where one was asked about.
    """

    model: str
    target: str
    input_mode: InputMode
    layers: int
    macs: int
    constants: int
    arena: int
    basis: Literal["planned", "estimated"]
    lower_bound: int
    peak_layer: str
    peak_source: str
    held: tuple[tuple[str, int], ...]
    ram: int | None
    verdict: Verdict
    options: tuple[Option, ...]
    notices: tuple[str, ...]
    in_turn: int = 0
    regions: tuple[tuple[str, int], ...] = ()
    instructions: int = 0
    timing: dict[str, Any] | None = None

    @property
    def fits(self) -> bool | None:
        """Whether it fits as it is; None where that is open or was not asked."""
        return {"fits": True, "may fit": None, "not asked": None}.get(self.verdict, False)


def analyze_graph(
    graph: Graph,
    target: Target,
    input_mode: InputMode = "resident",
    ram: int | None = None,
    advise: bool = True,
    memory: Sequence[MemoryRegion] = (),
    timed: Timed | None = None,
) -> Analysis:
    """Analyzes a normalized graph. Without `advise`, no other ways to plan it are looked for.

    `memory` are the RAMs to fit in, the fastest first (default: the target's); without `ram`, all of their bytes
    are the budget. `timed` says as plain values how long the plan takes on a board. Raises CompileError where the
    input mode does not suit the graph.
    """
    graph = upright(graph)  # as rows it needs the least
    check_input_mode(graph, input_mode)
    found = estimate_forms(graph, target, input_mode == "rows")
    memory = distinct(memory or target.memory)
    turns = in_turn(found, target, ram, memory)
    ram = budget_of(ram, memory)
    regions = shares(found, memory)
    fits = ram is not None and found.surely <= ram and (bool(regions) or len(memory) < 2)
    others = tuple(only_if_sure(options(graph, target, found, ram), memory)) if advise and not fits else ()
    node = found.candidate.peak_node
    return Analysis(
        model=graph.name,
        target=target.name,
        input_mode=input_mode,
        layers=len(graph.nodes),
        macs=graph.macs(),
        constants=constant_bytes(graph) - saved_by_codings(graph, target),
        arena=found.bytes,
        basis="planned" if found.placed else "estimated",
        lower_bound=bound_beside(found.candidate),
        peak_layer=node.name,
        peak_source=node.source,
        held=tuple(found.holds[:5]),
        ram=ram,
        verdict=_verdict(ram, fits, found.bound, others),
        options=others,
        notices=graph.notices,
        in_turn=found.bytes if turns is found.candidate else turns.size,
        regions=regions,
        instructions=instructions(found.candidate.scheduled),
        timing=timed(turns) if timed else None,
    )


def _verdict(ram: int | None, fits: bool, bound: int, others: tuple[Option, ...]) -> Verdict:
    if ram is None:
        return "not asked"
    if fits:
        return "fits"
    if any(option.fits for option in others):
        return "fits with changes"
    return "may fit" if bound <= ram else "does not fit"


def constant_bytes(graph: Graph) -> int:
    """Bytes of weights, biases and tables, and 5 a channel for what requantizes: what flash holds, about.

    Of a state's first rows one stands for all that are like it, and a single code is none.
    """
    first, total = {state.initial for state in graph.states}, 0
    for name, array in graph.consts.items():
        if name in first and (array == array[:1]).all():
            total += array[0].nbytes * int(np.ptp(array) > 0)
        else:
            total += 5 * array.size if array.dtype.kind == "f" else array.nbytes
    return total


__all__ = ["Analysis", "Option", "Verdict", "analyze_graph", "constant_bytes"]
