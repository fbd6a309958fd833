"""Float islands of one tensor between DequantizeLinear and QuantizeLinear: any function of a code is a table.

The island is evaluated in float32 on the values of the 256 codes, operation by operation as the file has them,
and quantized like QuantizeLinear: rint(float32(y) / scale) + zero point, half to even, saturating. Constants of
several numbers may vary along one axis: then there is a table for each of its indices.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ircompile.importers.onnx.functions import CHANNELWISE, ELEMENTWISE, elementwise
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.values import Entry, Expr, Real, Target, Value, constant
from ircompile.ir.tensor import Array

MAX_TABLES = 2**14


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
        elif isinstance(value, Expr) and (value.node.kind in ELEMENTWISE or value.node.kind in CHANNELWISE):
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


@dataclass(frozen=True)
class Island:
    """A function of one activation and of the index along one axis of it; `rank` is the result's."""

    leaf: Real
    axis: int
    rank: int


def island_of(expr: Expr) -> Island | None:
    """The expression as a function of a code and of an index along one axis; None where it is not such."""
    if expr.node.kind not in ELEMENTWISE and expr.node.kind not in CHANNELWISE:
        return None
    leaves: list[Real] = []
    numbers: list[tuple[OnnxNode, Array]] = []
    for reader, value in _operands(expr):
        known = constant(value)
        if known is not None:
            numbers.append((reader, known))
        elif isinstance(value, Real) and (not leaves or same(leaves[0], value)):
            leaves.append(value)
        else:
            return None
    if not leaves:
        return None
    shape = leaves[0].view.shape
    rank = max([len(shape), *(n.ndim for reader, n in numbers if reader.kind not in CHANNELWISE)])
    full = (1,) * (rank - len(shape)) + shape
    axes = {axis for reader, n in numbers for axis in _varying(reader, n, rank)}
    if len(axes) != 1 or (axis := axes.pop()) >= rank:
        return None
    fitting = all(n.size in (1, full[axis]) for _, n in numbers)
    return Island(leaves[0], axis, rank) if fitting and full[axis] <= MAX_TABLES else None


def _operands(expr: Expr) -> Iterator[tuple[OnnxNode, Value]]:
    """What the element-wise operators of an expression read that none of them computes, and who reads it."""
    stack, seen = [expr], {id(expr)}
    while stack:
        node = stack.pop()
        for value in node.args:
            if isinstance(value, Expr) and (value.node.kind in ELEMENTWISE or value.node.kind in CHANNELWISE):
                if id(value) not in seen:
                    seen.add(id(value))
                    stack.append(value)
            elif value is not None:
                yield node.node, value


def _varying(reader: OnnxNode, number: Array, rank: int) -> list[int]:
    """The axes along which a constant varies, counted in a tensor of the given rank."""
    if reader.kind in CHANNELWISE:
        return [1] if number.size > 1 else []
    return [axis + rank - number.ndim for axis, size in enumerate(number.shape) if size > 1]


def evaluate(expr: Expr, real: Array) -> Array:
    """The expression's float32 values where its one activation has the values `real` (256,).

    Where constants vary along one axis, the result is (indices, 256), else (256,).
    """
    known: dict[int, Array] = {}

    def value_of(value: Value | None) -> Array:
        if value is None:
            return np.zeros(0, np.float32)
        numbers = constant(value)
        if numbers is not None:
            return numbers.reshape(()) if numbers.size == 1 else numbers.reshape(-1, 1)
        if not isinstance(value, Expr):
            return real
        if id(value) not in known:
            known[id(value)] = elementwise(value.node, [value_of(a) for a in value.args])
        return known[id(value)]

    found = value_of(expr)
    return np.broadcast_to(found, np.broadcast_shapes(found.shape, real.shape))


def tabulate(real: Array, target: Target) -> Array:
    """int8 codes of float32 values, as QuantizeLinear gives them; NaN becomes the lowest code, as on x86-64."""
    with np.errstate(all="ignore"):
        ratio = np.asarray(real, np.float32) / np.float32(target.quant.scale)
    lowest = -(2.0**20)
    ratio = np.clip(np.nan_to_num(ratio, nan=lowest, posinf=2.0**20, neginf=lowest), lowest, 2.0**20)
    codes = np.rint(ratio).astype(np.int64) + target.quant.zero
    return np.clip(codes, target.low, target.high).astype(np.int8)
