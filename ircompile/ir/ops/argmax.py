"""The channel of the largest code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class ArgMax:
    """For each pixel the first channel that holds its largest (or, with `least`, its smallest) code, as int32."""

    least: bool = False

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input, over its channels; the output is int32."""
        return inputs[0].height, inputs[0].width, 1

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        return ((step, step + 1),)

    def macs(self, site: Site) -> int:
        return 0

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        rows = inputs[0].take(start, stop)
        found = np.argmin(rows, axis=-1) if self.least else np.argmax(rows, axis=-1)
        return found.astype(np.int32)[..., np.newaxis]
