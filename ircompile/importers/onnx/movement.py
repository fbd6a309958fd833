"""Operators that only move elements, as calls on a view's index: they cost nothing at run time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.functions import axes_of, reshaped
from ircompile.importers.onnx.layout import View
from ircompile.importers.onnx.lowering import Context
from ircompile.importers.onnx.model import OnnxNode
from ircompile.importers.onnx.proto import product
from ircompile.importers.onnx.values import Expr, Target, Value, Weights, constant
from ircompile.ir.tensor import Array

NOISE = frozenset({"Identity", "Dropout", "Cast"})
MOVES = frozenset({"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", *NOISE})


def move(raw: OnnxNode, index: Array, rest: Sequence[Value | None]) -> Array:
    """The index of a view behind a moving operator; `rest` are its other inputs."""
    numbers = [None if a is None else constant(a) for a in rest]
    if any(a is not None and n is None for a, n in zip(rest, numbers, strict=True)) and raw.kind != "Dropout":
        raise CompileError(raw.where, "its shape is computed at run time", "constant shapes and axes")
    inputs = [index, *(np.zeros(0, np.int64) if n is None else n for n in numbers)]
    try:
        return _move(raw, index, inputs)
    except (ValueError, IndexError, TypeError) as error:
        raise CompileError(raw.where, f"does not fit a tensor of shape {list(index.shape)}: {error}") from None


def _move(raw: OnnxNode, index: Array, inputs: Sequence[Array]) -> Array:
    match raw.kind:
        case "Transpose":
            return index.transpose(raw.get("perm") or None)
        case "Reshape":
            return index.reshape(reshaped(raw, index.shape, inputs[1]))
        case "Flatten":
            axis = raw.get("axis", 1)
            return index.reshape(product(index.shape[: axis if axis >= 0 else index.ndim + axis]), -1)
        case "Squeeze":
            return np.squeeze(index, axis=axes_of(raw, inputs))
        case "Unsqueeze":
            return np.expand_dims(index, axes_of(raw, inputs) or ())
        case _:
            return index


def move_weights(raw: OnnxNode, weights: Weights, rest: Sequence[Value | None]) -> Weights:
    """A dequantized constant behind a moving operator."""
    full = [np.broadcast_to(part, weights.codes.shape) for part in (weights.codes, weights.scale, weights.zero)]
    codes, scale, zero = (move(raw, part, rest) for part in full)
    return Weights(codes, scale, zero)


def lower_move(context: Context, expr: Expr, target: Target) -> View:
    """Transpose, Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout, Cast: no code at all.

    A map that is flattened in another order than it lies in memory reorders the weights behind it.
    """
    real = context.preserved(expr.args[0], target, expr.node)
    view = real.view.moved(move(expr.node, real.view.index, expr.args[1:]))
    return context.requantized(type(real)(view, real.quant), target, expr.node)
