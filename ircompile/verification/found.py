"""What a comparison of outputs finds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.verification.ladder import Difference


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
