"""What a comparison of outputs finds."""

from dataclasses import dataclass, field

import numpy as np

from ircompile.ir.tensor import Array, Tensor

HALF_STEP = 0.501
"""Of a tensor that the framework has as real values: how far a code may be off, float32 arithmetic included."""
FLOAT_NOISE = 1 / 32
"""In steps: how far from a code the framework's float32 of it may be, which has 24 bits for codes of at most 16."""


@dataclass(frozen=True)
class Difference:
    """The first element that differs: where, and what either side has. `where` names a node or an output."""

    vector: int
    where: str
    index: tuple[int, ...]
    expected: float
    found: float


@dataclass
class Found:
    """Counts of a comparison, the inputs with differences, and the first difference."""

    inputs: int = 0
    elements: int = 0
    differing: int = 0
    wrong: list[int] = field(default_factory=list)
    first: Difference | None = None

    def add(self, number: int, output: str, ours: Array, theirs: Array) -> None:
        """Counts an output's elements; all of them differ where the sizes do."""
        self.elements += ours.size
        if ours.size != theirs.size:
            unlike, at, expected = np.ones(ours.shape, bool), (0,) * ours.ndim, float(theirs.size)
        else:
            theirs = theirs.reshape(ours.shape)
            unlike = ours != theirs
            at = tuple(int(i) for i in np.argwhere(unlike)[0]) if unlike.any() else ()
            expected = theirs[at].item() if unlike.any() else 0.0
        self.differing += int(np.count_nonzero(unlike))
        if unlike.any():
            self.wrong = list(dict.fromkeys([*self.wrong, number]))
            self.first = self.first or Difference(number, output, at, expected, ours[at].item())


def coded(theirs: Array, ours: Array, tensor: Tensor, rounded: bool) -> Array:
    """A framework's float32 values, replaced by ours wherever they mean the same code of `tensor`.

    All have one shape. With `rounded` the framework's values are no codes: the code next to one is right, of two at
    a tie either, and beyond the lowest and highest code these are.
    """
    info = np.iinfo(tensor.dtype)
    if rounded:
        ends = (np.array([info.min, info.max]) - tensor.zero_point) * tensor.scale
        theirs = np.clip(theirs, *ends.astype(np.float32))
    step = HALF_STEP if rounded else FLOAT_NOISE
    return np.where(np.abs(theirs - ours) <= step * tensor.scale, ours, theirs)
