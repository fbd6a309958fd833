"""A tensor written once more, in another layout; lowering puts it where a kernel asks for one."""

from dataclasses import dataclass

from ircompile.ir.ops.op import ChannelByChannel, RowByRow, Selecting
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Copy(RowByRow, ChannelByChannel, Selecting):
    """The same codes; only the layout of the rows in memory differs, which the plan knows."""

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One input of any shape."""
        return inputs[0].shape

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        return inputs[0].take(start, stop)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return inputs[0]
