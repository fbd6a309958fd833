"""Requantization four accumulators at a time, in the vectors of Helium.

"line" is the form "high" of `requantize` with a doubling multiplication, VQRDMULH or VQDMULH: its x is at least
2 * accumulator. "float" is ONNX Runtime's own arithmetic, which the vector FPU does exactly. "double" is TFLite's
own arithmetic, for what no line equals; "scalar" goes through the scalar form lane by lane.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import Requant, quantize_multiplier, wrap_int32
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.model import Context, requant_words
from ircompile.kernels.requantize import Core, Form, Recipe, synthesize
from ircompile.kernels.requantize.attempts import MOST_SHIFT, Attempt, needed_clamp
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.kernels.requantize.reference import StepFunction, step_function_of, wraps
from ircompile.kernels.requantize.solve import solve
from ircompile.target import Features

PREFERRED = (2, 1)  # right shifts that serve most layers, so that they share code
MOST_NARROWING = 16  # VQSHRN shifts by 1 to 16


@dataclass(frozen=True)
class VectorRecipe:
    """Words by channel, int32 (C, k), word 0 what the accumulator starts with; the scalar form where it is used."""

    lanes: Lanes
    words: Array
    counts: dict[str, int]
    scalar: Recipe | None = None

    @property
    def exact(self) -> dict[str, Array]:
        """The words of the scalar form, by the name of the C parameter; accumulators come with their bias."""
        if self.scalar is None:
            return {}
        return {"exact": requant_words(self.scalar)}

    def rows(self, correction: Array) -> Array:
        """int32 (C, k): channel after channel, `correction` added to the bias."""
        words = self.words.astype(np.int64)
        words[:, 0] = wrap_int32(words[:, 0] + correction)  # the accumulator's arithmetic is modulo 2^32
        return words.astype(np.int32)

    def blocks(self, correction: Array) -> Array:
        """int32 (ceil(C / 4), k, 4): four channels beside each other."""
        words = self.rows(correction)
        padded = np.pad(words, ((0, -len(words) % 4), (0, 0)))
        return np.ascontiguousarray(padded.reshape(-1, 4, words.shape[1]).transpose(0, 2, 1))


def recipe_of(op: ops.Convolution, site: Site, context: Context) -> VectorRecipe:
    """The requantization of the node that is packed."""
    low, high = context.intervals.accumulators[context.node.name]
    bias, scale = integers(site.consts[op.bias]), site.consts[op.requant.scale]
    return vector_recipe(op.requant, scale, bias, low, high, context.features, context.shifts or PREFERRED)


def always_vectors(requant: Requant, scale: Array, features: Features) -> bool:
    """Whether vectors give the codes of all accumulators that there may be: no channel goes lane by lane."""
    if requant.rounding == "float32_even":
        return features.fpu
    return requant.rounding == "double" and bool(np.all(np.asarray(scale) >= 0))


def vector_recipe(
    requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array, features: Features,
    prefer: Sequence[int] = PREFERRED,
) -> VectorRecipe:  # fmt: skip
    """The cheapest vector form that equals the reference for the accumulators (with bias) in [lo, hi].

    `prefer`: right shifts to try first.
    """
    scale, bias = np.asarray(scale, np.float64), np.asarray(bias, np.int64)
    lo, hi = np.asarray(lo, np.int64), np.asarray(hi, np.int64)
    if requant.low == requant.high:
        words = np.stack([bias * 0, bias * 0, bias * 0 + requant.low], axis=1)
        return VectorRecipe(Lanes("line", shift=0), words, {"constant": len(bias)})
    vectors = always_vectors(requant, scale, features)
    if vectors and requant.rounding == "float32_even":
        return float_recipe(requant, scale, bias)
    if np.all(scale >= 0) and not np.any(wraps(requant, scale, lo, hi)):
        steps = step_function_of(requant, scale, lo, hi)
        for attempt in attempts(steps, prefer):
            recipe = solve(steps, bias, attempt, 0)
            if recipe is not None:
                return line_recipe(recipe)
    if vectors:
        return double_recipe(requant, scale, bias)
    recipe = synthesize(requant, scale, bias, lo, hi, Core.of(features))
    return VectorRecipe(Lanes("scalar"), recipe.words[:, :1], {recipe.form.key: len(bias)}, recipe)


def attempts(steps: StepFunction, prefer: Sequence[int]) -> Iterator[Attempt]:
    """Lines from the cheapest: without and with a kink, one shift for all channels and then each its own."""
    live = steps.live & (steps.slope > 0)
    exponent = int(np.frexp(steps.slope[live])[1].max()) if np.any(live) else -8
    pre, zero = max(1, exponent + 1), np.zeros_like(steps.lo)
    form = Form("high", *needed_clamp(steps), pre=pre)
    limit = zero + (2**31 - 1)
    room = 31 - np.log2(np.maximum(steps.slope, 2.0**-60))
    finest = np.clip(np.floor(room).astype(np.int64) - (32 - pre), 0, MOST_SHIFT)
    least = min(int(finest[live].min()) if np.any(live) else 7, MOST_NARROWING)
    shifts = dict.fromkeys([n for n in prefer if n <= least] + [least])
    for rounded in (True, False):
        for n in shifts:
            shared = replace(form, shift=n, rounded=rounded)
            yield Attempt(shared, np.full_like(finest, n), limit, zero, zero)
    yield Attempt(replace(form, rounded=True), finest, limit, zero, zero)
    if np.any(steps.ties > 0):
        late = np.clip(steps.ties, 0, MOST_SHIFT)
        yield Attempt(replace(form, rounded=True, kink=True), late, limit, zero + 1, zero)


def line_recipe(recipe: Recipe) -> VectorRecipe:
    """A solved line in words: bias, multiplier, offset, and the right shift as a negative left shift."""
    form, words = recipe.form, recipe.words.astype(np.int64)
    if form.shift is None:
        words[:, 3] = -words[:, 3]
    elif form.shift:  # VQRSHRN adds half a unit; GNU as 2.40 assembles VQSHRN, which does not, as VQRSHRN
        words[:, 2] -= 1 << (form.shift - 1)
    lanes = Lanes("line", form.low, form.high, form.shift, form.pre - 1, form.rounded, form.kink)
    return VectorRecipe(lanes, words.astype(np.int32), {form.key: len(words)})


def float_recipe(requant: Requant, scale: Array, bias: Array) -> VectorRecipe:
    """round((float)acc * scale) to even."""
    bits = scale.astype(np.float32).view(np.int32)
    words = np.stack([bias, bits.astype(np.int64)], axis=1).astype(np.int32)
    low, high = requant.low, requant.high
    return VectorRecipe(Lanes("float", low, high), words, {"float32": len(words)})


def double_recipe(requant: Requant, scale: Array, bias: Array) -> VectorRecipe:
    """TFLite's arithmetic, which VQRDMULH and VRSHL do with a correction of ties."""
    multiplier, shift = quantize_multiplier(scale)
    words = np.stack([bias, multiplier, np.maximum(shift, 0), np.minimum(shift, 0)], axis=1).astype(np.int32)
    return VectorRecipe(Lanes("double", requant.low, requant.high), words, {"double": len(words)})
