"""Kernel of transposed convolution: every output pixel gathers the input pixels that reach it."""

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Choose, Context, Kernel, Packed, Request, requant_words
from ircompile.kernels.weights import natural_coding


def choose_transpose_conv(op: ops.TransposeConv, site: Site, request: Request) -> Kernel:
    """The rows that reach an output row; it finds them itself."""
    return Kernel(
        "transpose_conv",
        pack_transpose_conv,
        "buffer",
        ("hwc",),
        ("hwc", "chw"),
        instructions=6 * op.macs(site),
        extras=("step",),
    )


def pack_transpose_conv(op: ops.TransposeConv, site: Site, context: Context) -> Packed:
    """Weights as they are, channel after channel; then the requantization's words."""
    weights, recipe = site.consts[op.weights], context.recipe(op, site)
    _, kh, kw, channels = weights.shape
    source = site.inputs[0]
    sizes = {
        "zero_in": source.zero_point,
        "height_in": source.height,
        "width_in": source.width,
        "channels_in": channels,
        "top": op.padding[0],
        "left": op.padding[1],
        "width_out": site.output.width,
        "channels_out": site.output.channels,
        **context.steps(site),
    }
    key = {"kernel": (kh, kw), "stride": op.stride, "coding": natural_coding(weights),
           "sum": "int64_t" if recipe.form.long else "int32_t"}  # fmt: skip
    (sh, sw), arrays = op.stride, {"weights": weights, "requant": requant_words(recipe)}
    suffix = f"{kh}x{kw}_s{sh}" + ("" if sh == sw else str(sw))
    return Packed(suffix, key, arrays, sizes, recipe.form, recipe.exact)


KERNELS: dict[type[ops.Op], Choose] = {ops.TransposeConv: choose_transpose_conv}
