"""How a kernel's weights are stored."""

from __future__ import annotations

from enum import Enum

from ircompile.ir.tensor import Array
from ircompile.qtype import INT8, INT16, QType


class WeightCoding(Enum):
    """How weights are stored: one value, which packing, templates and reports share.

    INT8    a byte each; in the streams of the DSP kernels two channels' weights are the bytes of a halfword.
    INT16   a halfword each.
    PAIRS   two channels' weights make one halfword, low + 256 * high; see `ircompile.kernels.tiles`.
    """

    INT8 = "int8"
    INT16 = "int16"
    PAIRS = "pairs"

    @property
    def qtype(self) -> QType:
        """The type of an element of the weights' array."""
        return INT8 if self is WeightCoding.INT8 else INT16

    @property
    def c_type(self) -> str:
        """That type as C99 says it."""
        return self.qtype.c_type

    @property
    def wide(self) -> bool:
        """Whether a weight has a halfword of its own."""
        return self is WeightCoding.INT16

    @property
    def pairs(self) -> bool:
        """Whether sums of two channels come out of one halfword."""
        return self is WeightCoding.PAIRS

    def bytes(self, count: int) -> int:
        """Bytes of `count` weights, without what a kernel may pad them with."""
        return INT16.bytes * count if self.wide else count


def natural_coding(weights: Array) -> WeightCoding:
    """The coding of weights that are stored as the graph has them; raises KeyError for floats."""
    return {INT8.dtype: WeightCoding.INT8, INT16.dtype: WeightCoding.INT16}[weights.dtype]
