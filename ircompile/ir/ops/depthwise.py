"""Depthwise convolution with any channel multiplier."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import Requant
from ircompile.ir.ops.borders import window_classes
from ircompile.ir.ops.convolution import Convolution
from ircompile.ir.ops.window import Window, Windowed
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor, integers


@dataclass(frozen=True)
class Depthwise(Convolution, Windowed):
    """Output channel o reads input channel o // multiplier only.

    `weights` names an int8 or int16 constant (kh, kw, C_out), `bias` an int32 or int64 one (C_out,).
    """

    window: Window
    weights: str
    bias: str
    requant: Requant
    weight_rank: ClassVar[int] = 3
    channel_axis: ClassVar[int] = 2

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input; any kernel, stride, padding, dilation and channel multiplier."""
        weights = consts[self.weights]
        channels = inputs[0].channels
        if weights.ndim != 3 or weights.shape[:2] != self.window.kernel or weights.shape[2] % channels:
            raise CompileError(
                self.weights,
                f"weights of shape {weights.shape} do not fit kernel {self.window.kernel} on {channels} channels",
                "kh x kw x C_out with C_out a multiple of the input's channels",
            )
        height, width = self.window.output_size(inputs[0].height, inputs[0].width)
        return height, width, weights.shape[2]

    def macs(self, site: Site) -> int:
        kh, kw = self.window.kernel
        return site.output.height * site.output.width * site.output.channels * kh * kw

    def sums(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        source, weights = site.inputs[0], integers(site.consts[self.weights])
        windows = self.window.gather(inputs[0], start, stop, source.height, source.zero_point)
        acc = np.zeros((stop - start, site.output.width, site.output.channels), np.int64)
        multiplier = site.output.channels // source.channels
        kh, kw = self.window.kernel
        for y in range(kh):
            for x in range(kw):
                tap = windows[:, :, y, x].astype(np.int64) - source.zero_point
                acc += np.repeat(tap, multiplier, axis=-1) * weights[y, x]
        return np.asarray(acc + integers(site.consts[self.bias]))

    def tap_classes(self, site: Site) -> tuple[Array, Array]:
        return window_classes(self.window, site.inputs[0])

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        multiplier = site.output.channels // site.inputs[0].channels
        return (np.arange(site.output.channels) // multiplier,)

    def _weighed(self, weights: Array, spread: Array) -> tuple[Array, Array, Array]:
        spread = np.repeat(spread, weights.shape[2] // spread.shape[1], axis=1)
        radius, bound = np.abs(weights) * spread[1:, np.newaxis, np.newaxis]
        return weights * spread[0], radius, bound
