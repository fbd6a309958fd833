"""The largest or smallest code over rows, columns or both, found while rows pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ircompile.ir.ops.op import of_one_type
from ircompile.ir.ops.ranges import Range
from ircompile.ir.ops.reduction import Reduction
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Extreme(Reduction):
    """Maximum or minimum over `axes` ("h", "w" or "hw"); the quantization stays."""

    kind: Literal["max", "min"]
    axes: Literal["h", "w", "hw"] = "hw"

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input; axes height, width or both."""
        return super().infer(inputs, consts)

    def sum_bytes(self, site: Site) -> int:
        """Bytes of the codes found so far, which live from the first step to the last."""
        return site.output.row_bytes if self.keeps_rows(site) else 0

    def accumulate(self, site: Site, state: Array, step: int, rows: Sequence[Array]) -> Array | None:
        found, last = state.view(site.output.dtype), step == site.inputs[0].height - 1
        found = found.reshape(site.output.shape[1:])
        row = self.reduce(rows[0], (0,) if "w" in self.axes else ())
        found[:] = row if step == 0 else self.reduce(np.stack([found, row]), (0,))[0]
        return found if last else None

    def takes(self, inputs: set[str], output: str) -> bool:
        return of_one_type(inputs, output)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return inputs[0]

    def reduce(self, codes: Array, axes: tuple[int, ...]) -> Array:
        """The extreme codes over array axes, which stay with size 1."""
        return codes.max(axis=axes, keepdims=True) if self.kind == "max" else codes.min(axis=axes, keepdims=True)

    def carries_ties(self) -> bool:
        return True

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        if "h" not in self.axes:
            return self.reduce(inputs[0].take(start, stop), (1,))
        rows = inputs[0].take(0, site.inputs[0].height)
        return np.asarray(self.reduce(rows, (0, 1) if "w" in self.axes else (0,)))
