"""A function of a byte, one for all channels or one a channel: raw camera pixels to codes, codes to codes."""

from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import Const, RowByRow
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8, UINT8


@dataclass(frozen=True)
class PixelTable(RowByRow):
    """out[c] = tables[c or 0][in[c]], of an int8 input tables[c or 0][in[c] + 128].

    `tables` names an int8 constant (C or 1, 256).
    """

    tables: str

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One uint8 or int8 input of any shape."""
        shape = consts[self.tables].shape
        if inputs[0].qtype not in (UINT8, INT8):
            raise CompileError(inputs[0].name, f"a table of pixels for {inputs[0].dtype}", "uint8, int8")
        if shape not in ((1, UINT8.count), (inputs[0].channels, UINT8.count)):
            raise CompileError(
                self.tables, f"tables of shape {shape}", f"{UINT8.count} entries, for all or for each channel"
            )
        return inputs[0].shape

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        tables = site.consts[self.tables]
        channel = np.minimum(np.arange(site.output.channels), len(tables) - 1)
        least = site.inputs[0].qtype.low
        return tables[channel, inputs[0].take(start, stop).astype(int) - least]

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        tables = np.broadcast_to(site.consts[self.tables], (site.output.channels, UINT8.count)).astype(np.int64)
        return tables.min(axis=1), tables.max(axis=1)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return None

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs <= {"int8", "uint8"} and output == "int8"

    def constants(self) -> tuple[Const, ...]:
        return (Const(self.tables, 2),)
