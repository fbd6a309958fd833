"""What a kernel is to the rest of the compiler."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ircompile.analyses.intervals import Intervals
from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.requantize import PREFERRED, Core, Form, PairForm, Recipe, channel_words, synthesize
from ircompile.kernels.weights import WeightCoding
from ircompile.plan.model import Buffer, Demand, Layout, Plan, Tables
from ircompile.target import Features, MemoryRegion, Target

# How a kernel is handed its inputs: "row", a pointer to the one row of each that it reads; "window", an array of
# row pointers, NULL outside of the picture; "buffer", base, slots and pitch, from which it finds rows itself;
# "map", a pointer to all rows, one after the other.
Call = Literal["row", "window", "buffer", "map"]
Extra = Literal["step", "sums", "scratch"]
FEW_PIXELS = 128  # in which some instructions more a code are worth two to four bytes a channel
Prefer = Literal["speed", "size"]
"""Which constants are chosen where others are smaller and take more instructions."""
RowLine = tuple[int, int, int]
Choose = Callable[[Any, Site, "Request"], "Kernel"]
"""Chooses the kernel of an op of one class."""
Packer = Callable[[Any, Site, "Context"], "Packed"]
"""Packs the constants of an op of one class."""


@dataclass(frozen=True)
class Request:
    """What a kernel is chosen for.

    A core, and whether with little scratch (`frugal`) or any (`roomy`), weights of 4 bits (`nibbles`), sums of 64
    bits (`long`) or all rows of a map at once (`whole`).
    """

    target: Target
    frugal: bool = False
    roomy: bool = False
    nibbles: bool = False
    long: bool = False
    whole: bool = False

    @property
    def features(self) -> Features:
        """What the core's instruction set offers."""
        return self.target.features


@dataclass(frozen=True)
class Kernel:
    """A kernel chosen for one node.

    pack      what gives its constants: a function of the op, its site and the Context.
    template  file name in templates/kernels without its endings; a variant for an instruction set has the same
              name with `.dsp` or `.mve` before `.c.j2` and is found by it.
    writes    the row layouts it can write, best first.
    alike     it goes code by code, in whichever layout all its tensors have; `reads` and `writes` are the usual.
    rows      with "row", which row of each input step s reads: (times, plus, over) for s * times // over + plus,
              clamped to the rows there are; row s where it says nothing.
    extras    what it is handed besides, last in its arguments, in this order.
    strided   it asks how far apart the pixels of its output are (`Context.steps`), as parts of other pixels do.
    whole     a single step reads all rows and writes all rows.
    frugal    it is one that takes less scratch and more instructions than need be.
    roomy     it is one that takes all the scratch that it can make use of.
    coding    how its weights are to be stored; None leaves it to packing.
    pixels    how many it takes in one pass over its weights, where that is not what the core's others do.
    """

    template: str
    pack: Packer
    call: Call
    reads: tuple[Layout, ...]
    writes: tuple[Layout, ...] = ("hwc",)
    scratch: int = 0
    in_place: int | None = None
    instructions: int = 0
    extras: tuple[Extra, ...] = ()
    rows: tuple[RowLine, ...] = ()
    alike: bool = False
    strided: bool = False
    whole: bool = False
    frugal: bool = False
    roomy: bool = False
    coding: WeightCoding | None = None
    pixels: int = 0

    def demand(self, layout: Layout) -> Demand:
        """What planning must know, with the output written in `layout`; over an input in the best one only."""
        pointers, wanted = self.call in ("row", "window"), (self.strided, self.whole)
        in_place = self.in_place if layout == self.writes[0] else None
        return Demand(self.reads, layout, self.scratch, in_place, self.instructions, pointers, *wanted, self.pixels)


