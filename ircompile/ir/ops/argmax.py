"""The channel of the largest code."""

from dataclasses import dataclass

import numpy as np

from ircompile.ir.ops.op import RowByRow
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class ArgMax(RowByRow):
    """For each pixel the first channel that holds its largest (or, with `least`, its smallest) code, as int32."""

    least: bool = False

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input, over its channels; the output is int32."""
        return inputs[0].height, inputs[0].width, 1

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        rows = inputs[0].take(start, stop)
        found = np.argmin(rows, axis=-1) if self.least else np.argmax(rows, axis=-1)
        return found.astype(np.int32)[..., np.newaxis]

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        return np.zeros(1, np.int64), np.full(1, site.inputs[0].channels - 1, np.int64)

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return None

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs in ({"int8"}, {"int16"}) and output == "int32"
