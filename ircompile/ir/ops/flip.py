"""uint8 <-> int8 at equal scale: XOR 0x80."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import FLIP


@dataclass(frozen=True)
class Flip:
    """Turns a uint8 code into the int8 code 128 less, or back: the top bit flips."""

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or uint8 input; the output has the other of the two types."""
        return inputs[0].shape

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return ((step, step + 1),)

    def macs(self, site: Site) -> int:
        return 0

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        return (inputs[0].take(start, stop).view(np.uint8) ^ np.uint8(FLIP)).view(site.output.dtype)
