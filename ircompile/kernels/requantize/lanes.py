"""What a requantization of vectors looks like in the C of Helium."""

from dataclasses import dataclass
from typing import Literal

from ircompile.qtype import INT8


@dataclass(frozen=True)
class Lanes:
    """How a vector of accumulators becomes codes: what a template must know.

    shift  "line": the immediate of the narrowing shift, None where each channel brings its own.
    extra  "line": left shift of the accumulator before the doubling multiplication.
    """

    kind: Literal["line", "twice", "float", "double", "scalar"]
    low: int = INT8.low
    high: int = INT8.high
    shift: int | None = None
    extra: int = 0
    rounded: bool = True
    kink: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """A channel's words after the bias."""
        if self.kind == "line":
            return ("multiplier", "offset", *(("shift",) if self.shift is None else ()))
        if self.kind == "twice":
            return ("multiplier", "factor")
        return {"float": ("scale",), "double": ("multiplier", "left", "right"), "scalar": ()}[self.kind]

    @property
    def adds_zero(self) -> bool:
        """Whether the C adds the output's zero point."""
        return self.kind in ("twice", "float", "double")

    @property
    def words(self) -> int:
        """int32 words of a channel."""
        return 1 + len(self.fields)

    @property
    def key(self) -> str:
        """A part of a C identifier."""
        marks = ["kink"] * self.kink + ([] if self.shift is None else [str(self.shift)])
        return "_".join([self.kind, *marks])
