"""Which rows the steps of a layer read, write and keep, found from the geometry of its windows."""

from ircompile.ir.graph import Node
from ircompile.ir.ops import Windowed, window_of
from ircompile.ir.tensor import Site


def rows_read(node: Node, site: Site, step: int) -> tuple[range | list[int], ...]:
    """The rows of each input that a step reads: of a window by its geometry, of all else as the op says."""
    op, height = node.op, site.inputs[0].height
    if not isinstance(op, Windowed):
        return tuple(range(*rows) for rows in op.needs(site, step))
    window = op.window
    first = step * window.stride[0] - window.padding[0]
    taps = range(first, first + window.kernel[0] * window.dilation[0], window.dilation[0])
    return ([row for row in taps if 0 <= row < height],)


def row_due(node: Node, site: Site, step: int) -> range:
    """The output row whose window ends with input row `step`."""
    window = window_of(node.op)
    rows = [
        r
        for r in range(site.output.height)
        if r * window.stride[0] - window.padding[0] + window.reach[0] - 1 == step
    ]
    return range(rows[0], rows[0] + 1) if rows else range(0)


def older_rows(node: Node, site: Site, step: int, written: range) -> list[int]:
    """Rows of the picture in the windows of the rows written, `step` itself left out."""
    window = window_of(node.op)
    taps = {
        r * window.stride[0] - window.padding[0] + i * window.dilation[0]
        for r in written
        for i in range(window.kernel[0])
    }
    return sorted(row for row in taps if 0 <= row < site.inputs[0].height and row != step)


def is_wanted_later(node: Node, site: Site, row: int) -> bool:
    """Whether the C keeps the row: a window that begins at or above it ends below it."""
    window = window_of(node.op)
    begins = [r * window.stride[0] - window.padding[0] for r in range(site.output.height)]
    return any(b <= row < b + window.reach[0] - 1 for b in begins)
