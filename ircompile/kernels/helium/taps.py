"""Depthwise convolution for Helium whose row of output is one pixel: 16 channels at a time, where they lie."""

from dataclasses import replace

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.helium import layouts
from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.helium.requant import VectorRecipe, recipe_of
from ircompile.kernels.model import Context, Kernel, Packed, window_suffix
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.kernels.requantize.twice import twice_recipe
from ircompile.qtype import INT8, INT16

NEAR = 6  # taps whose pointers stay in registers


def is_direct(op: ops.Depthwise, site: Site) -> bool:
    """Whether a window is as wide as the rows, one pixel of output each: nothing is copied."""
    return (
        site.output.width == 1 and op.window.kernel[1] == site.inputs[0].width and op.window.padding[2:] == (0, 0)
    )


def lanes_instructions(op: ops.Depthwise, site: Site) -> int:
    """Instructions of a row of output."""
    taps = op.window.kernel[0] * op.window.kernel[1]
    return int(-(-site.output.channels // VECTOR) * ((9 if taps <= NEAR else 11) * taps + 38))


def choose_lanes(op: ops.Depthwise, site: Site) -> Kernel:
    """The scratch is a row of padding, where windows reach over an edge."""
    outside = any(op.window.padding[:2])
    return Kernel(
        "depthwise_lanes", pack_lanes, "window", ("hwc",), ("hwc",),
        -(-site.inputs[0].row_bytes // 4) * 4 if outside else 0,
        instructions=site.output.height * lanes_instructions(op, site),
        extras=("scratch",) if outside else (),
    )  # fmt: skip


def first_channels(channels: int, vector: int = VECTOR) -> list[int]:
    """The first channel of each vector: the last one may have channels again; fewer than a vector's are one."""
    whole = list(range(0, channels - vector + 1, vector)) or [0]
    return whole + [channels - vector] * (channels > vector and channels % vector > 0)


def pack_lanes(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Filters 16 channels at a time, tap by tap; words in the order in which products are widened."""
    recipe, channels = vector_recipe_of(op, site, context), site.output.channels
    taps = integers(site.consts[op.weights]).reshape(-1, channels)
    places = np.array(first_channels(channels))[:, np.newaxis] + np.arange(VECTOR)
    missing = max(VECTOR - channels, 0)
    filters = np.pad(taps, ((0, 0), (0, missing)))[:, places].transpose(1, 0, 2).astype(INT8.dtype)
    words = np.pad(recipe.rows(-site.inputs[0].zero_point * taps.sum(axis=0)), ((0, missing), (0, 0)))[places]
    words = words.reshape(-1, 4, 2, 2, words.shape[2]).transpose(0, 3, 2, 4, 1)
    outside = any(op.window.padding[:2])
    key = {
        "window": op.window, "lanes": recipe.lanes, "pairs": adds_in_halves(taps), "outside": outside,
        "partial": channels < VECTOR, "near": len(taps) <= NEAR,
    }  # fmt: skip
    sizes = {"channels": channels} | ({"zero_in": site.inputs[0].zero_point} if outside else {})
    sizes |= {"zero_out": site.output.zero_point} if recipe.lanes.adds_zero else {}
    suffix = f"{window_suffix(op.window)}_{recipe.lanes.key}" + "_few" * (channels < VECTOR)
    arrays: dict[str, Array] = {"weights": np.ascontiguousarray(filters), "requant": np.ascontiguousarray(words)}
    shared: dict[str, tuple[str, dict[str, object]]] = {"support": ("helium_support", {})}
    told = {"weights": layouts.taps_of(len(places), len(taps), VECTOR)}
    told["requant"] = layouts.words_of_fours(recipe.lanes.fields, 4 * len(places), layouts.OF_SIXTEEN)
    return Packed(suffix, key, arrays, sizes, None, recipe.counts, shared, told)


def adds_in_halves(taps: Array) -> bool:
    """Whether the products of two taps after each other, int64 (taps, C), sum to int16 for all codes."""
    two = np.abs(taps[: len(taps) // 2 * 2].reshape(-1, 2, taps.shape[1])).sum(axis=1)
    return len(taps) > 1 and bool(two.max() * -INT8.low <= INT16.high)


def vector_recipe_of(op: ops.Depthwise, site: Site, context: Context) -> VectorRecipe:
    """A line of one shift, two high multiplications, or what there is: the first that serves.

    Few taps are assembly, in which the two multiplications are the quicker ones.
    """
    recipe, kernel = recipe_of(op, site, context), op.window.kernel
    line = recipe.lanes.kind == "line" and recipe.lanes.shift is not None and not recipe.lanes.kink
    if line and kernel[0] * kernel[1] > NEAR:
        return recipe
    bias, interval = integers(site.consts[op.bias]), context.intervals.accumulators[context.node.name]
    twice = twice_recipe(op.requant, site.consts[op.requant.scale], bias, *interval, doubling=True)
    if twice is None:
        return recipe
    return replace(
        recipe, lanes=Lanes("twice", op.requant.low, op.requant.high), words=twice.words, counts=dict(twice.exact)
    )
