"""Layouts without run-time transposes: where each element of an ONNX tensor lies in a graph tensor.

`View.index` has the ONNX shape and holds flat positions in the height x width x channels tensor, each once.
Transpose, Reshape, Flatten and Squeeze are NumPy calls on it; only an operator that needs an order asks for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ircompile.ir.tensor import Array, Shape

Axes = tuple[int, int, int]
NONE = -1


@dataclass(frozen=True, eq=False)
class View:
    """An ONNX tensor as positions in a graph tensor."""

    tensor: str
    index: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The ONNX shape."""
        return tuple(self.index.shape)

    @property
    def rank(self) -> int:
        """ONNX dimensions."""
        return self.index.ndim

    def moved(self, index: Array) -> View:
        """The same codes under another index."""
        return View(self.tensor, index)

    def on(self, tensor: str) -> View:
        """The same layout over another tensor of the same shape."""
        return View(tensor, self.index)


def view_of(tensor: str, shape: Sequence[int], axes: Axes) -> View:
    """A view of ONNX shape `shape` whose axes `axes` are the tensor's height, width and channels.

    -1 stands for a size of 1 that the ONNX tensor does not have; axes that are not named have size 1.
    """
    kept = [axis for axis in axes if axis != NONE]
    sizes = [shape[axis] for axis in kept]
    flat = np.arange(int(np.prod(sizes, dtype=np.int64)), dtype=np.int32).reshape(sizes)
    return View(tensor, flat.transpose(np.argsort(kept)).reshape(tuple(shape)))


def size_along(shape: Sequence[int], axes: Axes) -> Shape:
    """Height, width and channels of an ONNX shape under `axes`."""
    height, width, channels = (shape[axis] if axis != NONE else 1 for axis in axes)
    return height, width, channels


def order_of(view: View, axes: Axes) -> Array | None:
    """The tensor positions of the elements in the order of `axes`; None where another axis is longer than 1."""
    kept = [axis for axis in axes if axis != NONE]
    rest = [axis for axis in range(view.rank) if axis not in kept]
    if any(view.shape[axis] != 1 for axis in rest):
        return None
    return view.index.transpose(*rest, *kept).reshape(-1)


def is_identity(order: Array) -> bool:
    """Whether positions are 0, 1, 2 ..."""
    return bool(np.array_equal(order, np.arange(order.size, dtype=order.dtype)))


def transposition(order: Array, shape: Shape) -> Axes | None:
    """The order of the tensor's axes (of the given shape) that lists its elements as `order` does, if one does."""
    flat = np.arange(order.size, dtype=order.dtype).reshape(shape)
    for axes in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        if np.array_equal(flat.transpose(axes).reshape(-1), order):
            return axes
    return None


def factored(order: Array) -> tuple[Shape, Axes] | None:
    """A shape, and the order of its axes that lists elements 0, 1, 2 ... as `order` does; None where none does."""
    sizes, strides, rest = [], [], order.astype(np.int64)
    if rest.size < 2 or rest[0]:
        return None
    while rest.size > 1:  # the innermost axis first: as far as the steps are equal
        step = int(rest[1])
        run = int(np.argmin(np.append(rest == step * np.arange(rest.size), False)))
        if rest.size % run:
            return None
        sizes.append(run)
        strides.append(step)
        rest = rest[::run]
    if len(sizes) > 3:
        return None
    outer = [int(i) for i in np.argsort(strides)[::-1]]  # in the tensor, the widest step is outermost
    shape = [sizes[i] for i in outer] + [1] * (3 - len(sizes))
    axes = [outer.index(i) for i in reversed(range(len(sizes)))] + list(range(len(sizes), 3))
    flat = np.arange(order.size).reshape(shape)
    if not np.array_equal(flat.transpose(axes).reshape(-1), order):
        return None
    return (shape[0], shape[1], shape[2]), (axes[0], axes[1], axes[2])


def natural_axes(rank: int) -> Axes:
    """Height, width, channels of ONNX's own convention: N x C, N x C x W, N x C x H x W."""
    if rank >= 4:
        return rank - 2, rank - 1, rank - 3
    return {3: (NONE, 2, 1), 2: (NONE, NONE, 1), 1: (NONE, NONE, 0)}.get(rank, (NONE, NONE, NONE))


def row_major_axes(rank: int) -> Axes:
    """The last three axes as height, width, channels: NHWC; rank 3 is A x 1 x C, as the C interface has it."""
    if rank >= 4:
        return rank - 3, rank - 2, rank - 1
    return {3: (1, NONE, 2), 2: (NONE, NONE, 1), 1: (NONE, NONE, 0)}.get(rank, (NONE, NONE, NONE))


def axes_of(view: View, shape: Shape) -> Axes | None:
    """The axes under which the view is its tensor of the given shape, unmoved; ONNX's own convention if it fits."""
    rank = view.rank
    candidates = [natural_axes(rank), row_major_axes(rank)]
    if rank == 3:
        candidates += [(1, 2, NONE), (2, 1, NONE), (NONE, 1, 2), (2, NONE, 1)]
    if rank == 2:
        candidates += [(0, NONE, 1), (NONE, 0, 1), (0, 1, NONE)]
    if rank >= 4:
        a, b, c = rank - 3, rank - 2, rank - 1
        candidates += [(b, a, c), (c, a, b), (c, b, a), (a, c, b)]
    long = [axis for axis in range(rank) if view.shape[axis] > 1]
    slots = [*long, *([NONE] * (3 - len(long)))]
    for axes in (*candidates, *(permutations(slots) if len(slots) == 3 else ())):
        if max(axes) >= rank or size_along(view.shape, axes) != shape:
            continue
        order = order_of(view, axes)
        if order is not None and is_identity(order):
            return axes
    return None
