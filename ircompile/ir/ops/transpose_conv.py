"""Transposed convolution, which makes maps larger."""

from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import Requant
from ircompile.ir.ops.borders import transposed_classes
from ircompile.ir.ops.convolution import DenseConvolution
from ircompile.ir.ops.limits import LARGEST, TAPS
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor, integers


@dataclass(frozen=True)
class TransposeConv(DenseConvolution):
    """Input pixel (y, x) adds x * weights to output rows y * stride - padding ... + kernel, columns likewise.

    `weights` names an int8 or int16 constant (C_out, kh, kw, C_in), `bias` an int32 or int64 one (C_out,);
    `padding` is what is cut off at the top and on the left, `size` the output's height and width.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    weights: str
    bias: str
    requant: Requant

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 or int16 input; any kernel, stride, padding and output size."""
        weights = consts[self.weights]
        if weights.ndim != 4 or weights.shape[3] != inputs[0].channels or min(*self.stride, *self.size) < 1:
            raise CompileError(
                self.weights,
                f"weights of shape {weights.shape} on {inputs[0].channels} channels, stride {self.stride}",
                "C_out x kh x kw x C_in, strides of 1 and more",
            )
        return (*self.size, weights.shape[0])

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        """The rows y whose y * stride - padding ... + kernel cover the output row."""
        kernel, height = site.consts[self.weights].shape[1], site.inputs[0].height
        place = step + self.padding[0]
        first = min(max(-(-(place - kernel + 1) // self.stride[0]), 0), height)
        stop = min(max(place // self.stride[0] + 1, 0), height)
        return ((first, max(first, stop)),)

    def passes(self, output: Tensor, pixels: int) -> int:
        return output.height * output.width

    def macs(self, site: Site) -> int:
        _, kh, kw, _ = site.consts[self.weights].shape
        source = site.inputs[0]
        return source.height * source.width * source.channels * kh * kw * site.output.channels

    def sums(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        weights, source, target = integers(site.consts[self.weights]), site.inputs[0], site.output
        _, kh, kw, _ = weights.shape
        acc = np.zeros((stop - start, target.width, target.channels), np.int64)
        for row in range(start, stop):
            first, last = self.needs(site, row)[0]
            for y in range(first, last):
                codes = inputs[0].take(y, y + 1)[0].astype(np.int64) - source.zero_point
                ky = row + self.padding[0] - y * self.stride[0]
                for kx in range(kw if 0 <= ky < kh else 0):
                    places = np.arange(source.width) * self.stride[1] - self.padding[1] + kx
                    inside = (places >= 0) & (places < target.width)
                    acc[row - start, places[inside]] += codes[inside] @ weights[:, ky, kx].T
        return np.asarray(acc + integers(site.consts[self.bias]))

    def tap_classes(self, site: Site) -> tuple[Array, Array]:
        kernel, source = site.consts[self.weights].shape[1:3], site.inputs[0]
        vertical, horizontal = (
            transposed_classes(
                self.size[axis], source.shape[axis], kernel[axis], self.stride[axis], self.padding[axis]
            )
            for axis in (0, 1)
        )
        return vertical, horizontal

    def problem(self) -> str:
        sizes = (*self.size, *self.stride, *map(abs, self.padding))
        return f"sizes above {LARGEST}" if max(sizes) > LARGEST else ""

    def check(self, site: Site) -> None:
        """Raises CompileError where the borders are too much to look at."""
        super().check(site)
        kernel = site.consts[self.weights].shape[1:3]
        if max(size * taps for size, taps in zip(self.size, kernel, strict=True)) > TAPS * 16:
            raise CompileError("", f"kernel {kernel} on {self.size}", "smaller kernels")
