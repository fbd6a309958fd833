"""Requantizations that are one rounded product, compared as functions: no threshold is looked at.

Such a requantization is floor((factor * accumulator + offset) / 2^shift), clamped. All values of factor *
accumulator are multiples of the factor's lowest bit that is set; what an offset has below it never counts. So two
of them are one function where factors are equal over a common denominator and offsets are equal down to that bit.
Codes of 16 bits may have 65,535 thresholds a channel; this looks at two accumulators of each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ircompile.checks.forms import HALF_WORD, Words
from ircompile.ir.numerics import Requant, quantize_multiplier, reduced_multiplier
from ircompile.ir.tensor import Array
from ircompile.qtype import INT32

UNITS = 32  # bits of a product below its high word


class Line(NamedTuple):
    """floor((factor * accumulator + offset) / 2^shift), in Python's integers, which do not wrap."""

    factor: int
    offset: int
    shift: int

    def value(self, accumulator: int) -> int:
        """Its value, before it is clamped."""
        return (self.factor * accumulator + self.offset) >> self.shift

    def of(self, sign: int, moved: int) -> Line:
        """The line of x at accumulators of which x = sign * accumulator + moved."""
        return Line(sign * self.factor, self.offset + self.factor * moved, self.shift)


def same(a: Line, b: Line) -> bool:
    """Whether two lines are one function of all integers. Where it says no they may still agree on some."""
    shift = max(a.shift, b.shift)
    (first, x), (second, y) = (
        (line.factor << shift - line.shift, line.offset << shift - line.shift) for line in (a, b)
    )
    if first != second:
        return False
    lowest = min(first & -first, 1 << shift) or 1 << shift
    return x // lowest == y // lowest


def reference_lines(requant: Requant, scale: Array) -> list[Line] | None:
    """What a rounding is, channel by channel; None for one that rounds twice, or floats."""
    if requant.rounding not in ("wide", "single"):
        return None
    multiplier, left = quantize_multiplier(scale)
    top = 31
    if requant.rounding == "wide":
        multiplier, top = reduced_multiplier(multiplier), 15
    return [
        Line(int(m), (1 << (top - 1 - int(s))) + (requant.zero_point << (top - int(s))), top - int(s))
        for m, s in zip(multiplier, left, strict=True)
    ]


def lines_of(words: Words, channels: int) -> list[Line] | None:
    """What a form computes, channel by channel; None for what is not one line throughout."""
    form = words.form
    if form.kink or form.exceptions or form.name not in ("high", "split", "single", "wide"):
        return None
    values = {name: np.broadcast_to(value, channels).tolist() for name, value in words.values.items()}
    each = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    if form.name in ("single", "wide"):
        shifts = [31 - v["shift"] if form.name == "single" else v["shift"] for v in each]
        return [
            Line(v["multiplier"], (1 << (shift - 1)) + (v["zero_point"] << shift), shift)
            for v, shift in zip(each, shifts, strict=True)
        ]
    lines = []
    for v in each:
        unit, factor, half = UNITS, v.get("multiplier", 0), HALF_WORD if form.rounded else 0
        if form.name == "split":
            unit, factor = form.limb * (form.parts - 1), v["upper"] << form.limb
            factor = (factor + v["middle"] << form.limb if form.parts == 3 else factor) + v["lower"]
        shift, pre, fraction = v.get("shift", form.shift or 0), v.get("pre", form.pre), v.get("fraction", 0)
        lines.append(Line(factor << pre, factor * fraction + (v["offset"] << unit) + half, unit + shift))
    return lines


def steps_between(requant: Requant, line: Line, low: int, high: int) -> tuple[int, int] | None:
    """The codes at the ends of an interval; None where the value of an end leaves int32."""
    ends = line.value(low), line.value(high)
    if not all(INT32.low <= end <= INT32.high for end in ends):
        return None
    first, last = (min(max(end, requant.low), requant.high) for end in ends)
    return first, last
