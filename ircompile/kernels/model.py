"""What a kernel is to the rest of the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ircompile.kernels.requantize import Form
from ircompile.plan.model import Demand, Layout
from ircompile.tensor import Array

# How a kernel is handed its inputs: "row", a pointer to the one row of each that it reads; "window", an array of
# row pointers, NULL outside of the picture; "buffer", base, slots and pitch, from which it finds rows itself.
Call = Literal["row", "window", "buffer"]
Extra = Literal["step", "sums", "scratch"]


@dataclass(frozen=True)
class Kernel:
    """A kernel chosen for one node.

    template  file name in templates/kernels without its endings; a variant for an instruction set has the same
              name with `.dsp` or `.mve` before `.c.j2` and is found by it.
    writes    the row layouts it can write, best first.
    extras    what it is handed besides, last in its arguments, in this order.
    """

    template: str
    call: Call
    reads: tuple[Layout, ...]
    writes: tuple[Layout, ...] = ("hwc",)
    scratch: int = 0
    in_place: int | None = None
    instructions: int = 0
    extras: tuple[Extra, ...] = ()

    def demand(self, layout: Layout) -> Demand:
        """What planning must know, with the output written in `layout`."""
        return Demand(self.reads, layout, self.scratch, self.in_place, self.instructions)


@dataclass(frozen=True)
class Packed:
    """A kernel's constants for one node.

    key     template parameters: nodes of equal template and key share one C function; `suffix` names it.
    arrays  go to NAME_weights.c and are handed over as pointers, in order.
    sizes   C integer arguments after them, in order, by parameter name.
    """

    suffix: str
    key: Mapping[str, object]
    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]
    form: Form | None = None
    recipe_channels: Mapping[str, int] = field(default_factory=dict)
