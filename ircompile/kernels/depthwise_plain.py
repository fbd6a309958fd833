"""How the portable depthwise kernel goes over a row: blocks of outputs, and what they cost."""

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Site, integers
from ircompile.kernels.depthwise_layout import (
    Shared,
    by_channel,
    multiplier_of,
    raw_codes,
    raw_starts,
    sizes_of,
    suffix_of,
)
from ircompile.kernels.model import Context, Packed, requant_words
from ircompile.kernels.nibbles import bytes_of
from ircompile.kernels.requantize import Form
from ircompile.kernels.weights import WeightCoding, natural_coding
from ircompile.qtype import INT8
from ircompile.target import Features

MOST_TOGETHER = 6  # outputs a block of the portable kernel
UNROLLED = 54  # products of such a block: no loop over the rows of its windows


def plain_outputs(op: ops.Depthwise, site: Site, features: Features) -> int:
    """Outputs a block of the portable kernel, so that a row takes the fewest instructions."""
    most = MOST_TOGETHER if features.mul64 and op.window.kernel[1] <= 4 else 4
    width = site.output.width
    return min(range(1, min(width, most) + 1), key=lambda n: -(-width // n) * plain_block(op, n))


def plain_block(op: ops.Depthwise, outputs: int) -> int:
    """Instructions of one block of outputs of the portable kernel."""
    (rows, taps), stride, dilation = op.window.kernel, op.window.stride[1], op.window.dilation[1]
    columns = {o * stride + j * dilation for o in range(outputs) for j in range(taps)}
    row = outputs * taps + taps + len(columns) + (1 if is_unrolled(op, outputs) else 6)
    return rows * row + 9 * outputs + 14


def plain_reads_nibbles(op: ops.Depthwise, site: Site, features: Features) -> bool:
    """Whether the portable kernel is a layer's and can read weights of 4 bits: without a loop over rows."""
    plain = not features.mve and (not features.dsp or op.window.dilation[1] > 1)
    return plain and is_unrolled(op, plain_outputs(op, site, features))


def is_unrolled(op: ops.Depthwise, outputs: int) -> bool:
    """Windows of few codes need no loop over their rows."""
    rows, taps = op.window.kernel
    return rows * taps * outputs <= UNROLLED


def plain_instructions(op: ops.Depthwise, site: Site, features: Features) -> int:
    """Gathering, and then block after block."""
    outputs = plain_outputs(op, site, features)
    filters = -(-site.output.width // outputs) * plain_block(op, outputs) + 16
    gather = op.window.kernel[0] * (site.inputs[0].width // 2 + 16) + 10
    return site.output.height * (site.output.channels * filters + site.inputs[0].channels * gather)


def is_at_once(context: Context) -> bool:
    """Whether a layer's rows are read as they lie, and not gathered: one block of outputs, of codes of a byte.

    All that could share its code are then of its width, or the code of both would stand beside each other.
    """
    graph, own = context.plan.graph, context.node
    layers = [node for node in graph.nodes if context.kernels[node.name].template == "depthwise"]
    blocks = {node.name: _block(node.op, graph.site(node), context.features) for node in (own, *layers)}
    alike = {block for block in blocks.values() if block[:2] == blocks[own.name][:2]}
    (_, outputs, _, width_out, itemsize) = blocks[own.name]
    return len(alike) == 1 and 1 < outputs == width_out and itemsize == 1


def _block(op: ops.Op, site: Site, features: Features) -> tuple[ops.Window, int, int, int, int]:
    """Window and outputs of a block, which are the code's; the widths of rows, and the bytes of a code."""
    assert isinstance(op, ops.Depthwise)
    source, output = site.inputs[0], site.output
    itemsize = max(source.itemsize, output.itemsize)
    return op.window, plain_outputs(op, site, features), source.width, output.width, itemsize


def pack_plain(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Weights channel after channel."""
    weights, recipe, zero = by_channel(op, site), context.recipe(op, site), site.inputs[0].zero_point
    outputs, multiplier = plain_outputs(op, site, context.features), multiplier_of(site)
    starts, flat = raw_starts(recipe, weights, zero), integers(weights).reshape(len(weights), -1)
    largest = np.abs(starts) - site.inputs[0].qtype.low * np.abs(flat).sum(axis=1)
    coding = context.kernel.coding or natural_coding(weights)
    key: dict[str, object] = {
        "window": op.window, "coding": coding, "multiplier": multiplier, "outputs": outputs,
        "unrolled": is_unrolled(op, outputs), "wraps": bool(np.any(largest >= 2**31)),
    }  # fmt: skip
    stored = bytes_of(flat) if coding.nibbles else weights
    recipe = raw_codes(recipe, weights, zero, context.has_few_words(op, site))
    arrays = {"weights": stored, "requant": requant_words(recipe)}
    sizes, suffix = sizes_of(site, context), f"{suffix_of(op, site)}_by{outputs}"
    key["at_once"] = is_at_once(context)
    if key["at_once"]:
        key["width"] = sizes.pop("width_in")
        key["outside"] = any(op.window.padding[:2])
        del sizes["width_out"]
        if not any(op.window.padding):
            del sizes["zero_in"]
        return Packed(f"{suffix}_w{key['width']}", key, arrays, sizes, recipe.form, recipe.exact)
    bytes_alone = site.inputs[0].itemsize == 1
    shared: Shared = {"gather": ("gather", {})} if context.features.unaligned and bytes_alone else {}
    if bytes_alone and is_straight(op, coding, recipe.form, context.features):
        shared["blocks"] = ("depthwise_blocks", {})
    return Packed(suffix, key, arrays, sizes, recipe.form, recipe.exact, shared)


def is_straight(op: ops.Depthwise, coding: WeightCoding, form: Form, features: Features) -> bool:
    """Whether assembly reads a layer's rows as they lie: 3 x 3 windows that reach over an edge by one at most."""
    window = op.window
    small = window.kernel == (3, 3) and window.dilation == (1, 1) and window.stride[1] <= 2
    line = form.name == "high" and not form.exceptions and form.code == INT8 and (form.low, form.high) == INT8.range
    stored = form.storage in ("words", "beside start") and coding is WeightCoding.INT8
    return features.mul64 and small and max(window.padding) <= 1 and line and stored
