"""Tensors and the constants that stand beside them.

Every activation is rank 3 here: height x width x channels, batch 1. A framework's rank-2 tensor is 1 x 1 x N.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ircompile.qtype import ACTIVATIONS, QType

Shape = tuple[int, int, int]
Array = npt.NDArray[Any]
Consts = Mapping[str, Array]


@dataclass(frozen=True)
class Tensor:
    """One activation: real value = scale * (code - zero_point)."""

    name: str
    shape: Shape
    dtype: str = "int8"
    scale: float = 1.0
    zero_point: int = 0

    @property
    def height(self) -> int:
        """Rows."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Pixels of a row."""
        return self.shape[1]

    @property
    def channels(self) -> int:
        """Codes of a pixel."""
        return self.shape[2]

    @property
    def quantization(self) -> tuple[float, int]:
        """Scale and zero point."""
        return self.scale, self.zero_point

    @property
    def qtype(self) -> QType:
        """What its codes are."""
        return ACTIVATIONS[self.dtype]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.qtype.bytes

    @property
    def row_bytes(self) -> int:
        """Bytes of one dense row, W * C * itemsize."""
        return self.width * self.channels * self.itemsize

    @property
    def bytes(self) -> int:
        """Bytes of the whole dense tensor."""
        return self.height * self.row_bytes


class Rows(NamedTuple):
    """Consecutive rows of a tensor: `data[i]` is row `first + i`, each W x C."""

    data: Array
    first: int = 0

    def take(self, start: int, stop: int) -> Array:
        """Rows [start, stop) of the tensor, which must be present."""
        if start < self.first or stop > self.first + len(self.data):
            raise IndexError(f"rows {start}..{stop} asked, {self.first}..{self.first + len(self.data)} held")
        return self.data[start - self.first : stop - self.first]


class Site(NamedTuple):
    """Where an op stands: its activations in and out, and the graph's constants."""

    inputs: tuple[Tensor, ...]
    output: Tensor
    consts: Consts


def integers(array: Array) -> Array:
    """The array as int64, the type in which the simulator does its arithmetic."""
    return array.astype(np.int64)
