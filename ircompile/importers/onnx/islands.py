"""Float islands of one tensor between DequantizeLinear and QuantizeLinear: any function of a code is a table.

The island is evaluated in float32 on the values of the 256 codes, operation by operation as the file has them,
and quantized like QuantizeLinear: rint(float32(y) / scale) + zero point, half to even, saturating.
"""

from __future__ import annotations

import numpy as np

from ircompile.importers.onnx.functions import ELEMENTWISE, elementwise
from ircompile.importers.onnx.values import Entry, Expr, Real, Target, Value, constant
from ircompile.tensor import Array


def leaf_of(expr: Expr) -> Real | Entry | None:
    """The one activation that an element-wise expression is a function of; None where it is not such."""
    leaf: Real | Entry | None = None
    stack: list[Value | None] = [expr]
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        if value is None or id(value) in seen:
            continue
        seen.add(id(value))
        numbers = constant(value)
        if numbers is not None:
            if numbers.size > 1:
                return None
        elif isinstance(value, Expr) and value.node.kind in ELEMENTWISE:
            stack += value.args
        elif isinstance(value, Real | Entry):
            if leaf is not None and not same(leaf, value):
                return None
            leaf = leaf or value
        else:
            return None
    return leaf


def same(a: Real | Entry, b: Value) -> bool:
    """Whether two values are the same elements of one tensor, in one order, with one scale."""
    if isinstance(a, Real) != isinstance(b, Real) or not isinstance(b, Real | Entry):
        return False
    if isinstance(a, Real) and isinstance(b, Real) and a.quant != b.quant:
        return False
    return a.view.tensor == b.view.tensor and np.array_equal(a.view.index, b.view.index)


def evaluate(expr: Expr, real: Array) -> Array:
    """The expression's float32 values where its one activation has the values `real` (256,)."""
    known: dict[int, Array] = {}

    def value_of(value: Value | None) -> Array:
        if value is None:
            return np.zeros(0, np.float32)
        numbers = constant(value)
        if numbers is not None:
            return numbers.reshape(())
        if not isinstance(value, Expr):
            return real
        if id(value) not in known:
            known[id(value)] = elementwise(value.node, [value_of(a) for a in value.args])
        return known[id(value)]

    return np.broadcast_to(value_of(expr), real.shape)


def tabulate(real: Array, target: Target) -> Array:
    """int8 codes of float32 values, as QuantizeLinear gives them; NaN becomes the zero point."""
    with np.errstate(all="ignore"):
        ratio = np.asarray(real, np.float32) / np.float32(target.quant.scale)
    ratio = np.clip(np.nan_to_num(ratio, nan=0.0, posinf=2.0**20, neginf=-(2.0**20)), -(2.0**20), 2.0**20)
    codes = np.rint(ratio).astype(np.int64) + target.quant.zero
    return np.clip(codes, target.low, target.high).astype(np.int8)
