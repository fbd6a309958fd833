"""Blocks of pixels folded into channels, and back."""

from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import Selecting
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8


class Blocks(Selecting):
    """Blocks of `block` by `block` pixels and channels that are exchanged; of int8."""

    block: int

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs == {INT8.name} and output == INT8.name

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return None


@dataclass(frozen=True)
class DepthToSpace(Blocks):
    """Channel (dy * block + dx) * C + c of a pixel becomes channel c of pixel (dy, dx) of a block."""

    block: int

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One input; channels a multiple of the block's square."""
        height, width, channels = inputs[0].shape
        if self.block < 1 or channels % self.block**2:
            raise CompileError(inputs[0].name, f"{channels} channels in blocks of {self.block}", "whole blocks")
        return height * self.block, width * self.block, channels // self.block**2

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return ((step // self.block, step // self.block + 1),)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        first, last = start // self.block, (stop - 1) // self.block + 1
        rows, channels = inputs[0].take(first, last), site.output.channels
        blocks = rows.reshape(last - first, site.inputs[0].width, self.block, self.block, channels)
        pixels = blocks.transpose(0, 2, 1, 3, 4).reshape(-1, site.output.width, channels)
        return pixels[start - first * self.block : stop - first * self.block]


@dataclass(frozen=True)
class SpaceToDepth(Blocks):
    """Channel c of pixel (dy, dx) of a block becomes channel (dy * block + dx) * C + c of one pixel."""

    block: int

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One input; height and width multiples of the block."""
        height, width, channels = inputs[0].shape
        if self.block < 1 or height % self.block or width % self.block:
            raise CompileError(inputs[0].name, f"{height} x {width} in blocks of {self.block}", "whole blocks")
        return height // self.block, width // self.block, channels * self.block**2

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return ((step * self.block, (step + 1) * self.block),)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        rows = inputs[0].take(start * self.block, stop * self.block)
        shape = (stop - start, self.block, site.output.width, self.block, site.inputs[0].channels)
        return np.asarray(
            rows.reshape(shape).transpose(0, 2, 1, 3, 4).reshape(stop - start, *site.output.shape[1:])
        )
