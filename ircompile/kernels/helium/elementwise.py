"""Element-wise kernels for Helium."""

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.elementwise import pairs_of
from ircompile.kernels.model import Context, Kernel, Packed, Request
from ircompile.qtype import INT8


def choose_add(op: ops.Binary, site: Site, request: Request) -> Kernel | None:
    """ADD and SUB of two rows of one shape, where a sum of two products is the reference."""
    if (
        site.output.qtype != INT8
        or op.constant is not None
        or any(t.shape != site.output.shape for t in site.inputs)
    ):
        return None
    if pairs_of(op, *site.inputs, site.output) is None:
        return None
    return Kernel("add_lanes", pack_add, "row", ("hwc", "hwc"), in_place=1, instructions=2 * site.output.bytes)


def pack_add(op: ops.Binary, site: Site, context: Context) -> Packed:
    """Multipliers; the right shift as a negative left shift."""
    recipe = pairs_of(op, *site.inputs, site.output)
    assert recipe is not None
    form = recipe.form
    clamp = (form.low, form.high) != INT8.range
    sizes = {"count": site.output.width * site.output.channels, "shift": -form.shift}
    sizes |= dict(zip(form.parameters, recipe.values, strict=True))
    if clamp:
        sizes |= {"low": form.low, "high": form.high}
    key = {"kind": op.kind.upper(), "ties": form.ties, "clamp": clamp, "rest": sizes["count"] % 4 > 0}
    return Packed(form.ties + "_clamp" * clamp, key, {}, sizes, shared={"support": ("helium_support", {})})
