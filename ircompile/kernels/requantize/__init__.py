"""Requantization, synthesised and proved: `solve` has the mathematics, `prove` checks it."""

from ircompile.kernels.requantize.form import Form, Recipe
from ircompile.kernels.requantize.model import evaluate
from ircompile.kernels.requantize.proof import prove
from ircompile.kernels.requantize.synthesize import synthesize, synthesize_steps

__all__ = ["Form", "Recipe", "evaluate", "prove", "synthesize", "synthesize_steps"]
