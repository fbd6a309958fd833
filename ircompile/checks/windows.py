"""What the windows of convolutions and pools meet, and the least and the greatest sums that they have.

A window inside the picture has all its taps, one at a border fewer. Windows with the same taps are of one kind;
rows and columns have kinds apart from each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ircompile.ir.ops import AveragePool, Conv, Depthwise, MaxPool, TransposeConv, Window
from ircompile.ir.tensor import Array, Site

Convolution = Conv | Depthwise | TransposeConv


class Ends(NamedTuple):
    """The lowest and the highest number of each channel, int64 (C,)."""

    low: Array
    high: Array

    def of(self, channels: Array) -> Ends:
        """Those of some channels."""
        return Ends(self.low[channels], self.high[channels])


def all_sums(op: Convolution, site: Site, codes: Ends) -> Ends:
    """The least and the greatest sum of each output channel over all kinds of windows, without the bias."""
    if isinstance(op, Depthwise):
        weights, group = site.consts[op.weights].astype(np.float64), site.output.channels // site.inputs[0].channels
        low, high = (np.repeat(end, group) for end in _real(site, codes))
        sides = (
            _over_kinds(op, site, np.minimum(low * weights, high * weights)),
            _over_kinds(op, site, np.maximum(low * weights, high * weights)),
        )
    else:
        sides = partial_sums(op, site, codes, np.arange(site.inputs[0].channels))
    return Ends(sides[0].min(axis=(0, 1)), sides[1].max(axis=(0, 1)))


def partial_sums(op: Conv | TransposeConv, site: Site, codes: Ends, channels: Array) -> tuple[Array, Array]:
    """The least and the greatest sum that the given input channels add to each accumulator.

    int64 (kinds of rows, kinds of columns, C_out). A weight above zero makes least of the lowest code.
    """
    weights = site.consts[op.weights]
    weights = weights if len(channels) == weights.shape[-1] else weights[..., channels]
    low, high = (end[channels] for end in _real(site, codes))
    above, below = np.maximum(weights, 0).astype(np.float64), np.minimum(weights, 0).astype(np.float64)
    least, most = above @ low + below @ high, above @ high + below @ low
    return _over_kinds(op, site, least.transpose(1, 2, 0)), _over_kinds(op, site, most.transpose(1, 2, 0))


def kinds_of(op: Convolution | MaxPool | AveragePool, site: Site) -> list[tuple[Array, Array]]:
    """For rows, then for columns: the taps of each kind of window, bool (kinds, taps); the first of each kind."""
    found = []
    for inside in _taps_inside(op, site):
        kinds, first = np.unique(inside, axis=0, return_index=True)
        found.append((kinds, first))
    return found


def _real(site: Site, codes: Ends) -> tuple[Array, Array]:
    """Codes less their zero point, float64: all sums of them are integers below 2^53, and so exact."""
    zero = site.inputs[0].zero_point
    return (codes.low - zero).astype(np.float64), (codes.high - zero).astype(np.float64)


def _over_kinds(op: Convolution, site: Site, taps: Array) -> Array:
    """Sums over the taps that there are, of what each tap adds (kh, kw, C): int64 (rows, columns, C)."""
    (rows, _), (columns, _) = kinds_of(op, site)
    by_rows = np.tensordot(rows.astype(np.float64), taps, 1)
    return np.rint(np.einsum("xj,yjc->yxc", columns.astype(np.float64), by_rows)).astype(np.int64)


def _taps_inside(op: Convolution | MaxPool | AveragePool, site: Site) -> Iterator[Array]:
    """For rows, then for columns: whether each output's taps lie in the input, bool (outputs, taps)."""
    for axis in (0, 1):
        size, outputs = site.inputs[0].shape[axis], np.arange(site.output.shape[axis])[:, np.newaxis]
        if isinstance(op, TransposeConv):
            spread = outputs + op.padding[axis] - np.arange(site.consts[op.weights].shape[1 + axis])
            place, there = spread // op.stride[axis], spread % op.stride[axis] == 0
        else:
            window: Window = op.window
            taps = np.arange(window.kernel[axis]) * window.dilation[axis]
            place, there = outputs * window.stride[axis] - window.padding[2 * axis] + taps, True
        yield there & (place >= 0) & (place < size)
