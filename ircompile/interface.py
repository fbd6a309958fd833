"""The C interface of one compiled model: what the header promises and the runners rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

DType = Literal["int8", "uint8", "int32"]
InputMode = Literal["resident", "rows"]


@dataclass(frozen=True)
class Port:
    """One input or output tensor, batch 1, rows of pixels of channels (HWC)."""

    index: int
    is_input: bool
    height: int
    width: int
    channels: int
    dtype: DType
    scale: float
    zero_point: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return (self.height, self.width, self.channels)

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """The element type as NumPy says it."""
        return np.dtype(self.dtype)

    @property
    def c_type(self) -> str:
        """The element type as C says it."""
        return f"{self.dtype}_t"

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.width * self.channels * self.numpy_dtype.itemsize

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor."""
        return self.height * self.row_bytes

    @property
    def suffix(self) -> str:
        """What follows NAME_input or NAME_OUTPUT: '' for the first port, '_1' for the second, and so on."""
        return f"_{self.index}" if self.index else ""


@dataclass(frozen=True)
class Interface:
    """Everything a caller of the emitted C must know.

    ``name`` is the C identifier every function starts with; macros use it in upper case.
    In mode 'rows' the (only) input is pushed row by row and has no place in the arena of its own.
    With ``blob`` the weights are NAME_weights.bin, to be bound before a run.
    ``arena_bytes`` counts everything the run needs except the stack; ``arena_align`` is a power of two.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    input_mode: InputMode
    arena_bytes: int
    arena_align: int
    blob: bool = False

    @property
    def macro(self) -> str:
        """The prefix of the header's macros."""
        return self.name.upper()
