"""Cycles of a block of instructions at zero wait states: from a table, or from a small model of what overlaps.

Cores that issue one instruction after the other (M0+, M3, M4) have a table of cycles by class, from their technical
reference manuals. Cores that overlap (M7, M33, M55, M85) have a scoreboard: instructions issue in order,
up to `issue` a cycle, as soon as their operands are there and their unit is free; a unit is the multiplier, the
memory port, the branch unit, or one of Helium's three. Helium's instructions hold their unit for `vector` cycles,
so that a load and a multiply overlap. A block is timed as if it ran twice, and the second time counts: what a loop
costs.
"""

from collections.abc import Sequence

from ircompile.target import CycleCosts, Pipeline
from ircompile.timing.instructions import Instruction

_UNITS = {
    "load": "memory", "store": "memory", "load_double": "memory", "multiple": "memory",
    "multiply": "multiplier", "multiply_accumulate": "multiplier", "multiply_long": "multiplier",
    "multiply_accumulate_long": "multiplier", "divide": "divider", "branch": "branch",
    "float_multiply_accumulate": "float", "float_divide": "float",
    "vector_load": "vector memory", "vector_gather": "vector memory", "vector_multiply": "vector multiplier",
    "vector": "vector",
}  # fmt: skip


def block_cycles(
    block: Sequence[Instruction], following: Instruction | None, costs: CycleCosts, pipeline: Pipeline | None
) -> float:
    """Cycles of a block run once, its last branch not taken; `following` stands behind it in memory."""
    if pipeline is None:
        after = [*block[1:], following]
        return float(sum(map(_from_table, block, after, [costs] * len(block))))
    twice = _scoreboard([*block, *block], costs, pipeline)
    return twice[-1] - twice[len(block) - 1]


def taken_cycles(last: Instruction, costs: CycleCosts) -> int:
    """Cycles that a block's last instruction takes on top where it branches; a low-overhead loop's takes none."""
    return 0 if last.mnemonic.startswith("le") else costs.taken_branch - costs.other


def _from_table(instruction: Instruction, following: Instruction | None, costs: CycleCosts) -> int:
    """Cycles of one instruction; a load that an independent single load or store follows takes less."""
    kind = instruction.kind
    if kind == "multiple":
        return costs.multiple_base + instruction.listed
    if kind == "load":
        followed = (
            following is not None
            and following.kind in ("load", "store")
            and not instruction.writes & (following.reads | following.writes)
        )
        return costs.load_followed if followed else costs.load
    if instruction.moves_two:
        return 2 * costs.other
    return int(getattr(costs, kind, costs.other))


def _scoreboard(block: Sequence[Instruction], costs: CycleCosts, pipeline: Pipeline) -> list[float]:
    """The cycle after which each instruction has issued, from 0."""
    ready: dict[str, float] = {}
    free: dict[str, float] = {}
    ends: list[float] = []
    now, issued = 0.0, 0
    last: Instruction | None = None
    for instruction in block:
        unit = _UNITS.get(instruction.kind, "")
        start = max([now, free.get(unit, 0.0), *(ready.get(name, 0.0) for name in instruction.reads)])
        if start == now and issued and not (issued < pipeline.issue and _pair(last, instruction, pipeline)):
            start = now + 1
        issued = issued + 1 if start == now else 1
        now, last = start, instruction
        held = _held(instruction, costs, pipeline)
        if unit:
            free[unit] = start + held
        for name in instruction.writes:
            ready[name] = start + _latency(instruction, held, pipeline)
        ends.append(start + (held if held > 1 and unit in ("memory", "divider") else 1))
        if held > 1 and unit in ("memory", "divider"):
            now, issued = start + held - 1, pipeline.issue
    return ends


def _pair(first: Instruction | None, second: Instruction, pipeline: Pipeline) -> bool:
    """Whether two instructions in a row may issue in one cycle."""
    if first is None or (pipeline.narrow_pairs and not (first.narrow and second.narrow)):
        return False
    return first.kind != "branch" and not first.writes & second.writes


def _held(instruction: Instruction, costs: CycleCosts, pipeline: Pipeline) -> float:
    """Cycles for which an instruction holds its unit."""
    match instruction.kind:
        case "multiple":
            return costs.multiple_base + instruction.listed / pipeline.registers_a_cycle
        case "divide" | "float_divide" | "load_double":
            return float(getattr(costs, instruction.kind))
        case "vector_gather":
            return pipeline.gather
        case "vector_load" | "vector_multiply" | "vector":
            return pipeline.vector
        case _:
            return 1.0


def _latency(instruction: Instruction, held: float, pipeline: Pipeline) -> float:
    """Cycles after which a result can be read."""
    match instruction.kind:
        case "load" | "load_double":
            return held + pipeline.load_use
        case "multiply" | "multiply_accumulate" | "multiply_long" | "multiply_accumulate_long":
            return 1 + pipeline.multiply_use
        case "vector_load" | "vector_gather" | "vector_multiply" | "vector":
            return held - 1 + pipeline.vector_use
        case _:
            return 1.0
