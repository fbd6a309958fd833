"""How a framework's tensor of any rank lies in the graph's height x width x channels."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ircompile.ir.tensor import Shape, Tensor

Axes = tuple[int, int, int]
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Activation:
    """The graph tensor `tensor` holds a framework's tensor; `axes` are the framework's axes of H, W and C or -1.

    Either every axis of more than one element is named, in whatever order; or none is named, and the elements are
    in the framework's order, under any height, width and channels.
    """

    tensor: str
    axes: Axes

    @property
    def order(self) -> Axes | None:
        """The transposition that brings the elements into the framework's order; None where they are in it."""
        named = [axis for axis in self.axes if axis >= 0]
        if named == sorted(named):
            return None
        ranks = sorted(range(3), key=lambda place: (self.axes[place] >= 0, self.axes[place]))
        return ranks[0], ranks[1], ranks[2]


@dataclass(frozen=True)
class Stored:
    """What a rule may know of a tensor as it is stored: a tensor without a name, which no node can read."""

    form: Tensor
    axes: Axes


def holds(axes: Axes, stored: Shape, shape: Sizes) -> bool:
    """Whether `axes` can say how a tensor of the shape `stored` holds a framework's tensor of `shape`."""
    if math.prod(stored) != math.prod(shape):
        return False
    named = any(axis >= 0 for axis in axes)
    return not named or all(
        size == (shape[axis] if axis >= 0 else 1) for axis, size in zip(axes, stored, strict=True)
    )


def default_axes(shape: Sizes) -> Axes:
    """Where H, W and C stand: rank 4 N H W C, rank 3 N H C, rank 2 N C; leading sizes of 1 are no axes."""
    axes = list(range(len(shape)))
    while len(axes) > 3 and shape[axes[0]] == 1:
        axes = axes[1:]
    if len(axes) == 3 and len(shape) > 3:
        return axes[0], axes[1], axes[2]
    if len(shape) > 3:
        return -1, -1, -1
    if len(shape) == 3:
        return (1, -1, 2) if shape[0] == 1 else (0, 1, 2)
    if len(shape) == 2:
        return (-1 if shape[0] == 1 else 0, -1, 1)
    return -1, -1, len(shape) - 1


def default_shape(shape: Sizes) -> Shape:
    """Height, width and channels of a framework's shape; more than three axes fold into the channels."""
    axes = default_axes(shape)
    if axes == (-1, -1, -1) and len(shape) > 3:
        inner = [size for size in shape if size != 1] or [1]
        inner = [1] * (3 - len(inner)) + inner
        return inner[0], inner[1], math.prod(inner[2:])
    height, width, channels = (shape[axis] if axis >= 0 else 1 for axis in axes)
    return height, width, channels


def rows_of(shape: Sizes) -> Shape:
    """Height, width and channels of a framework's shape, such that its last axis are the channels."""
    if not shape or default_axes(shape)[2] == len(shape) - 1:
        return default_shape(shape)
    return math.prod(shape[:-1]), 1, shape[-1]


def fold(shape: Sizes, busy: Collection[int]) -> tuple[Shape, dict[int, int]] | None:
    """Height, width and channels in which each axis of `busy` stands alone, and where; None if they are too few."""
    axes = default_axes(shape)
    if all(axis in axes for axis in busy):
        return default_shape(shape), {axis: axes.index(axis) for axis in busy}
    groups: list[list[int]] = []
    for axis, size in enumerate(shape):
        if axis in busy or (size != 1 and (not groups or groups[-1][-1] in busy)):
            groups.append([axis])
        elif size != 1:
            groups[-1].append(axis)
    if len(groups) > 3:
        return None
    sizes = [math.prod(shape[axis] for axis in group) for group in groups]
    lack = 3 - len(sizes)
    height, width, channels = [1] * lack + sizes
    places = {group[0]: lack + number for number, group in enumerate(groups) if group[0] in busy}
    return (height, width, channels), places


def steps(shape: Sizes, busy: Sequence[int]) -> list[list[int]]:
    """The axes of `busy` all at once where `fold` can do that, else one by one."""
    return [list(busy)] if fold(shape, busy) else [[axis] for axis in busy]


def broadcast(output: Sizes, operands: Sequence[Sizes]) -> list[Shape] | None:
    """Height, width and channels of operands that broadcast to `output`; None where three axes are too few.

    Raises ValueError where the shapes do not broadcast.
    """
    full = [(1,) * (len(output) - len(shape)) + shape for shape in operands]
    for shape in full:
        if len(shape) != len(output) or any(a not in (1, b) for a, b in zip(shape, output, strict=True)):
            raise ValueError(f"shapes {[list(shape) for shape in operands]} for {list(output)}")
    if all(shape == output for shape in full):
        return [default_shape(output)] * len(full)
    axes = default_axes(output)
    if all(size == 1 or axis in axes for axis, size in enumerate(output)):
        return [_placed(axes, shape) for shape in full]
    groups: list[list[int]] = []
    for axis, size in enumerate(output):
        if size == 1:
            continue
        if groups and all((shape[axis] == 1) == (shape[groups[-1][-1]] == 1) for shape in full):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    if len(groups) > 3:
        return None
    lack = [1] * (3 - len(groups))
    folded = [lack + [math.prod(shape[axis] for axis in group) for group in groups] for shape in full]
    return [(height, width, channels) for height, width, channels in folded]


def _placed(axes: Axes, shape: Sizes) -> Shape:
    height, width, channels = (shape[axis] if axis >= 0 else 1 for axis in axes)
    return height, width, channels
