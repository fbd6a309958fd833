"""How much work a plan does, for reports: at each push of a row, and from flash."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from ircompile import ops
from ircompile.plan.firing import rows_pushed, whole_run
from ircompile.plan.model import Plan

COPY = 1  # instructions a byte that memmove takes, or a little less


@dataclass(frozen=True)
class PushWork:
    """Estimated instructions of one push_row: the most, the median, and at which row the most."""

    largest: int
    typical: int
    at_row: int


def push_work(plan: Plan) -> PushWork | None:
    """Work between one row pushed and the next; None where the input is resident."""
    if plan.input_mode != "rows":
        return None
    each = [plan.demands[stage.node.name].instructions / stage.steps for stage in plan.stages]
    pushes: list[float] = []
    for index, _ in whole_run(plan.stages, plan.segments, rows_pushed(plan.stages)):
        if index < 0:
            pushes.append(0.0)
        else:
            pushes[-1] += each[index]
    return PushWork(round(max(pushes)), round(median(pushes)), pushes.index(max(pushes)))


def instructions(plan: Plan) -> int:
    """Estimated instructions of one inference: kernels, and a word at a time what lines keep."""
    kept = sum(
        lines.pitch
        * min(plan.stages[plan.index[name]].steps, plan.tensor(plan.stages[plan.index[name]].node.inputs[0]).height)
        for name, lines in plan.lines.items()
    )
    return sum(demand.instructions for demand in plan.demands.values()) + kept * COPY


def weight_bytes_read(plan: Plan, pixels: int = 2) -> int:
    """Bytes of weights that one inference loads, where a convolution's kernel takes `pixels` at a time."""
    total = 0
    for node in plan.graph.nodes:
        site = plan.graph.site(node)
        match node.op:
            case ops.Conv(weights=name):
                passes = site.output.height * -(-site.output.width // pixels)
            case ops.Depthwise(weights=name):
                passes = site.output.height
            case ops.TransposeConv(weights=name):
                passes = site.output.height * site.output.width
            case _:
                continue
        total += passes * int(site.consts[name].nbytes)
    return total
