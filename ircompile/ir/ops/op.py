"""What is known of an operator, and how the rest of the compiler asks for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8, INT16

RowRange = tuple[int, int]
"""Rows [first, stop) of a tensor."""


class Const(NamedTuple):
    """A constant that an op names: its name, how many axes it has, and the types that it may be of."""

    name: str
    rank: int
    dtypes: tuple[str, ...] = ("int8",)


@dataclass(frozen=True)
class Op(ABC):
    """One operator: a small frozen dataclass of parameters, and all that the compiler knows of them.

    Python refuses to make an op that lacks one of the abstract rules. Those that are not abstract say what holds
    for most ops: one int8 input, one step an output row, no weights, no constants, nothing kept between steps.
    A `site` is where the op stands: its tensors and the graph's constants.
    """

    off_by_one: ClassVar[bool] = False
    """Whether ONNX Runtime's own float arithmetic may give the next code, as docs/numerics.md says."""

    @abstractmethod
    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """The output's shape; raises CompileError where there is none.

        Each op's docstring is the rule that `docs/supported.md` prints.
        """

    @abstractmethod
    def needs(self, site: Site, step: int) -> tuple[RowRange, ...]:
        """The rows of each input that a step reads: all that planning may ask."""

    @abstractmethod
    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        """What the op means: rows [start, stop) of the output, (stop - start, W, C), of the rows that they need."""

    @abstractmethod
    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """Bounds of the output's codes, of bounds of the inputs' codes, channel by channel."""

    @abstractmethod
    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        """For each input, the channel (C_out,) that each output channel is made of; -1 where of none in particular.

        None where channels mix, or where no channel may be removed: then every channel stays.
        """

    def on_channels(self, site: Site, inputs: Sequence[Array], output: Array, cut: Callable[[str], str]) -> Op:
        """The same op where only some channels stay; for each input and for the output a mask (C,) says which.

        `cut` names the constant of which only the output's channels are left, on its last axis.
        """
        return self

    @property
    def title(self) -> str:
        """The operator as reports and comments call it."""
        return type(self).__name__

    def arity(self) -> int | None:
        """How many inputs the op takes; None for one and more."""
        return 1

    def takes(self, inputs: set[str], output: str) -> bool:
        """Whether the op is made for inputs of these types and an output of that one."""
        return inputs == {"int8"} and output == "int8"

    def constants(self) -> tuple[Const, ...]:
        """The constants that the op names."""
        return ()

    def problem(self) -> str:
        """What number among the op's own parameters is out of its range; "" where none is."""
        return ""

    def check(self, site: Site) -> None:  # noqa: B027 - most ops have nothing to say
        """Raises CompileError where simulation or analyses would have more to look at than they can."""

    def factors(self, site: Site) -> Array:
        """The real factors that the op multiplies by in TFLite's fixed-point arithmetic."""
        return np.zeros(1)

    def macs(self, site: Site) -> int:
        """Multiply-accumulates of all steps."""
        return 0

    def steps(self, site: Site) -> int:
        """How many steps compute the whole output."""
        return site.output.height

    def output_rows(self, site: Site, step: int) -> RowRange:
        """The output rows that a step completes."""
        return step, step + 1

    def sum_bytes(self, site: Site) -> int:
        """Bytes that the op keeps from its first step to its last, beside its buffers."""
        return 0

    def is_identity(self, site: Site) -> bool:
        """Whether the output is the input, given that both are of one shape, type and quantization."""
        return False

    def resized(self, before: Shape, after: Shape, output: Shape) -> Op:
        """The op where its input has another height and width; raises CompileError where it keeps to its size.

        `output` is the shape of the output before.
        """
        return self

    def row_for_row(self, site: Site) -> bool:
        """Whether each output row is made of the input rows of the same number, however many there are."""
        return False

    def of_rows(self, source: Tensor, start: int, stop: int) -> Op:
        """The op that computes output rows [start, stop) alone, of the rows of `source` that they need."""
        return self

    def passes(self, output: Tensor, pixels: int) -> int:
        """How often all steps go over the op's constants, where a convolution's kernel takes `pixels` at a time."""
        return output.height

    def carries_ties(self) -> bool:
        """Whether the op copies, compares or looks up codes, so that one of two codes becomes one of two."""
        return False

    def exact(self, site: Site, inputs: Sequence[Array]) -> Array | None:
        """The real value of each output element, float64; None where nothing is rounded in floating point."""
        return None


class RowByRow(Op):
    """An op whose output row is made of the input row of the same number."""

    def needs(self, site: Site, step: int) -> tuple[RowRange, ...]:
        return ((step, step + 1),)

    def row_for_row(self, site: Site) -> bool:
        return True


class ChannelByChannel(Op):
    """An op whose output channel is made of the input channel of the same number."""

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return (np.arange(site.output.channels),)


class Moving(Op):
    """An op that puts codes at other places, the same places whatever the codes are and of whatever type."""

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs == {output}

    def carries_ties(self) -> bool:
        return True

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """The op moves the bounds as it moves codes."""
        maps = [[Rows(np.broadcast_to(bound, t.shape)) for bound, t in zip(side, site.inputs, strict=True)]
                for side in zip(*inputs, strict=True)]  # fmt: skip
        low, high = (self.simulate(site, rows, 0, site.output.height) for rows in maps)
        return low.min(axis=(0, 1)), high.max(axis=(0, 1))


class Selecting(Moving):
    """An op of one input, each of whose output codes is one of the input's codes."""


def of_one_type(inputs: set[str], output: str) -> bool:
    """Whether inputs and output are all codes of 8 bits, or all of 16."""
    return inputs == {output} and output in (INT8.name, INT16.name)


def channels_within(channels: Array, source: Tensor) -> Array:
    """The channels, -1 where they are none of the source's."""
    return np.where((channels >= 0) & (channels < source.channels), channels, -1)


def const_names(op: Op) -> tuple[str, ...]:
    """The names of the constants of an op."""
    return tuple(const.name for const in op.constants())