@dataclass(frozen=True)
class Packed:
    """A kernel's constants for one node.

    key     template parameters: nodes of equal template and key share one C function; `suffix` names it.
    arrays  go to NAME_weights.c and are handed over as pointers, in order.
    sizes   C integer arguments after them, in order, by parameter name.
    shared  functions that the kernel calls and may share with others, by the name under which the template knows
            them: their own template and key; all of one kernel have its form.
    layouts what the words of an array are, for the comment above it, where its shape does not tell.
    """

    suffix: str
    key: Mapping[str, object]
    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]
    form: Form | PairForm | None = None
    recipe_channels: Mapping[str, int] = field(default_factory=dict)
    shared: Mapping[str, tuple[str, Mapping[str, object]]] = field(default_factory=dict)
    layouts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What packing may ask beside the op of `node` and its site.

    What is tried first so that layers share code: right shifts, where not those of the kernel, and a kink.
    """

    plan: Plan
    target: Target
    intervals: Intervals
    kernels: Mapping[str, Kernel]
    node: Node
    prefer: Prefer = "speed"
    shifts: Sequence[int] = ()
    kinked: bool = False

    @property
    def features(self) -> Features:
        """What the core's instruction set offers."""
        return self.target.features

    @property
    def kernel(self) -> Kernel:
        """The kernel of the node."""
        return self.kernels[self.node.name]

    @property
    def output(self) -> Buffer:
        """Where the node's output lies."""
        return self.plan.buffers[self.node.output]

    def apart(self, site: Site) -> bool:
        """Whether the channels of an output pixel do not lie side by side."""
        return self.output.layout == "chw" and site.output.width > 1

    def steps(self, site: Site) -> dict[str, int]:
        """How far apart neighbouring pixels and neighbouring channels of an output row are, in codes."""
        buffer = self.output
        if buffer.layout == "hwc":
            apart = buffer.pixel_stride // site.output.itemsize
            return {"pixel_step": apart or site.output.channels, "channel_step": 1}
        return {"pixel_step": 1, "channel_step": site.output.width}

    def recipe(self, op: ops.Convolution, site: Site, shifted: int = 0, prefer: Sequence[int] = ()) -> Recipe:
        """The requantization of the node, the cheapest that is proved over its reachable accumulators.

        `shifted`: the kernel has these times 2^shifted. `prefer`: the kernel's right shifts to try first.
        """
        low, high = self.intervals.accumulators[self.node.name]
        scale, bias = site.consts[op.requant.scale], integers(site.consts[op.bias])
        core = Core.of(self.features, self.shifts or prefer or PREFERRED, shifted, self.kinked)
        few_words = self.has_few_words(op, site)
        return synthesize(op.requant, scale, bias, low, high, core, site.output.qtype, few_words)

    def has_few_words(self, op: ops.Convolution, site: Site) -> bool:
        """Whether a channel's words of requantization are as few as can be, at a few instructions a code.

        By default it is so where float32 arithmetic is requantized, and few pixels have codes in each channel.
        """
        rows, width, _ = site.output.shape
        return self.prefer == "size" or (op.requant.rounding == "float32_even" and rows * width <= FEW_PIXELS)


@dataclass(frozen=True)
class Lowered:
    """A graph with a kernel and a demand on the plan for every node, by node name."""

    graph: Graph
    kernels: Mapping[str, Kernel]
    demands: Mapping[str, Demand]


@dataclass(frozen=True)
class Constant:
    """A constant array of a program.

    `node` is the first that reads it, and `role` what it is to that node; `layout` says what its words are, where
    the shape does not tell. `memory` is the number of the flash memory that holds it.
    """

    node: str
    role: str
    values: Array
    layout: str = ""
    memory: int = 0

    @cached_property
    def key(self) -> tuple[str, bytes]:
        """What constants of equal contents have in common."""
        return self.values.dtype.name, self.values.tobytes()


@dataclass(frozen=True)
class Program:
    """A plan, the constants of every node and the tables of the schedule: all that `emit` needs.

    `constants` are the arrays of all nodes in the order in which they are read, each once. `flash` are the memories
    that hold them, the fastest first; none where there is but one. `intervals` are those over which constants were
    chosen, and `prefer` what was preferred.
    """

    plan: Plan
    lowered: Lowered
    target: Target
    packed: Mapping[str, Packed]
    tables: Tables
    constants: tuple[Constant, ...]
    intervals: Intervals
    flash: tuple[MemoryRegion, ...] = ()
    prefer: Prefer = "speed"


def requant_words(recipe: Recipe) -> Array:
    """A layer's common words and then the words of each channel, as they are stored, as one array."""
    form, common = recipe.form, recipe.common.reshape(-1)
    if form.storage == "three halves" and form.quick:
        common = (common - form.half) >> (form.shift or 0)
    kind = np.int16 if form.storage == "three halves" else np.int32
    return np.concatenate([common, channel_words(recipe).reshape(-1)]).astype(kind)


def window_suffix(window: ops.Window) -> str:
    """A C identifier part for a window's geometry."""
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    text = f"{kh}x{kw}" + ("" if (sh, sw) == (1, 1) else f"_s{sh}" if sh == sw else f"_s{sh}{sw}")
    text += "" if (dh, dw) == (1, 1) else f"_d{dh}" if dh == dw else f"_d{dh}{dw}"
    return text + f"_p{window.padding[2]}"
