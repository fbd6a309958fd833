"""What an ONNX tensor is at import: a constant, codes of the graph, or a float expression that waits for its Q.

Const      known numbers
Weights    a dequantized constant: integer codes with their scale
Entry      a float graph input that nothing has quantized yet
Codes      integers of the graph (QuantizeLinear's output, a QLinear operator's, an integer input)
Real       Codes behind DequantizeLinear
Expr       a float operator on Reals; the QuantizeLinear behind it says what becomes of it
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ircompile.importers.onnx.layout import View
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.ir.tensor import Array


@dataclass(frozen=True)
class Quant:
    """real = scale * (code - zero), codes as the graph has them: uint8 moved down by 128."""

    scale: float
    zero: int

    def real(self, codes: Array) -> Array:
        """float32 values of codes, as DequantizeLinear computes them."""
        return (codes.astype(np.int32) - np.int32(self.zero)).astype(np.float32) * np.float32(self.scale)

    def code(self, real: float) -> int:
        """The code of a number, clamped to int8."""
        ratio = float(np.float32(real) / np.float32(self.scale)) if np.isfinite(real) else real
        return int(min(max(np.rint(min(max(ratio, -1e6), 1e6)) + self.zero, -128), 127))


@dataclass(frozen=True)
class Target:
    """What a float expression is quantized to: its scale and zero point, and the codes that may come out.

    `unsigned`: whether they are uint8 in the file; None where no QuantizeLinear of the file says it.
    """

    quant: Quant
    low: int = -128
    high: int = 127
    unsigned: bool | None = field(default=None, compare=False)

    def clamped(self, low: float, high: float) -> Target:
        """Narrowed to real values in [low, high]: rounding is monotone, so clamping after it is the same."""
        bottom = max(self.low, self.quant.code(low))
        top = min(self.high, self.quant.code(high))
        return replace(self, low=min(bottom, top), high=max(top, min(bottom, top)))


@dataclass(frozen=True, eq=False)
class Const:
    """Known numbers."""

    array: Array


@dataclass(frozen=True, eq=False)
class Weights:
    """float32 constant = (codes - zero) * scale; `scale` and `zero` broadcast against `codes` (rank kept)."""

    codes: Array
    scale: Array
    zero: Array

    @property
    def array(self) -> Array:
        """The float32 numbers."""
        return ((self.codes.astype(np.int32) - self.zero.astype(np.int32)) * self.scale).astype(np.float32)

    @property
    def centred(self) -> Array:
        """Integers without their zero point, int64."""
        return self.codes.astype(np.int64) - self.zero.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Entry:
    """A float graph input before its first QuantizeLinear."""

    view: View


@dataclass(frozen=True, eq=False)
class Codes:
    """Integers of the graph; in the file they may be uint8. `quant` is None until something says it."""

    view: View
    unsigned: bool
    quant: Quant | None


@dataclass(frozen=True, eq=False)
class Real:
    """A dequantized activation; `unsigned` as that of a Target."""

    view: View
    quant: Quant
    unsigned: bool | None = None


@dataclass(frozen=True, eq=False)
class Expr:
    """A float operator that waits for the QuantizeLinear behind it."""

    node: OnnxNode
    args: tuple[Value | None, ...]
    part: int = 0


Value = Const | Weights | Entry | Codes | Real | Expr


def constant(value: Value | None) -> Array | None:
    """The numbers of a constant, or None."""
    return value.array if isinstance(value, Const | Weights) else None
