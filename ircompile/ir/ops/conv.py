"""Convolution; a fully connected layer is one of kernel 1 x 1 on a map of one pixel."""

from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import Requant
from ircompile.ir.ops.borders import window_classes
from ircompile.ir.ops.convolution import DenseConvolution
from ircompile.ir.ops.op import Op
from ircompile.ir.ops.window import Window, Windowed
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor, integers

AT_ONCE = 2**23
"""Codes of windows that the simulation gathers at once: 64 MB as float64."""


@dataclass(frozen=True)
class Conv(DenseConvolution, Windowed):
    """acc[o] = bias[o] + sum (x - zero_point) * weights[o]; the output is its requantization.

    `weights` names an int8 or int16 constant (C_out, kh, kw, C_in) whose own zero point is subtracted already;
    `bias` an int32 or int64 constant (C_out,). Padding reads as the input's zero point.
    """

    window: Window
    weights: str
    bias: str
    requant: Requant

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input; any kernel, stride, padding and dilation; weights for its channel count."""
        weights = consts[self.weights]
        if weights.ndim != 4 or weights.shape[1:3] != self.window.kernel or weights.shape[3] != inputs[0].channels:
            raise CompileError(
                self.weights,
                f"weights of shape {weights.shape} do not fit kernel {self.window.kernel} on "
                f"{inputs[0].channels} channels",
                "C_out x kh x kw x C_in",
            )
        height, width = self.window.output_size(inputs[0].height, inputs[0].width)
        return height, width, weights.shape[0]

    def passes(self, output: Tensor, pixels: int) -> int:
        return output.height * -(-output.width // pixels)

    def macs(self, site: Site) -> int:
        kh, kw = self.window.kernel
        return site.output.height * site.output.width * site.output.channels * kh * kw * site.inputs[0].channels

    def sums(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        source, weights = site.inputs[0], site.consts[self.weights]
        windows = self.window.gather(inputs[0], start, stop, source.height, source.zero_point)
        # float64 is exact here: |sum| < 2^16 * 2^15 * K stays far below 2^53, and BLAS is quick.
        matrix = weights.reshape(len(weights), -1).astype(np.float64).T
        total = np.empty((stop - start, site.output.width, len(weights)), np.int64)
        width = max(1, min(site.output.width, AT_ONCE // weights[0].size))
        height = max(1, AT_ONCE // (weights[0].size * site.output.width))
        for y in range(0, stop - start, height):
            for x in range(0, site.output.width, width):
                block = windows[y : y + height, x : x + width]
                flat = block.reshape(*block.shape[:2], -1).astype(np.float64) - source.zero_point
                total[y : y + height, x : x + width] = flat @ matrix
        return np.asarray(total + integers(site.consts[self.bias]))

    def tap_classes(self, site: Site) -> tuple[Array, Array]:
        return window_classes(self.window, site.inputs[0])

    def codes_read(self, site: Site) -> int:
        return super().codes_read(site) * site.output.channels

    def resized(self, before: Shape, after: Shape, output: Shape) -> Op:
        if self.window.kernel == before[:2] and output[:2] == (1, 1):
            raise CompileError("", "its kernel spans the whole map", "size-independent ops")
        return self
