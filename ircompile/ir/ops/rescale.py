"""A code at another scale: QUANTIZE between types, and rectifiers, where a table of codes would be too large."""

from dataclasses import dataclass

import numpy as np

from ircompile.ir.numerics import clamp_problem, mbqm, quantize_multiplier
from ircompile.ir.ops.op import ChannelByChannel, RowByRow
from ircompile.ir.ops.ranges import Range, hull, shift_wraps
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor, integers


@dataclass(frozen=True)
class Rescale(RowByRow, ChannelByChannel):
    """zy + mbqm(x - zx, positive), below zx zy + sign(negative) * mbqm(x - zx, |negative|); clamped to [low, high].

    TFLite's QUANTIZE has one factor for both sides, the quotient of the scales; LEAKY_RELU has two.
    """

    positive: float
    negative: float
    low: int
    high: int

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8, int16 or int32 input of any shape; the output is int8 or int16."""
        return inputs[0].shape

    def combine(self, site: Site, codes: Array) -> Array:
        """Codes of int64 codes of the input: all that the op is."""
        x = codes - site.inputs[0].zero_point
        above = mbqm(x, *quantize_multiplier(self.positive))
        below = int(np.sign(self.negative)) * mbqm(x, *quantize_multiplier(abs(self.negative)))
        out = np.where(x >= 0, above, below) + site.output.zero_point
        return np.clip(out, self.low, self.high).astype(site.output.dtype)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        return self.combine(site, integers(inputs[0].take(start, stop)))

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """Monotone on either side of the zero point."""
        (source,), codes = site.inputs, inputs[0]
        if any(shift_wraps(source.qtype.span, quantize_multiplier(factor)[1]) for factor in self.factors(site)):
            return np.full_like(codes[0], self.low), np.full_like(codes[1], self.high)
        turns = [np.clip(source.zero_point + step, *codes) for step in (-1, 0)]
        return hull(*(self.combine(site, code) for code in (*codes, *turns)))

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs <= {"int8", "int16", "int32"} and output in ("int8", "int16")

    def problem(self) -> str:
        return clamp_problem(self.low, self.high) if self.positive > 0 else f"factor {self.positive}"

    def factors(self, site: Site) -> Array:
        return np.array([self.positive, abs(self.negative)])

    def is_identity(self, site: Site) -> bool:
        return self.positive == self.negative == 1.0 and (self.low, self.high) == site.output.qtype.range
