"""The types of codes and weights: the one place that knows how many bits a number has and what they can hold."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class QType:
    """An integer type; `name` is what NumPy calls it, `low` and `high` are the least and greatest value."""

    name: str
    low: int
    high: int
    bytes: int

    @property
    def c_type(self) -> str:
        """The type as C99 says it."""
        return f"{self.name}_t"

    @property
    def dtype(self) -> np.dtype[np.signedinteger[npt.NBitBase]]:
        """The type as NumPy says it."""
        return np.dtype(self.name)

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest value."""
        return self.low, self.high

    @property
    def span(self) -> int:
        """How far the least and the greatest value lie apart."""
        return self.high - self.low

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    def codes(self) -> npt.NDArray[np.int64]:
        """All values, ascending, int64 (count,). Only for types of few bits."""
        return np.arange(self.low, self.high + 1, dtype=np.int64)


INT4 = QType("int4", -(2**3), 2**3 - 1, 1)  # of weights; NumPy has no such type: there it is int8
INT8 = QType("int8", -(2**7), 2**7 - 1, 1)
UINT8 = QType("uint8", 0, 2**8 - 1, 1)
INT16 = QType("int16", -(2**15), 2**15 - 1, 2)
INT32 = QType("int32", -(2**31), 2**31 - 1, 4)
ACTIVATIONS = {
    qtype.name: qtype for qtype in (INT8, UINT8, INT16, INT32)
}  # types that a tensor of the graph may have
FLIP = UINT8.low - INT8.low  # a uint8 code is the int8 code of the same bits, but for the top one, and this
