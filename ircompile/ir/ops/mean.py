"""Mean, or sum, over the rows, the columns or both, accumulated while rows pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import clamp_problem, mbqm, quantization_problem, quantize_multiplier, round_half_even
from ircompile.ir.ops.op import Const, of_one_type
from ircompile.ir.ops.ranges import Range, hull, looked_up, shift_wraps
from ircompile.ir.ops.reduction import Reduction
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8, INT16, INT32


@dataclass(frozen=True)
class Lookup:
    """A table of codes: `name` of an int8 constant (256,), and how the codes in it are quantized."""

    name: str
    scale: float
    zero_point: int

    def problem(self) -> str:
        """What number is out of its range; "" where none is."""
        return quantization_problem(self.scale, self.zero_point)


@dataclass(frozen=True)
class Mean(Reduction):
    """Mean over `axes` ("h", "w" or "hw"), requantized from the input's to the output's scale.

    "integer" (TFLite `reference/reduce.h`): k = min(floor(log2 n), 32, 31 + s), m' = (m << k) / n, s' = s - k,
    out = zp + mbqm(sum - n * zp_in, m', s') with (m, s) of s_in / s_out. "float32_even" (ONNX Runtime):
    rint(float32(sum - n * zp_in) * (s_in / (n * s_out))) + zp. "code" (TFLite AVERAGE_POOL_2D over a whole
    map): (sum +- n/2) / n of the raw codes, truncating; "code_up" the same of uint8 codes, which is
    floor((sum + n/2) / n). "sum" is the sum of raw codes itself, int16 or int32, for other means to be made of.
    With `lookup`, the mean is of what the table holds for the input's codes.
    """

    axes: Literal["h", "w", "hw"] = "hw"
    rounding: Literal["integer", "float32_even", "code", "code_up", "sum"] = "integer"
    low: int = INT8.low
    high: int = INT8.high
    lookup: Lookup | None = None

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input; axes height, width or both; fewer than 2^23 (int8) or 2^15 elements a mean.

        A "sum" is int16 or int32.
        """
        if self.lookup is not None and consts[self.lookup.name].shape != (INT8.count,):
            raise CompileError(
                self.lookup.name, f"table of shape {consts[self.lookup.name].shape}", f"{INT8.count} entries"
            )
        check_count(inputs[0].name, self.count(inputs[0]), inputs[0])
        return super().infer(inputs, consts)

    def check(self, site: Site) -> None:
        source, output = site.inputs[0], site.output
        if self.rounding == "sum" and self.count(source) * -source.qtype.low > output.qtype.high:
            raise CompileError(
                source.name, f"sum of {self.count(source)} codes", f"one that {output.dtype} can hold"
            )

    def elements(self, source: Tensor) -> int:
        """Elements of the input that one output is made of."""
        return (source.height if "h" in self.axes else 1) * (source.width if "w" in self.axes else 1)

    def count(self, source: Tensor) -> int:
        """Codes that one mean takes."""
        return self.elements(source)

    def sum_bytes(self, site: Site) -> int:
        """Bytes of int32 sums that live from the first step to the last."""
        return 4 * site.output.width * site.output.channels if self.keeps_rows(site) else 0

    def accumulate(self, site: Site, state: Array, step: int, rows: Sequence[Array]) -> Array | None:
        sums, last = state.view(np.int32), step == site.inputs[0].height - 1
        total = self.partial(site, rows[0]).astype(np.int32).reshape(-1)
        sums[:] = total if step == 0 else sums + total
        return self.finish(site, sums.astype(np.int64).reshape(site.output.shape[1:])) if last else None

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        source, codes = self.source(site), inputs[0]
        if self.lookup is not None:
            codes = looked_up(site.consts[self.lookup.name], codes)
        sums = [bound * self.elements(source) for bound in codes]
        low, high = hull(*(self.finish(site, total) for total in sums))
        if self.rounding == "integer":
            start = self.count(source) * source.zero_point
            largest = np.maximum(np.abs(sums[0] - start), np.abs(sums[1] - start))
            wraps = shift_wraps(largest, self.multiplier(site)[1])
            low, high = np.where(wraps, self.low, low), np.where(wraps, self.high, high)
        return low, high

    def takes(self, inputs: set[str], output: str) -> bool:
        if self.rounding == "sum":
            return inputs in ({INT8.name}, {INT16.name}) and output in (INT16.name, INT32.name) and not self.lookup
        return of_one_type(inputs, output) and (self.lookup is None or output == INT8.name)

    def constants(self) -> tuple[Const, ...]:
        return (Const(self.lookup.name, 1),) if self.lookup else ()

    def problem(self) -> str:
        return clamp_problem(self.low, self.high)

    def factors(self, site: Site) -> Array:
        ratio = np.float64(self.source(site).scale) / np.float64(site.output.scale)
        return np.array([ratio]) if self.rounding == "integer" else super().factors(site)

    def exact(self, site: Site, inputs: Sequence[Array]) -> Array | None:
        axes = tuple(axis for axis, letter in enumerate("hw") if letter in self.axes)
        mean = self.codes(site, inputs[0]).astype(np.float64).mean(axis=axes, keepdims=True)
        return np.asarray((mean - self.source(site).zero_point) * self.source(site).scale)

    def source(self, site: Site) -> Tensor:
        """What the mean is of: the input, quantized as the table's codes are where there is one."""
        source, lookup = site.inputs[0], self.lookup
        return replace(source, scale=lookup.scale, zero_point=lookup.zero_point) if lookup else source

    def codes(self, site: Site, codes: Array) -> Array:
        """Codes as the mean sees them, any shape."""
        return site.consts[self.lookup.name][codes.astype(int) - INT8.low] if self.lookup else codes

    def partial(self, site: Site, row: Array) -> Array:
        """int64 sums (W_out, C) that one input row (W, C) adds."""
        wide = self.codes(site, row).astype(np.int64)
        return wide.sum(axis=0, keepdims=True) if "w" in self.axes else wide

    def finish(self, site: Site, total: Array) -> Array:
        """Codes of the int64 sums of raw codes."""
        source, target, n = self.source(site), site.output, self.count(site.inputs[0])
        if self.rounding == "sum":
            return total.astype(target.dtype)
        if self.rounding == "code":
            mean = np.where(total > 0, (total + n // 2) // n, -((n // 2 - total) // n))
        elif self.rounding == "code_up":
            mean = (total + n // 2) // n
        elif self.rounding == "float32_even":
            factor = np.float32(source.scale) / (np.float32(n) * np.float32(target.scale))
            mean = round_half_even((total - n * source.zero_point).astype(np.float32) * factor) + target.zero_point
        else:
            mean = mbqm(total - n * source.zero_point, *self.multiplier(site)) + target.zero_point
        return np.clip(mean, self.low, self.high).astype(target.dtype)

    def multiplier(self, site: Site) -> tuple[int, int]:
        """Q31 multiplier and shift of the "integer" rounding, the division by n folded in."""
        source, target, n = self.source(site), site.output, self.count(site.inputs[0])
        m, s = (int(v) for v in quantize_multiplier(np.float64(source.scale) / np.float64(target.scale)))
        k = min(n.bit_length() - 1, 32, 31 + s)
        return (m << k) // n, s - k

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        if "h" in self.axes:
            rows = inputs[0].take(0, site.inputs[0].height)
            total = sum((self.partial(site, row) for row in rows), np.zeros((1, 1), np.int64))
            return self.finish(site, total)[np.newaxis]
        return np.stack([self.finish(site, self.partial(site, row)) for row in inputs[0].take(start, stop)])


@dataclass(frozen=True)
class MeanOfSums(Mean):
    """The mean of `of` codes of the output's type, of which the elements of the input are sums: see `Mean`."""

    of: int = 1

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int32 input, sums of codes; axes height, width or both; int8 or int16 comes out."""
        return Reduction.infer(self, inputs, consts)

    def check(self, site: Site) -> None:
        check_count(site.inputs[0].name, self.of, site.output)

    def count(self, source: Tensor) -> int:
        return self.of

    def takes(self, inputs: set[str], output: str) -> bool:
        return inputs == {INT32.name} and output in (INT8.name, INT16.name)

    def problem(self) -> str:
        if self.of < 1 or self.rounding == "sum" or self.lookup is not None:
            return f"of {self.of} codes, rounding {self.rounding}, lookup {self.lookup}"
        return super().problem()


def check_count(where: str, count: int, codes: Tensor) -> None:
    """Raises CompileError where a sum of so many codes like those of a tensor may not fit int32."""
    bits = 31 - 8 * codes.itemsize
    if count >= 2**bits:
        raise CompileError(where, f"mean of {count} elements", f"fewer than 2^{bits}")
