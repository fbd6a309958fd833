"""The largest or smallest code over rows, columns or both, found while rows pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Extreme:
    """Maximum or minimum over `axes` ("h", "w" or "hw"); the quantization stays."""

    kind: Literal["max", "min"]
    axes: Literal["h", "w", "hw"] = "hw"

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input; axes height, width or both."""
        height, width, channels = inputs[0].shape
        return (1 if "h" in self.axes else height, 1 if "w" in self.axes else width, channels)

    def steps(self, site: Site) -> int:
        """One step an input row: where rows are compared, the last step completes the output."""
        return site.inputs[0].height

    def output_rows(self, site: Site, step: int) -> tuple[int, int]:
        if "h" not in self.axes:
            return step, step + 1
        return (0, 1) if step == site.inputs[0].height - 1 else (0, 0)

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return ((step, step + 1),)

    def state_bytes(self, site: Site) -> int:
        """Bytes of the codes found so far, which live from the first step to the last."""
        return site.output.row_bytes if "h" in self.axes and site.inputs[0].height > 1 else 0

    def macs(self, site: Site) -> int:
        return 0

    def reduce(self, codes: Array, axes: tuple[int, ...]) -> Array:
        """The extreme codes over array axes, which stay with size 1."""
        return codes.max(axis=axes, keepdims=True) if self.kind == "max" else codes.min(axis=axes, keepdims=True)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        if "h" not in self.axes:
            return self.reduce(inputs[0].take(start, stop), (1,))
        rows = inputs[0].take(0, site.inputs[0].height)
        return np.asarray(self.reduce(rows, (0, 1) if "w" in self.axes else (0,)))
