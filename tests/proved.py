"""What tests ask of the checks: of a plan by itself, and of a requantization before it is packed."""

from __future__ import annotations

import numpy as np

from ircompile.checks.forms import words_of
from ircompile.checks.plan import Replayed, check_plan
from ircompile.checks.requantization import Sums, fault_of
from ircompile.ir.numerics import Requant
from ircompile.ir.tensor import Array
from ircompile.kernels.requantize import Recipe
from ircompile.plan import Plan
from ircompile.plan.model import Tables
from ircompile.plan.tables import schedule_tables


def prove(plan: Plan, tables: Tables | None = None) -> Replayed:
    """Replays a plan in the shadow of its arena; raises InternalError where a read does not find what it reads."""
    return check_plan(plan, tables or schedule_tables(plan))


def prove_requantization(recipe: Recipe, requant: Requant, scale: Array, bias: Array, lo: Array, hi: Array) -> None:
    """Asserts that a recipe equals the reference on the accumulators (with bias) in [lo, hi], (C,) each."""
    form, own = recipe.form, recipe.words.astype(np.int64)
    words = words_of(form, np.asarray(recipe.common), own[:, form.starts if form.name != "steps" else 1 :])
    lo, hi = np.asarray(lo, np.int64), np.asarray(hi, np.int64)
    start = (own[:, 0] & 0xFFFFFFFF) | own[:, 1] << 32 if form.long else own[:, 0]
    moved = start - np.asarray(bias, np.int64)
    moved = moved if form.long else ((moved + 2**31) & (2**32 - 1)) - 2**31
    fault, _ = fault_of(words, requant, np.asarray(scale, np.float64), Sums(lo, hi, np.ones_like(lo), moved))
    assert not fault, fault
