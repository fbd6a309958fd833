"""Operators that only move elements, as calls on a view's index: they cost nothing at run time."""

from collections.abc import Sequence

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx import folding
from ircompile.importers.onnx.functions import Function, axes_of, reshaped
from ircompile.importers.onnx.layout import View
from ircompile.importers.onnx.lowering import Context
from ircompile.importers.onnx.proto import product
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator, moves
from ircompile.importers.onnx.values import Expr, Real, Value, Weights, constant
from ircompile.ir.tensor import Array

MOVES: dict[str, Function] = {
    "Cast": lambda n, x: x[0],
    "Dropout": lambda n, x: x[0],
    "Flatten": lambda n, x: x[0].reshape(product(x[0].shape[: n.get("axis", 1)]), -1),
    "Identity": lambda n, x: x[0],
    "Reshape": lambda n, x: x[0].reshape(reshaped(n, x[0].shape, x[1])),
    "Squeeze": lambda n, x: np.squeeze(x[0], axis=axes_of(n, x)),
    "Transpose": lambda n, x: x[0].transpose(n.get("perm") or None),
    "Unsqueeze": lambda n, x: np.expand_dims(x[0], axes_of(n, x) or ()),
}
"""What each does to an array, be it a constant or a view's index."""


def move(raw: OnnxNode, index: Array, rest: Sequence[Value | None]) -> Array:
    """The index of a view behind a moving operator; `rest` are its other inputs."""
    numbers = [None if a is None else constant(a) for a in rest]
    if any(a is not None and n is None for a, n in zip(rest, numbers, strict=True)) and raw.kind != "Dropout":
        raise CompileError(raw.where, "its shape is computed at run time", "constant shapes and axes")
    inputs = [index, *(np.zeros(0, np.int64) if n is None else n for n in numbers)]
    try:
        return MOVES[raw.kind](raw, inputs)
    except (ValueError, IndexError, TypeError) as error:
        raise CompileError(raw.where, f"does not fit a tensor of shape {list(index.shape)}: {error}") from None


def move_weights(raw: OnnxNode, weights: Weights, rest: Sequence[Value | None]) -> Weights:
    """A dequantized constant behind a moving operator."""
    full = [np.broadcast_to(part, weights.codes.shape) for part in (weights.codes, weights.scale, weights.zero)]
    codes, scale, zero = (move(raw, part, rest) for part in full)
    return Weights(codes, scale, zero)


def move_view(context: Context, expr: Expr, real: Real) -> View:
    """Transpose, Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout, Cast: no code at all.

    A map that is flattened in another order than it lies in memory reorders the weights behind it.
    """
    return real.view.moved(move(expr.node, real.view.index, expr.args[1:]))


OPERATORS: dict[str, Operator] = {
    **{kind: moves(move_view, move, left=True) for kind, move in MOVES.items()},
    "Cast": moves(move_view, folding.cast, left=True),
}
