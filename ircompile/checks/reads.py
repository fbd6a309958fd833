"""The rows that a step reads, and the bytes that it keeps for the next, from what an op means.

What an op tells the planner, `needs` and `sum_bytes`, is not asked. A window's rows follow from its geometry;
those of a reduction over rows come one after the other. Of all else it is watched which rows the op's meaning
takes.
"""

from typing import cast

import numpy as np

from ircompile.ir.graph import Node
from ircompile.ir.ops import Extreme, Mean, RunningSum, Windowed
from ircompile.ir.tensor import Array, Rows, Site, Tensor
from ircompile.qtype import INT32


class _Watched:
    """Rows of zeros, of all rows of a tensor, that note which are taken."""

    first = 0

    def __init__(self, tensor: Tensor) -> None:
        self.data = np.broadcast_to(np.zeros(1, tensor.dtype), tensor.shape)
        self.taken: set[int] = set()

    def take(self, start: int, stop: int) -> Array:
        """Rows [start, stop), which must be the tensor's."""
        if not 0 <= start <= stop <= len(self.data):
            raise IndexError(f"rows {start}..{stop} asked, 0..{len(self.data)} held")
        self.taken |= set(range(start, stop))
        return self.data[start:stop]


def rows_read(node: Node, site: Site, step: int) -> tuple[list[int], ...]:
    """The rows of each input that a step reads, each in its order."""
    op, height = node.op, site.inputs[0].height
    if isinstance(op, Windowed):
        first = step * op.window.stride[0] - op.window.padding[0]
        taps = range(first, first + op.window.kernel[0] * op.window.dilation[0], op.window.dilation[0])
        return ([row for row in taps if 0 <= row < height],)
    if isinstance(op, RunningSum):
        return [0], [op.first + step]
    if _over_rows(node):
        return ([step],)
    watched = [_Watched(tensor) for tensor in site.inputs]
    op.simulate(site, cast(list[Rows], watched), step, step + 1)
    return tuple(sorted(each.taken) for each in watched)


def is_row_for_row(node: Node, site: Site) -> bool:
    """Whether the first, middle and last step read the row of their number of each input, or its only row."""
    last = site.output.height - 1
    return not isinstance(node.op, Windowed | RunningSum) and all(
        rows_read(node, site, step) == _same_row(site, step) for step in (0, last // 2, last)
    )


def rows_of(node: Node, site: Site, step: int, row_for_row: bool) -> tuple[list[int], ...]:
    """`rows_read`, which is watched at three steps only of a node that `is_row_for_row`."""
    return _same_row(site, step) if row_for_row else rows_read(node, site, step)


def _same_row(site: Site, step: int) -> tuple[list[int], ...]:
    return tuple([step if tensor.height > 1 else 0] for tensor in site.inputs)


def bytes_kept(node: Node, site: Site) -> int:
    """Bytes of sums, or of codes found so far, from a step of a reduction over several rows to the next."""
    op, codes = node.op, site.output.width * site.output.channels
    if isinstance(op, RunningSum):
        return INT32.bytes * codes if op.stop - op.first > 1 else 0
    if not _over_rows(node) or site.inputs[0].height == 1:
        return 0
    return codes * (site.output.itemsize if isinstance(op, Extreme) else INT32.bytes)


def _over_rows(node: Node) -> bool:
    return isinstance(node.op, Mean | Extreme) and "h" in node.op.axes
