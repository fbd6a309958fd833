"""Depthwise convolution of narrow tensors on cores with packed multiplies: two taps of four channels at a time.

Four codes of one pixel of a tap and of the next are a word each. Their halves are put together, and sign-extended
they are pairs (tap, next tap) of one channel each, which one multiplication takes with a pair of weights.
"""

from dataclasses import replace

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.model import Context, Kernel, Packed, window_suffix
from ircompile.kernels.narrow import gathers_taps
from ircompile.kernels.requantize import Form, Recipe
from ircompile.kernels.requantize.twice import twice_recipe
from ircompile.kernels.weights import natural_coding
from ircompile.qtype import INT8, INT16

MOST_TAPS = 24  # all are unrolled
FEW_WEIGHTS = 2048  # int16 is worth their bytes
TILE = 4


def takes_taps(op: ops.Depthwise, site: Site) -> bool:
    """Two to 24 taps of at least four channels, whose weights may take two bytes each."""
    kh, kw = op.window.kernel
    weights = site.consts[op.weights]
    few = weights.size <= FEW_WEIGHTS or natural_coding(weights).wide
    return 2 <= kh * kw <= MOST_TAPS and site.output.channels >= TILE and few


def choose_taps(op: ops.Depthwise, site: Site) -> Kernel:
    """The scratch is a pixel of padding, where windows may reach over an edge."""
    gathers = gathers_taps(op, site)
    return Kernel(
        "depthwise_taps", pack_taps, "window", ("hwc",), ("hwc",),
        -(-site.inputs[0].channels // 4) * 4 if gathers else 0,
        instructions=taps_instructions(op, site), extras=("scratch",) if gathers else (), strided=True,
    )  # fmt: skip


def taps_instructions(op: ops.Depthwise, site: Site) -> int:
    """Taps and requantization of four channels, and pointers of a window, for each pixel."""
    kh, kw = op.window.kernel
    groups = -(-site.output.channels // TILE)
    gather = 9 * kh * kw + site.output.channels // 4 if gathers_taps(op, site) else 0
    return site.output.height * (site.output.width * (groups * (7 * kh * kw + 22) + gather + 10) + 20)


def first_channels(channels: int, pair: bool) -> list[int]:
    """The first channel of each group of four, as the kernel takes them: some of the last group may come again.

    With a `pair`, the one channel or two that are left are no such group.
    """
    return [*range(channels - TILE, -1, -TILE)] + [0] * (channels % TILE > 0 and not pair)


def pack_taps(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Four channels at a time: sums to start from, weights, words of requantization."""
    weights, recipe = site.consts[op.weights], recipe_of(op, site, context)
    form, channels, zero = recipe.form, weights.shape[2], site.inputs[0].zero_point
    taps = integers(weights).reshape(-1, channels)
    words = integers(recipe.words)
    starts = words[:, 0] - zero * taps.sum(axis=0)
    shifted = int(np.abs(taps).max()) << form.pre <= INT16.high
    if shifted:
        taps, starts = taps << form.pre, starts << form.pre
    gathers, quick = gathers_taps(op, site), bool(shifted) and is_quick(form)
    pair = quick and channels % TILE in (1, 2)
    groups = [np.arange(first, first + TILE) for first in first_channels(channels, pair)] + [np.arange(2)] * pair
    stream = np.concatenate([_group(group, starts, taps, words[:, 1:]) for group in groups])
    key: dict[str, object] = {
        "window": op.window, "gathers": gathers, "shifted": shifted, "quick": quick, "pair": pair,
    }  # fmt: skip
    sizes = {"channels": channels}
    shared: dict[str, tuple[str, dict[str, object]]] = {"unpack": ("unpack", {})}
    if gathers:
        shared["taps_of"] = ("taps_of", {"window": op.window})
        sizes |= {"zero_in": zero, "width_in": site.inputs[0].width, "width_out": site.output.width}
        sizes["pixel_step"] = context.steps(site)["pixel_step"]
    stored = wrap_int32(np.concatenate([integers(recipe.common), stream])).astype(np.int32)
    suffix = window_suffix(op.window) + ("" if shifted else "_whole_sums")
    layout = {"stream": stream_layout(form, len(taps), channels, pair)}
    return Packed(suffix, key, {"stream": stored}, sizes, form, recipe.exact, shared, layout)


def _group(channels: Array, starts: Array, taps: Array, words: Array) -> Array:
    """The words of four channels, or of two: sums to start from, weights, words of requantization."""
    odd, half = len(taps) % 2, len(channels) // 2
    parts = [starts[channels]]
    parts += [halves(taps[0, channels[:half]], taps[0, channels[half:]])] * odd
    parts += [halves(taps[t, channels], taps[t + 1, channels]) for t in range(odd, len(taps), 2)]
    return np.concatenate([*parts, words[channels].reshape(-1)])


def recipe_of(op: ops.Depthwise, site: Site, context: Context) -> Recipe:
    """A line of one shift, two high multiplications, or what there is: the first that serves."""
    recipe = own_words(context.recipe(op, site))
    if is_quick(recipe.form) and recipe.form.shift is not None and not recipe.form.kink:
        return recipe
    bias, interval = integers(site.consts[op.bias]), context.intervals.accumulators[context.node.name]
    return twice_recipe(op.requant, site.consts[op.requant.scale], bias, *interval) or recipe


def own_words(recipe: Recipe) -> Recipe:
    """The recipe with words for each channel, where a line has the same for all."""
    if not recipe.form.shared:
        return recipe
    common = np.broadcast_to(recipe.common, (len(recipe.words), len(recipe.common)))
    words = np.concatenate([recipe.words, common], axis=1).astype(np.int32)
    return replace(recipe, form=replace(recipe.form, shared=False), words=words, common=np.zeros(0, np.int32))


def is_quick(form: Form) -> bool:
    """Whether requantization is a few instructions in the same block of assembly."""
    line = form.name == "high" and form.rounded and not form.exceptions
    return (line or form.name == "twice") and form.code == INT8 and (form.low, form.high) == INT8.range


def halves(low: Array, high: Array) -> Array:
    """Words of two halfwords."""
    return low & 0xFFFF | (high & 0xFFFF) << 16


def stream_layout(form: Form, taps: int, channels: int, pair: bool) -> str:
    """What the words of the stream are."""
    fields, common, groups = ", ".join(form.fields), len(form.common), len(first_channels(channels, pair))
    words = TILE + 2 * (taps % 2) + TILE * (taps // 2) + TILE * (form.fields_count - 1)
    told = [f"[0, {common}) {', '.join(form.common)} of all channels; "] if common else []
    told.append(
        f"[{common}, {common + groups * words}) {groups} groups of 4 channels, the last first, of {words} words: "
    )
    told.append("4 starts of sums")
    odd = " + 2 words of tap 0, halves channels 0 and 2, 1 and 3" if taps % 2 else ""
    pairs = f" + {taps // 2} x 4 words, halves two taps of a channel" if taps > 1 else ""
    told.append(odd + pairs + (f" + 4 x ({fields})" if fields else ""))
    if pair:
        told.append(f"; then channels 0 and 1 in {words // 2} words, alike")
    return "words " + "".join(told) + "."
