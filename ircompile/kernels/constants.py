"""The constant arrays of a program: which there are, in which order, and in which memory each of them lies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.graph import State
from ircompile.ir.tensor import Array
from ircompile.kernels.model import Constant, Packed
from ircompile.kernels.requantize import Form
from ircompile.kernels.requantize.form import WORD
from ircompile.plan import Plan
from ircompile.plan.candidate import aligned
from ircompile.plan.work import weight_passes
from ircompile.target import MemoryRegion


def constants_of(
    plan: Plan, packed: Mapping[str, Packed], flash: Sequence[MemoryRegion] = ()
) -> tuple[Constant, ...]:
    """All constant arrays, each once, in the order in which the C reads them, and where in `flash` each lies.

    `flash` are memories, the fastest first: arrays that are read most often go to the first that has room. Raises
    CompileError where none has.
    """
    found = dict[tuple[str, bytes], Constant]()
    for constant in _read_by(plan, packed):
        found.setdefault(constant.key, constant)
    return _placed(plan, list(found.values()), flash)


def first_rows(plan: Plan, state: State) -> Array:
    """The codes of a state at the first call, as they lie in the arena; a single row where all rows are alike."""
    first = plan.graph.consts[state.initial]
    codes = np.ascontiguousarray(first if plan.buffers[state.tensor].layout == "hwc" else first.transpose(0, 2, 1))
    return codes[:1] if (codes == codes[:1]).all() else codes


def _read_by(plan: Plan, packed: Mapping[str, Packed]) -> Iterator[Constant]:
    """What each stage reads, and then what begins the states that do not begin with a single code."""
    for stage in plan.stages:
        if stage.node.name in plan.placed:
            continue
        for node in stage.nodes:
            own = packed[node.name]
            for role, values in own.arrays.items():
                yield Constant(
                    node.name,
                    role,
                    np.ascontiguousarray(values),
                    own.layouts.get(role, "") or _layout_of(role, values, own.form),
                )
    for state in plan.graph.states:
        codes = first_rows(plan, state)
        if (codes != codes.flat[0]).any():
            writers = [node for node in plan.graph.nodes if node.output == state.tensor]
            yield Constant((writers or plan.graph.nodes)[0].name, f"state_{state.tensor}", codes)


def _layout_of(role: str, values: Array, form: object) -> str:
    """What the words of a layer's requantization are, channel by channel, for a comment; "" of other arrays."""
    if role != "requant" or not isinstance(form, Form) or values.ndim > 1:
        return ""
    if form.storage == "three halves":
        scale = "multiplier" if form.quick else "scale less that of 2^-15"
        what = f"start in bits 0 to {form.low_bits - 1} and {scale} above, in two; start's other bits"
        return f"words zero_point of all channels; {(len(values) - 1) // 3} x ({what})"
    words = [["start"]] if form.starts == 1 else [["low word of the start"], ["high word"]]
    words += [[] for _ in range(form.fields_count - form.starts)]
    for name, (word, low, bits) in form.places.items():
        words[word].append(name if bits == WORD else f"{name} in bits {low} to {low + bits - 1}")
    told = [" and ".join(names) for names in words]
    if form.name == "steps":
        told = ["start", f"{form.fields_count - form.starts} thresholds"]
    first = f"{', '.join(form.common)} of all channels; " if form.common else ""
    return f"words {first}{(len(values) - len(form.common)) // form.fields_count} x ({', '.join(told)})"


def _placed(plan: Plan, constants: Sequence[Constant], flash: Sequence[MemoryRegion]) -> tuple[Constant, ...]:
    """The constants with the numbers of their memories; without `flash` there is one, with room for all."""
    passes = {node.name: weight_passes(plan, node) for node in plan.graph.nodes}
    room: list[float] = [region.bytes for region in flash] or [inf]
    memory = dict[tuple[str, bytes], int]()
    for constant in sorted(constants, key=lambda c: (-passes[c.node], c.values.nbytes)):
        bytes_taken = aligned(constant.values.nbytes)
        number = next((i for i, free in enumerate(room) if free >= bytes_taken), None)
        if number is None:
            total = sum(aligned(each.values.nbytes) for each in constants)
            raise CompileError(
                f"--flash: {constant.node} {constant.role}",
                f"no room for its {bytes_taken:,} bytes; the constants are {total:,} in all",
                "memories that hold all constants",
                "give the last one more: --flash NAME=SIZE",
            )
        room[number] -= bytes_taken
        memory[constant.key] = number
    return tuple(replace(constant, memory=memory[constant.key]) for constant in constants)
