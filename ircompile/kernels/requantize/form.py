"""What a requantization looks like in C: a form, its immediates, and the words each channel brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ircompile.tensor import Array

Name = Literal["high", "double", "single", "steps"]
FIELDS: dict[str, tuple[str, ...]] = {
    "double": ("multiplier", "shift"),
    "single": ("multiplier", "shift"),
    "steps": ("thresholds",),
}


@dataclass(frozen=True)
class Form:
    """A shape of code; two layers of equal form share it.

    name     long forms: "double" and "single" (TFLite's arithmetic with a 64-bit product), "steps" (a binary
             search of 255 thresholds: any monotone function, no multiply).
    low, high  the clamp.
    """

    name: Name
    low: int = -128
    high: int = 127

    @property
    def key(self) -> str:
        """A C identifier part that is the form's own."""
        clamp = "" if (self.low, self.high) == (-128, 127) else f"_{self.low}_{self.high}".replace("-", "m")
        return self.name + clamp

    @property
    def fields(self) -> tuple[str, ...]:
        """What a channel's words hold after word 0, the bias."""
        return FIELDS[self.name]

    @property
    def common(self) -> tuple[str, ...]:
        """What the layer's common words hold."""
        return ("zero_point",) if self.name in ("double", "single") else ()


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
