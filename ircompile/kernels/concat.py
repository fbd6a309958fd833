"""Kernels of concatenation and of slices: bytes copied in runs as long as they are."""

from __future__ import annotations

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Kernel, Packed


def choose_concat(op: ops.Concat, site: Site) -> Kernel:
    """The row of every input; on the height axis, of the input in which the output row lies."""
    extras = ("step",) if op.axis == 0 else ()
    rows = tuple((1, -offset, 1) for offset in op.offsets(site)[:-1]) if op.axis == 0 else ()
    return Kernel("concat", "row", ("hwc",) * len(site.inputs), rows=rows, extras=extras)  # type: ignore[arg-type]


def choose_slice(op: ops.Slice) -> Kernel:
    """One row of the input."""
    return Kernel("slice", "row", ("hwc",), rows=((op.stride[0], op.begin[0], 1),))


def pack_concat(op: ops.Concat, site: Site) -> Packed:
    """On the height axis where each input ends; else the bytes of each run."""
    numbers = range(len(site.inputs))
    if op.axis == 0:
        sizes = {f"end_{n}": op.offsets(site)[n + 1] for n in numbers[:-1]}
        sizes["row"] = site.output.row_bytes
    elif op.axis == 1:
        sizes = {f"bytes_{n}": site.inputs[n].row_bytes for n in numbers}
    else:
        sizes = {"width": site.output.width} | {f"bytes_{n}": site.inputs[n].channels for n in numbers}
    suffix = f"{('rows', 'columns', 'channels')[op.axis]}_{len(numbers)}"
    return Packed(suffix, {"axis": op.axis, "count": len(numbers)}, {}, sizes)


def pack_slice(op: ops.Slice, site: Site) -> Packed:
    """The longest runs that are whole: the row, pixels or single codes."""
    source, target = site.inputs[0], site.output
    (_, left, front), (_, sx, sc) = op.begin, op.stride
    first = left * source.channels + front
    if sx == 1 and target.channels == source.channels:
        return Packed("row", {"run": "row"}, {}, {"first": first, "bytes": target.row_bytes})
    sizes = {"first": first, "width": target.width, "pixel_step": sx * source.channels, "channels": target.channels}
    if sc == 1:
        return Packed("pixels", {"run": "pixel"}, {}, sizes)
    return Packed("codes", {"run": "code"}, {}, {**sizes, "channel_step": sc})
