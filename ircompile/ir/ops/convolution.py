"""What the convolutions have in common: weights, biases, and sums that are requantized."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.ops.borders import class_sums
from ircompile.ir.ops.limits import WIDE_SHIFT, WIDE_SUM, check_multiplier
from ircompile.ir.ops.op import Const, Op, of_one_type
from ircompile.ir.ops.ranges import Range, requantized, wrapped
from ircompile.ir.tensor import Array, Rows, Site


class Convolution(Op):
    """An op that sums products of codes and weights, adds a bias and requantizes the sum.

    `weights` names an int8 or int16 constant with an output channel for each index of axis `channel_axis`.
    """

    weights: str
    bias: str
    requant: Requant
    weight_rank: ClassVar[int] = 4
    channel_axis: ClassVar[int] = 0

    @abstractmethod
    def sums(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        """int64 accumulators, bias added, of output rows [start, stop)."""

    @abstractmethod
    def tap_classes(self, site: Site) -> tuple[Array, Array]:
        """Distinct rows of taps that meet the map, as from `borders.window_classes`."""

    def with_parts(self, weights: str, bias: str, requant: Requant) -> Convolution:
        """The same convolution of other weights."""
        parts: dict[str, Any] = {"weights": weights, "bias": bias, "requant": requant}
        return replace(self, **parts)

    def along(self, values: Array) -> Array:
        """Values (C_out,) as they broadcast over the weights."""
        return np.expand_dims(values, [axis for axis in range(self.weight_rank) if axis != self.channel_axis])

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        codes = requantize(self.sums(site, inputs, start, stop), self.requant, site.consts)
        return codes.astype(site.output.dtype)

    def sum_bounds(self, site: Site, codes: Range) -> tuple[Range, Array]:
        """Bounds of the sum with its bias, and a bound of |any partial sum|, in whatever order it is added up."""
        source, bias = site.inputs[0], site.consts[self.bias].astype(np.int64)
        low, high = (bound - source.zero_point for bound in codes)
        # An input in [low, high] is (low + high) / 2 +- (high - low) / 2; doubled, all sums are integers, exact in
        # float64: below 2^17 * 2^15 * the taps.
        spread = np.stack([low + high, high - low, np.maximum(np.abs(low), np.abs(high))]).astype(np.float64)
        middle, radius, bound = self._weighed(site.consts[self.weights].astype(np.float64), spread)
        ends = np.stack([middle - radius, middle + radius], axis=-1).astype(np.int64) // 2
        sums = class_sums(ends, self.tap_classes(site))
        magnitude = bound.sum(axis=(0, 1)).astype(np.int64) + np.abs(bias)
        return (sums[..., 0].min(axis=0) + bias, sums[..., 1].max(axis=0) + bias), magnitude

    @abstractmethod
    def _weighed(self, weights: Array, spread: Array) -> tuple[Array, Array, Array]:
        """Sums over input channels, (kh, kw, C_out): weights times spread[0], then |weights| times the others."""

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        sums, _ = self.sum_bounds(site, inputs[0])
        return requantized(self.accumulated(sums), self.requant, site.consts)

    def accumulated(self, sums: Range) -> Range:
        """The interval of accumulators that hold sums of an interval: those of 32 bits wrap, those of 64 do not."""
        return sums if self.requant.rounding == "wide" else wrapped(sums)

    def takes(self, inputs: set[str], output: str) -> bool:
        return of_one_type(inputs, output)

    def constants(self) -> tuple[Const, ...]:
        return (
            Const(self.weights, self.weight_rank, ("int8", "int16")),
            Const(self.bias, 1, ("int32", "int64") if self.requant.rounding == "wide" else ("int32",)),
            Const(self.requant.scale, 1, ("float64",)),
        )

    def check(self, site: Site) -> None:
        """Raises CompileError unless there is a bias and a finite scale for each output channel."""
        bias, scale = site.consts[self.bias], site.consts[self.requant.scale]
        count = site.consts[self.weights].shape[self.channel_axis]
        if bias.shape != (count,) or scale.shape != (count,):
            raise CompileError(self.weights, f"{bias.size} biases, {scale.size} scales", f"{count} of each")
        if not np.isfinite(scale).all():
            raise CompileError(self.requant.scale, "has a scale that is no number", "finite scales")
        if self.requant.rounding == "wide":
            self._check_wide(site)
        super().check(site)

    def _check_wide(self, site: Site) -> None:
        """Raises CompileError for what TFLite's arithmetic of int64 accumulators does not define."""
        bias, scale, source = site.consts[self.bias], site.consts[self.requant.scale], site.inputs[0]
        if np.any(scale < 0):
            raise CompileError(self.requant.scale, "holds a negative scale of sums of 64 bits", "positive scales")
        check_multiplier(scale, WIDE_SHIFT)
        weights = np.moveaxis(site.consts[self.weights].astype(np.float64), self.channel_axis, 0)
        farthest = max(abs(end - source.zero_point) for end in source.qtype.range)
        sums = np.abs(bias.astype(np.float64)) + farthest * np.abs(weights).reshape(len(bias), -1).sum(axis=1)
        if np.any(sums >= WIDE_SUM):
            channel = int(np.argmax(sums))
            raise CompileError(
                self.bias, f"a sum of channel {channel} can reach {sums[channel]:.4g} with its bias",
                "sums below 2^47 where biases have 64 bits",
                "a bias that large comes of a weight scale near 0: a dead channel, to be left out of the model",
            )  # fmt: skip

    def factors(self, site: Site) -> Array:
        fixed = self.requant.rounding in ("double", "single")
        return site.consts[self.requant.scale] if fixed else super().factors(site)

    def exact(self, site: Site, inputs: Sequence[Array]) -> Array | None:
        if self.requant.rounding != "float32_even":
            return None
        sums = self.sums(site, [Rows(codes) for codes in inputs], 0, site.output.height)
        return np.asarray(sums * site.consts[self.requant.scale] * site.output.scale)


class DenseConvolution(Convolution):
    """A convolution whose weights (C_out, kh, kw, C_in) take all input channels to each output channel."""

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return None

    def _weighed(self, weights: Array, spread: Array) -> tuple[Array, Array, Array]:
        middle = weights @ spread[0]
        radius, bound = np.moveaxis(np.abs(weights) @ spread[1:].T, -1, 0)
        middle, radius, bound = (sums.transpose(1, 2, 0) for sums in (middle, radius, bound))
        return middle, radius, bound
