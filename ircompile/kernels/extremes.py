"""Kernels that look for the greatest or the least code: over rows and columns, or over channels."""

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Choose, Context, Extra, Kernel, Packed, Request


def choose_argmax(op: ops.ArgMax, site: Site, request: Request) -> Kernel:
    """Row by row."""
    return Kernel("argmax", pack_argmax, "row", ("hwc",))


def choose_extreme(op: ops.Extreme, site: Site, request: Request) -> Kernel:
    """Row after row into the codes found so far, where there is more than one row to compare."""
    extras: tuple[Extra, ...] = ("step", "sums") if op.sum_bytes(site) else ()
    return Kernel("extreme", pack_extreme, "row", ("hwc",), extras=extras)


def pack_argmax(op: ops.ArgMax, site: Site, context: Context) -> Packed:
    """Which of the two it is."""
    sizes = {"width": site.inputs[0].width, "channels": site.inputs[0].channels}
    return Packed("least" if op.least else "", {"least": op.least}, {}, sizes)


def pack_extreme(op: ops.Extreme, site: Site, context: Context) -> Packed:
    """How many pixels of a row one code stands for: all, or each for itself."""
    source, summed = site.inputs[0], bool(op.sum_bytes(site))
    pixels = source.width if "w" in op.axes else 1
    sizes = {"pixels": pixels, "codes": source.width * source.channels // pixels}
    if summed:
        sizes["last"] = source.height - 1
    key = {"kind": op.kind, "summed": summed}
    return Packed(op.kind + ("" if summed else "_row"), key, {}, sizes)


KERNELS: dict[type[ops.Op], Choose] = {ops.Extreme: choose_extreme, ops.ArgMax: choose_argmax}
