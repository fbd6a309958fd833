"""How a kernel's weights are stored."""

from __future__ import annotations

from enum import Enum

from ircompile.ir.tensor import Array
from ircompile.qtype import INT8, INT16, INT32, QType


class WeightCoding(Enum):
    """How weights are stored: one value, which packing, templates and reports share.

    INT4    a nibble each, eight a word, the first in its lowest bits; see `ircompile.kernels.nibbles`.
    INT8    a byte each; in the streams of the DSP kernels two channels' weights are the bytes of a halfword.
    INT16   a halfword each.
    PAIRS   two channels' weights make one halfword, low + 256 * high; see `ircompile.kernels.tiles`.
    """

    INT4 = "int4"
    INT8 = "int8"
    INT16 = "int16"
    PAIRS = "pairs"

    @property
    def qtype(self) -> QType:
        """The type of an element of the weights' array."""
        kinds = {WeightCoding.INT4: INT32, WeightCoding.INT8: INT8}
        return kinds.get(self, INT16)

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

    @property
    def nibbles(self) -> bool:
        """Whether a weight has four bits."""
        return self is WeightCoding.INT4

    def bytes(self, count: int) -> int:
        """Bytes of `count` weights, without what a kernel may pad them with."""
        if self.nibbles:
            return (count + 1) // 2
        return INT16.bytes * count if self.wide else count


def natural_coding(weights: Array) -> WeightCoding:
    """The coding of weights that are stored as the graph has them; raises KeyError for floats."""
    return {INT8.dtype: WeightCoding.INT8, INT16.dtype: WeightCoding.INT16}[weights.dtype]
