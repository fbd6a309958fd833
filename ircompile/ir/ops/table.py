"""Any function of one int8 code, as 256 entries."""

from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import ChannelByChannel, Const, RowByRow
from ircompile.ir.ops.ranges import Range, looked_up
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8


@dataclass(frozen=True)
class Table(RowByRow, ChannelByChannel):
    """out = table[in + 128]; `table` names an int8 constant (256,). `function` is what it computes, for people."""

    table: str
    function: str = "table"

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input of any shape."""
        if consts[self.table].shape != (INT8.count,):
            raise CompileError(self.table, f"table of shape {consts[self.table].shape}", f"{INT8.count} entries")
        return inputs[0].shape

    def carries_ties(self) -> bool:
        return True

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        return site.consts[self.table][inputs[0].take(start, stop).astype(int) - INT8.low]

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return looked_up(site.consts[self.table], inputs[0])

    def constants(self) -> tuple[Const, ...]:
        return (Const(self.table, 1),)

    def is_identity(self, site: Site) -> bool:
        return bool(np.array_equal(site.consts[self.table], INT8.codes()))
