"""The DSP kernel of depthwise convolution for 16-bit codes: rows of three taps, two codes a word."""

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.depthwise_layout import (
    Shared,
    by_channel,
    multiplier_of,
    raw_codes,
    sizes_of,
    strip_bytes,
    suffix_of,
)
from ircompile.kernels.model import Context, Kernel, Packed, requant_words
from ircompile.kernels.weights import natural_coding


def takes_pairs(op: ops.Depthwise, site: Site) -> bool:
    """16-bit codes under rows of three bytes, a word of two codes at a time."""
    three = op.window.kernel[1] == 3 and op.window.dilation[1] == 1
    return three and site.inputs[0].itemsize == 2 and not natural_coding(site.consts[op.weights]).wide


def choose_pairs(op: ops.Depthwise, site: Site) -> Kernel:
    """The window slides along a padded strip of each channel, as in the portable kernel."""
    blocks = -(-site.output.width // pairs_outputs(op, site))
    filters = blocks * pairs_block(op, pairs_outputs(op, site)) + 6 * op.window.kernel[0] + 16
    gather = op.window.kernel[0] * (2 * site.inputs[0].width + 20) + 10
    return Kernel(
        "depthwise_pairs", pack_pairs, "window", ("chw",), ("hwc", "chw"), strip_bytes(op, site),
        instructions=site.output.height * (site.output.channels * filters + site.inputs[0].channels * gather),
        extras=("scratch",), strided=True,
    )  # fmt: skip


def pack_pairs(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Weights channel after channel."""
    weights, recipe, outputs = by_channel(op, site), context.recipe(op, site), pairs_outputs(op, site)
    window = op.window
    key: dict[str, object] = {
        "kernel": window.kernel, "stride": window.stride[1], "left": window.padding[2], "right": window.padding[3],
        "multiplier": multiplier_of(site), "outputs": outputs,
    }  # fmt: skip
    recipe = raw_codes(recipe, weights, site.inputs[0].zero_point)
    arrays = {"weights": weights, "requant": requant_words(recipe)}
    shared: Shared = {"halves": ("halves", {}), "gather": ("gather", {})}
    suffix = f"{suffix_of(op, site)}_by{outputs}"
    return Packed(suffix, key, arrays, sizes_of(site, context), recipe.form, recipe.exact, shared)


def pairs_outputs(op: ops.Depthwise, site: Site) -> int:
    """Outputs a block of the kernel of 16-bit codes in pairs, so that a row takes the fewest instructions."""
    width = site.output.width
    return min(range(1, min(width, 4) + 1), key=lambda n: -(-width // n) * pairs_block(op, n))


def pairs_block(op: ops.Depthwise, outputs: int) -> int:
    """Instructions of one block of outputs of that kernel."""
    words = {o * op.window.stride[1] // 2 + k for o in range(outputs) for k in range(2)}
    return op.window.kernel[0] * (3 + len(words) + 2 * outputs) + 6 * outputs + 10
