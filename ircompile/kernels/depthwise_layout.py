"""What depthwise kernels have in common: weights by channel, sums of raw codes, a strip of padded rows."""

from collections.abc import Mapping

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.model import Context, window_suffix
from ircompile.kernels.requantize import Recipe, beside_start, in_halves, in_three_halves, with_starts
from ircompile.kernels.weights import WeightCoding

Shared = dict[str, tuple[str, Mapping[str, object]]]


def multiplier_of(site: Site) -> int:
    """Output channels of each input channel."""
    return site.output.channels // site.inputs[0].channels


def suffix_of(op: ops.Depthwise, site: Site) -> str:
    """A C identifier part for the window and the multiplier."""
    multiplier = multiplier_of(site)
    return window_suffix(op.window) + (f"_x{multiplier}" if multiplier > 1 else "")


def sizes_of(site: Site, context: Context) -> dict[str, int]:
    """What the kernels with strips ask of a layer's geometry."""
    source = site.inputs[0]
    return {
        "zero_in": source.zero_point,
        "channels": source.channels,
        "width_in": source.width,
        "width_out": site.output.width,
        **context.steps(site),
    }


def helpers(coding: WeightCoding) -> Shared:
    """Small functions that unpack codes and weights."""
    names = ("unpack", "halves") if coding.wide else ("unpack",)
    return {name: (name, {}) for name in names}


def by_channel(op: ops.Depthwise, site: Site) -> Array:
    """Weights (C_out, kh, kw)."""
    return np.ascontiguousarray(site.consts[op.weights].transpose(2, 0, 1))


def raw_codes(recipe: Recipe, weights: Array, zero_point: int, few: bool = False) -> Recipe:
    """The recipe for sums over codes as they are: what the zero point adds to them moves into the bias.

    Its words are stored in as few bytes as they fit, with `few` at a cost in instructions.
    """
    recipe = with_starts(recipe, raw_starts(recipe, weights, zero_point))
    if few and recipe.form.name == "float32":
        return in_three_halves(recipe)
    return in_halves(recipe) if recipe.form.name == "split" else beside_start(recipe)


def raw_starts(recipe: Recipe, weights: Array, zero_point: int) -> Array:
    """What those sums start with, before it wraps to int32."""
    sums: Array = integers(weights).reshape(len(weights), -1).sum(axis=1)
    return recipe.words[:, 0].astype(np.int64) - zero_point * sums


def strip_bytes(op: ops.Depthwise, site: Site, whole: bool = False) -> int:
    """The window's rows of one channel, or all, with their padding, and words to read over."""
    left, right = op.window.padding[2:]
    rows = site.inputs[0].height if whole else op.window.kernel[0]
    strip = rows * (site.inputs[0].width + left + right) * site.inputs[0].itemsize + 4
    return -(-strip // 4) * 4


def rows_outside(window: ops.Window, height: int, steps: int) -> list[int]:
    """Which rows of a window lie above or below the map at some of its steps."""
    firsts = [step * window.stride[0] - window.padding[0] for step in range(steps)]
    places = [(row, row * window.dilation[0]) for row in range(window.kernel[0])]
    return [row for row, place in places if any(not 0 <= first + place < height for first in firsts)]
