"""Whether a graph fits, with as little planning as that takes: for the many candidates of a search."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.passes.compute_twice import compute_twice
from ircompile.plan import check_input_mode
from ircompile.plan.bound import lower_bound
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.target import Target
from ircompile.variants.estimate.estimate import Planner, budget_of, estimate_forms, in_turn, shares


@dataclass(frozen=True)
class Screened:
    """What a graph needs: as `Analysis` says it, but with `basis` "bound" nothing was planned.

    Then the bound, which is proved, is above the budget already, or another limit does not hold; `arena` is the
    bound. `in_turn` is as `Analysis` says it; `order` is the stage of each step of that plan, if there is one.
    """

    scheduled: ScheduledGraph
    order: Sequence[int] | None
    arena: int
    in_turn: int
    basis: Literal["planned", "estimated", "bound"]
    lower_bound: int
    fits: bool | None
    verdict: Literal["fits", "may fit", "does not fit", "not asked"]


def screen(
    graph: Graph,
    target: Target,
    input_mode: InputMode = "resident",
    ram: int | None = None,
    hopeless: Callable[[ScheduledGraph], bool] | None = None,
) -> Screened:
    """Screens a normalized graph; see `analyze_graph`. `hopeless` says of its schedule that another limit fails.

    Raises CompileError where the input mode does not suit the graph.
    """
    check_input_mode(graph, input_mode)
    memory, asked = target.memory, ram
    ram = budget_of(ram, memory)
    planner, rows = Planner(lower(graph, target)), input_mode == "rows"
    bound = lower_bound(planner.plain, rows)
    if hopeless and hopeless(planner.plain):
        return Screened(planner.plain, None, bound, bound, "bound", bound, False, "not asked")
    if ram is not None and bound > ram and compute_twice(graph) is graph:
        return Screened(planner.plain, None, bound, bound, "bound", bound, False, "does not fit")
    found = estimate_forms(graph, target, rows, ram, planner)
    bound, turns = found.bound, in_turn(found, target, asked, memory)
    more = found.bytes if turns is found.candidate else turns.size
    basis: Literal["planned", "estimated"] = "planned" if found.placed else "estimated"
    plan = turns.scheduled, turns.times.order(), found.bytes, more, basis, bound
    if ram is None:
        return Screened(*plan, None, "not asked")
    if found.surely <= ram and (len(memory) < 2 or bool(shares(found, memory))):
        return Screened(*plan, True, "fits")
    if bound > ram:
        return Screened(*plan, False, "does not fit")
    return Screened(*plan, None, "may fit")
