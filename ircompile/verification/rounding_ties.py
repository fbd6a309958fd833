"""Which differences from a framework's float arithmetic are ties: the exact value is half way between two codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ircompile.ir.ops import AveragePool, Binary, Conv, Depthwise, Mean, Op, Prelu, TransposeConv
from ircompile.ir.tensor import Array, Rows, Site, integers

NEAR = 1e-4
"""In codes: float32 arithmetic on codes errs by less, so that only here it can round to the other side."""


def is_tie(exact: Array, ours: Array, theirs: Array) -> Array:
    """Where two codes are neighbours and the exact value lies in the middle between them."""
    ours, theirs = ours.astype(np.int64), theirs.astype(np.int64)
    middle = np.abs(exact - (ours + theirs) / 2) < NEAR
    return np.asarray(middle & (np.abs(ours - theirs) == 1))


def exact_value(op: Op, site: Site, inputs: Sequence[Array]) -> Array | None:
    """The real value of every output element in codes, zero point added: float64, output's shape, not rounded.

    None for ops that round nothing or that every framework computes in integers.
    """
    target = site.output
    if isinstance(op, Binary) and op.rounding != "raw":
        value = _binary(op, site, inputs)
    elif isinstance(op, Conv | Depthwise | TransposeConv) and op.requant.rounding == "float32_even":
        sums = op.sums(site, [Rows(codes) for codes in inputs], 0, target.height)
        value = sums * site.consts[op.requant.scale] * target.scale
    elif isinstance(op, Prelu):
        value = _rectified(op, site, inputs[0])
    elif isinstance(op, AveragePool | Mean):
        source = op.source(site) if isinstance(op, Mean) else site.inputs[0]
        value = (_average(op, site, inputs[0]) - source.zero_point) * source.scale
    else:
        return None
    return np.broadcast_to(value / target.scale + target.zero_point, target.shape)


def _binary(op: Binary, site: Site, inputs: Sequence[Array]) -> Array:
    codes = list(inputs)
    if op.constant is not None:
        codes.insert(0 if op.constant.first else 1, site.consts[op.constant.name])
    quantized = zip(codes, op.operands(site), strict=True)
    a, b = ((c.astype(np.float64) - zero) * scale for c, (scale, zero) in quantized)
    return np.asarray({"add": np.add, "sub": np.subtract, "mul": np.multiply}[op.kind](a, b))


def _rectified(op: Prelu, site: Site, codes: Array) -> Array:
    """The real values of a rectifier's output."""
    source, slope = site.inputs[0], (integers(site.consts[op.alpha]) - op.zero_point) * np.float64(op.scale)
    x = (integers(codes) - source.zero_point) * np.float64(source.scale)
    return np.asarray(np.where(x >= 0, x, x * slope))


def _average(op: AveragePool | Mean, site: Site, codes: Array) -> Array:
    """The mean of the raw codes."""
    if isinstance(op, Mean):
        axes = tuple(axis for axis, letter in enumerate("hw") if letter in op.axes)
        return np.asarray(op.codes(site, codes).astype(np.float64).mean(axis=axes, keepdims=True))
    height, stop = site.inputs[0].height, site.output.height
    ones = np.ones((*codes.shape[:2], 1), np.int8)
    total, count = (
        op.window.gather(Rows(part), 0, stop, height, 0).sum(axis=(2, 3), dtype=np.float64)
        for part in (codes, ones)
    )
    return np.asarray(total / count)
