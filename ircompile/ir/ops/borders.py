"""Border classes: which taps of a kernel meet the map.

All output positions whose windows keep the same taps compute the same function. A map has a handful of such
classes, the interior and its borders, so that "for every position" becomes "for every class".
"""

import math

import numpy as np

from ircompile.ir.ops.window import Window
from ircompile.ir.tensor import Array, Tensor


def window_classes(window: Window, source: Tensor) -> tuple[Array, Array]:
    """Distinct rows of taps that meet the map: bool (classes, kh) for the rows, (classes, kw) for the columns.

    Each pair of a vertical and a horizontal class occurs somewhere on the output.
    """
    rows, columns = window.output_size(source.height, source.width)
    top, _, left, _ = window.padding
    vertical = _classes(rows, source.height, window.kernel[0], window.stride[0], window.dilation[0], top)
    horizontal = _classes(columns, source.width, window.kernel[1], window.stride[1], window.dilation[1], left)
    return vertical, horizontal


def _classes(outputs: int, size: int, kernel: int, stride: int, dilation: int, before: int) -> Array:
    # One window of those that lie inside stands for all; so does one of those that lie outside.
    first = np.arange(outputs) * stride - before
    reach = (kernel - 1) * dilation + 1
    kinds = np.where((first >= 0) & (first + reach <= size), 0, first)
    kinds = np.where((first + reach <= 0) | (first >= size), -reach, kinds)
    place = np.unique(kinds)[:, np.newaxis] + np.arange(kernel) * dilation
    return np.unique((place >= 0) & (place < size), axis=0)


def transposed_classes(outputs: int, size: int, kernel: int, stride: int, before: int) -> Array:
    """The same along one axis of a transposed convolution: bool (classes, kernel)."""
    place = np.arange(outputs)[:, np.newaxis] + before - np.arange(kernel)
    return np.unique((place % stride == 0) & (place >= 0) & (place < size * stride), axis=0)


def class_sums(taps: Array, classes: tuple[Array, Array]) -> Array:
    """Sums of int64 `taps` (kh, kw, ...) over the taps that each class keeps: (classes, ...)."""
    vertical, horizontal = (kept.astype(np.int64) for kept in classes)
    kh, kw, *rest = taps.shape
    size = math.prod(rest)
    by_row = vertical @ taps.reshape(kh, kw * size)
    by_row = by_row.reshape(len(vertical), kw, size).transpose(1, 0, 2).reshape(kw, len(vertical) * size)
    return (horizontal @ by_row).reshape(len(horizontal) * len(vertical), *rest)


def pixel_counts(window: Window, source: Tensor) -> Array:
    """The distinct numbers of pixels that the windows of a pooling hold."""
    vertical, horizontal = window_classes(window, source)
    return np.unique(np.outer(vertical.sum(axis=1), horizontal.sum(axis=1)))
