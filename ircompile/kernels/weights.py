"""How a kernel's weights are stored."""

from enum import Enum

from ircompile.ir.tensor import Array
from ircompile.qtype import INT8, INT16, INT32, QType


class WeightCoding(Enum):
    """How weights are stored: one value, which packing, templates and reports share.

    INT4    a nibble each; see `ircompile.kernels.nibbles`. In the streams of the DSP kernels a halfword has those
            of four channels.
    QUADS   the same halfwords; sums of four channels come out of one; see `ircompile.kernels.dsp.tiles`.
    INT8    a byte each; in the streams of the DSP kernels two channels' weights are the bytes of a halfword.
    INT16   a halfword each.
    PAIRS   two channels' weights make one halfword, low + 256 * high; see `ircompile.kernels.dsp.tiles`.
    WINOGRAD  three weights of a row of a window make four halfwords; see `ircompile.kernels.dsp.winograd`.
    """

    INT4 = "int4"
    INT8 = "int8"
    INT16 = "int16"
    PAIRS = "pairs"
    QUADS = "quads"
    WINOGRAD = "winograd"

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
        return self in (WeightCoding.INT4, WeightCoding.QUADS)

    @property
    def stored(self) -> str:
        """The type of a weight in flash, for reports: "int4", "int8" or "int16"."""
        halves = self.wide or self is WeightCoding.WINOGRAD
        return "int4" if self.nibbles else "int16" if halves else "int8"

    @property
    def turn_words(self) -> int:
        """Words of a stream of the DSP kernels for two codes and four channels, or four codes and two channels."""
        return 4 if self.wide else 1 if self.nibbles else 2

    def bytes(self, count: int) -> int:
        """Bytes of `count` weights, without what a kernel may pad them with."""
        if self.nibbles:
            return (count + 1) // 2
        if self is WeightCoding.WINOGRAD:
            return INT16.bytes * count * 4 // 3
        return INT16.bytes * count if self.wide else count


def excess_of(weights: Array, qtype: QType) -> int | None:
    """What weights are more than numbers of a type, as little as can be; None where they lie too far apart.

    A sum of products with codes is that of such numbers, and the sum of the codes times the excess.
    """
    low, high = int(weights.min(initial=0)), int(weights.max(initial=0))
    if high - low > qtype.span:
        return None
    return max(high - qtype.high, min(0, low - qtype.low))


def natural_coding(weights: Array) -> WeightCoding:
    """The coding of weights that are stored as the graph has them; raises KeyError for floats."""
    return {INT8.dtype: WeightCoding.INT8, INT16.dtype: WeightCoding.INT16}[weights.dtype]


def least_coding(weights: Array) -> WeightCoding:
    """INT8 where all weights are bytes and one excess, else the natural one."""
    return WeightCoding.INT8 if excess_of(weights, INT8) is not None else natural_coding(weights)


def excess_in(weights: Array, coding: WeightCoding) -> int:
    """What weights are more than the numbers that are stored of them."""
    return 0 if coding.wide else excess_of(weights, INT8) or 0
