"""Which way round a network over one axis is planned: time as rows, or as columns."""

from collections.abc import Callable

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.passes.orientation import transposed, upright
from ircompile.variants.choose import Ram
from ircompile.variants.tradeoffs import PlanVariant

WORTH_TRANSPOSING = 0.9  # of the bytes: for less the faster of both is taken


def choose_orientation(
    graph: Graph, choose: Callable[[Graph], PlanVariant], input_mode: InputMode, ram: Ram
) -> tuple[PlanVariant, Graph]:
    """The plan that `choose` finds, and its graph: of a network over one axis, that or the transposed one.

    `ram` is what `choose` looks for. With a number of bytes it is the faster; with "min" the smaller; else the one
    that needs a tenth less, or the faster if neither does. Rows that are pushed are moments: a window of one row is
    transposed. Raises CompileError as `choose` does.
    """
    other = transposed(graph)
    if other is None:
        return choose(graph), graph
    if input_mode == "rows":
        upright_graph = upright(graph)
        return choose(upright_graph), upright_graph
    found, refused = list[tuple[PlanVariant, Graph]](), list[CompileError]()
    for form in (graph, other):
        try:
            found.append((choose(form), form))
        except CompileError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    if ram == "min":
        return min(found, key=lambda each: (each[0].ram, each[0].work))
    least = min(plan.ram for plan, _ in found)
    close = [each for each in found if isinstance(ram, int) or least > WORTH_TRANSPOSING * each[0].ram]
    return min(close, key=lambda each: (each[0].work, each[0].ram))
