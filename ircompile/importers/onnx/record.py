"""What is known of an ONNX operator: each module that lowers operators has a table of these, a row an operator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING

from ircompile.importers.onnx.functions import Function
from ircompile.importers.onnx.layout import View
from ircompile.importers.onnx.values import Expr, Real, Target

if TYPE_CHECKING:
    from ircompile.importers.onnx.lowering import Context

Rule = Callable[["Context", Expr, Target], View]
Move = Callable[["Context", Expr, Real], View]
"""Makes nodes of an operator that moves or chooses codes of one operand."""
Range = tuple[float, float]
"""The least and the greatest value of a float tensor."""
Bounds = Callable[[Sequence[Range | None]], Range | None]
"""The range of an operator's values, of those of its operands; None where it is not known."""


@dataclass(frozen=True)
class Operator:
    """What is known of a float operator, but for functions of one number.

    lower   makes nodes of it where a QuantizeLinear stands behind it, or where it keeps codes
    keeps   the codes of its output are codes of its operands: it needs no QuantizeLinear, and may stand on integers
    bounds  the range of its values, for an output of the model that nothing quantizes
    fold    its value where all operands are constants; None where it is not folded, or is as on an activation
    left    at the end of the model it is left to the caller
    """

    lower: Rule
    keeps: bool
    bounds: Bounds
    fold: Function | None
    left: bool


def first(ranges: Sequence[Range | None]) -> Range | None:
    """Results lie within the range of the first operand."""
    return ranges[0]


def hull(ranges: Sequence[Range | None]) -> Range | None:
    """Results lie within the ranges of all operands."""
    known = [each for each in ranges if each is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if len(known) == len(ranges) else None


def unknown(ranges: Sequence[Range | None]) -> Range | None:
    """Results may lie anywhere, as far as is known here."""
    return None


def of_sum(ranges: Sequence[Range | None]) -> Range | None:
    """The range of a sum of two."""
    match ranges:
        case ((a, b), (c, d)):
            return a + c, b + d
    return None


def of_difference(ranges: Sequence[Range | None]) -> Range | None:
    """The range of a difference."""
    match ranges:
        case ((a, b), (c, d)):
            return a - d, b - c
    return None


def of_product(ranges: Sequence[Range | None]) -> Range | None:
    """The range of a product of two."""
    match ranges:
        case ((a, b), (c, d)):
            products = (a * c, a * d, b * c, b * d)
            return min(products), max(products)
    return None


def keeps(lower: Rule, fold: Function | None, bounds: Bounds = first, left: bool = False) -> Operator:
    """An operator whose codes are codes of its operands."""
    return Operator(lower, True, bounds, fold, left)


def moves(rule: Move, fold: Function | None, bounds: Bounds = first, left: bool = False) -> Operator:
    """An operator whose codes are codes of its first operand, in whichever scale that has."""

    @wraps(rule)
    def lower(context: "Context", expr: Expr, target: Target) -> View:
        real = context.preserved(expr.args[0], target, expr.node)
        return context.requantized(Real(rule(context, expr, real), real.quant), target, expr.node)

    return keeps(lower, fold, bounds, left)


def computes(lower: Rule, bounds: Bounds, fold: Function | None = None, left: bool = False) -> Operator:
    """An operator that gives other numbers, to be quantized behind it."""
    return Operator(lower, False, bounds, fold, left)
