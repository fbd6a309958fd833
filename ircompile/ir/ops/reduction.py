"""What ops have in common that take rows in one after the other, and give out a row when they have seen all."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

from ircompile.ir.ops.op import ChannelByChannel, RowByRow, RowRange
from ircompile.ir.tensor import Array, Consts, Shape, Site, Tensor


class Accumulating(ChannelByChannel):
    """An op that keeps something from step to step, each channel for itself; the last step writes the output."""

    @abstractmethod
    def accumulate(self, site: Site, state: Array, step: int, rows: Sequence[Array]) -> Array | None:
        """Takes one row (W, C) of each input into the state, uint8 (sum_bytes,).

        After the last step it gives the output row.
        """


class Reduction(RowByRow, Accumulating):
    """An op over the axes "h", "w" or "hw" of a map.

    A step takes one input row. Over the rows ("h", "hw") something is kept from step to step.
    """

    axes: Literal["h", "w", "hw"]

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        height, width, channels = inputs[0].shape
        return (1 if "h" in self.axes else height, 1 if "w" in self.axes else width, channels)

    def steps(self, site: Site) -> int:
        return site.inputs[0].height

    def row_for_row(self, site: Site) -> bool:
        return False

    def output_rows(self, site: Site, step: int) -> RowRange:
        if "h" not in self.axes:
            return step, step + 1
        return (0, 1) if step == site.inputs[0].height - 1 else (0, 0)

    def keeps_rows(self, site: Site) -> bool:
        """Whether there is more than one row to reduce, so that something is kept between them."""
        return "h" in self.axes and site.inputs[0].height > 1
