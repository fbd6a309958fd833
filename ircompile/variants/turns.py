"""Which way round a network over one axis is planned: time as rows, or as columns."""

from __future__ import annotations

from collections.abc import Sequence

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.passes.turn import turned, upright
from ircompile.target import MemoryRegion, Target
from ircompile.variants.choose import Ram, choose_plan
from ircompile.variants.tradeoffs import PlanVariant

WORTH_TURNING = 0.9  # of the bytes: for less the faster of both is taken


def choose_as_it_is(
    graph: Graph,
    target: Target,
    input_mode: InputMode,
    ram: Ram = "auto",
    memory: Sequence[MemoryRegion] = (),
    reserved: int = 0,
) -> tuple[PlanVariant, Graph]:
    """The plan that `choose_plan` finds, and the graph."""
    return choose_plan(graph, target, input_mode, ram, memory, reserved), graph


def choose_turn(
    graph: Graph,
    target: Target,
    input_mode: InputMode,
    ram: Ram = "auto",
    memory: Sequence[MemoryRegion] = (),
    reserved: int = 0,
) -> tuple[PlanVariant, Graph]:
    """The plan that `choose_plan` finds, and its graph: of a network over one axis, that or the turned one.

    Within a number of bytes it is the faster; else the one that needs a tenth less, or the faster if neither does.
    Rows that are pushed are moments: a window of one row is turned. Raises CompileError as `choose_plan` does.
    """
    other = turned(graph)
    if other is None:
        return choose_plan(graph, target, input_mode, ram, memory, reserved), graph
    if input_mode == "rows":
        return choose_as_it_is(upright(graph), target, input_mode, ram, memory, reserved)
    found, refused = list[tuple[PlanVariant, Graph]](), list[CompileError]()
    for form in (graph, other):
        try:
            found.append((choose_plan(form, target, input_mode, ram, memory, reserved), form))
        except CompileError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    least = min(plan.ram for plan, _ in found)
    close = [each for each in found if isinstance(ram, int) or least > WORTH_TURNING * each[0].ram]
    return min(close, key=lambda each: (each[0].work, each[0].ram))
