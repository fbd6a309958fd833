"""What a requantization looks like in C: a form, its immediates, and the words each channel brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ircompile.tensor import Array

Name = Literal["high", "double", "single", "steps"]


@dataclass(frozen=True)
class Form:
    """A shape of code; layers of equal form share it.

    name        "high": (offset + high word of x * multiplier) >> shift, saturated, with x = acc << pre.
                Long forms: "double" and "single" (TFLite's arithmetic with a 64-bit product), "steps" (a binary
                search of 255 thresholds: any monotone function, no multiply).
    low, high   the clamp, where saturation to int8 is not enough.
    shift       of "high": the immediate; None where each channel brings its own.
    pre         of "high": left shift of the accumulator, which a kernel may have in its weights for nothing.
    rounded     of "high": the high word is rounded (SMMLAR), not floored (SMMLA).
    kink        of "high": one is subtracted from the sum where the accumulator is negative.
    shared      of "high": all channels have the same multiplier, offset and shift.
    """

    name: Name
    low: int = -128
    high: int = 127
    shift: int | None = None
    pre: int = 0
    rounded: bool = False
    kink: bool = False
    shared: bool = False

    @property
    def key(self) -> str:
        """A part of a C identifier, the form's own."""
        parts: list[str] = [self.name]
        if self.name == "high":
            parts += ["rounded"] * self.rounded + ["kink"] * self.kink
            parts += [] if self.shift is None else [str(self.shift)]
        if (self.low, self.high) != (-128, 127):
            parts += [f"{self.low}_{self.high}".replace("-", "m")]
        return "_".join(parts)

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the C function takes after the accumulator."""
        if self.name == "high":
            return ("multiplier", "offset") + (("shift",) if self.shift is None else ())
        return ("thresholds",) if self.name == "steps" else ("multiplier", "shift", "zero_point")

    @property
    def fields(self) -> tuple[str, ...]:
        """What a channel's words hold after word 0, the bias."""
        return tuple(name for name in self.parameters if name not in self.common)

    @property
    def common(self) -> tuple[str, ...]:
        """What the layer's common words hold."""
        if self.name in ("double", "single"):
            return ("zero_point",)
        return self.parameters if self.shared else ()


@dataclass(frozen=True)
class Recipe:
    """How the accumulators of one layer become codes.

    words   int32 (C, k): word 0 starts the accumulator (the bias, possibly moved), the others are `form.fields`.
    common  int32 (k,): what all channels of the layer share, `form.common`.
    exact   channels counted by how they were matched, for the report.
    """

    form: Form
    words: Array
    common: Array
    exact: Mapping[str, int] = field(default_factory=dict)
