"""Logistic function and hyperbolic tangent of 16-bit codes, interpolated between 256 values.

Source of the arithmetic: TensorFlow Lite Micro `kernels/internal/reference/integer_ops/logistic.h` and `tanh.h`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ircompile.ir.ops.op import ChannelByChannel, RowByRow
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor, integers
from ircompile.qtype import INT16

ENTRIES = 2**8
TOP = 2**16 - 1


@dataclass(frozen=True)
class Sigmoid(RowByRow, ChannelByChannel):
    """1 / (1 + exp(-x)) or tanh(x) of the input scaled by multiplier / 2^shift, in steps of 1 / (3 * 2^12).

    The output has scale 2^-15 and zero point 0.
    """

    function: Literal["logistic", "tanh"]
    multiplier: int
    shift: int

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int16 input of any shape."""
        return inputs[0].shape

    @property
    def fraction(self) -> int:
        """Bits of the scaled input between two entries of the table."""
        return 9 if self.function == "logistic" else 8

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs == {INT16.name} and output == INT16.name

    def problem(self) -> str:
        sound = 0 < self.multiplier < 2**15 and 0 <= self.shift < 31
        return "" if sound else f"multiplier {self.multiplier}, shift {self.shift}"

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """Both functions rise."""
        low, high = (self.simulate(site, [Rows(bound)], 0, len(bound)).astype(np.int64) for bound in inputs[0])
        return low, high

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        half = 1 << (self.shift - 1) if self.shift else 0
        scaled = (integers(inputs[0].take(start, stop)) * self.multiplier + half) >> self.shift
        size, table, bits = np.abs(scaled), sigmoid_table(), self.fraction
        place = np.minimum(size >> bits, ENTRIES - 1)
        first, second = table[place], table[np.minimum(place + 1, ENTRIES - 1)]
        value = (first << bits) + (size & (1 << bits) - 1) * (second - first)
        if self.function == "logistic":
            value = np.where(place == ENTRIES - 1, INT16.high << 10, value)
            value = np.where(scaled >= 0, value, (1 << 25) - value - 1)
            return ((value + (1 << 9)) >> 10).astype(INT16.dtype)
        value = np.where(place == ENTRIES - 1, TOP << bits, value) - (1 << 23)
        value = np.where(scaled >= 0, value, -value - 1)
        return ((value + (1 << 7)) >> 8).astype(INT16.dtype)


def sigmoid_table() -> Array:
    """int64 (256,): s = the logistic function of i / 24, in 2^-16, as TensorFlow Lite rounds it.

    Half of what a straight line between two entries misses in their middle, h^2 / 8 * s'', is taken off.
    """
    place = np.arange(ENTRIES) / 24
    value = 1 / (1 + np.exp(-place))
    curvature = value * (1 - value) * (1 - 2 * value)
    table = np.rint((TOP + 1) * (value - 0.5 * curvature / 24**2 / 8)).astype(np.int64)
    table[-1] = TOP
    return table
