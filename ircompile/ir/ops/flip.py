"""uint8 <-> int8 at equal scale: XOR 0x80."""

from dataclasses import dataclass

import numpy as np

from ircompile.ir.ops.op import ChannelByChannel, RowByRow
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import FLIP, INT8


@dataclass(frozen=True)
class Flip(RowByRow, ChannelByChannel):
    """Turns a uint8 code into the int8 code 128 less, or back: the top bit flips."""

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or uint8 input; the output has the other of the two types."""
        return inputs[0].shape

    def carries_ties(self) -> bool:
        return True

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        return (inputs[0].take(start, stop).view(np.uint8) ^ np.uint8(FLIP)).view(site.output.dtype)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        offset = -FLIP if site.output.qtype == INT8 else FLIP
        return inputs[0][0] + offset, inputs[0][1] + offset

    def takes(self, inputs: set[str], output: str) -> bool:
        return len(inputs) == 1 and inputs | {output} == {"int8", "uint8"}
