"""Requantization, synthesised and proved: `solve` has the mathematics, `checks/requantization.py` checks it."""

from ircompile.kernels.requantize.finish import least_count, synthesize_average, synthesize_mean, synthesize_product
from ircompile.kernels.requantize.form import Form, PairForm, PairRecipe, Recipe
from ircompile.kernels.requantize.model import evaluate
from ircompile.kernels.requantize.pairs import evaluate_pairs, synthesize_pairs
from ircompile.kernels.requantize.second import with_pairs
from ircompile.kernels.requantize.storage import (
    beside_start,
    channel_words,
    in_halves,
    in_three_halves,
    tail_words,
    take,
    with_short_offsets,
    with_starts,
    word_and_half,
)
from ircompile.kernels.requantize.synthesize import PREFERRED, Core, synthesize, synthesize_steps

__all__ = [
    "PREFERRED", "Core", "Form", "PairForm", "PairRecipe", "Recipe", "beside_start", "channel_words", "evaluate",
    "evaluate_pairs", "in_halves", "in_three_halves", "least_count", "synthesize",
    "synthesize_average", "synthesize_mean", "synthesize_pairs", "synthesize_product", "synthesize_steps",
    "tail_words", "take", "with_pairs", "with_short_offsets", "with_starts", "word_and_half",
]  # fmt: skip
