"""Resizing of height and width, to the nearest pixel or bilinearly."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import ChannelByChannel, Op, of_one_type
from ircompile.ir.ops.ranges import Range
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import FLIP, INT8

ResizeKind = Literal["nearest", "nearest_onnx", "bilinear", "bilinear_float32", "bilinear_onnx"]
ONE = 1 << 10
TIE = 1e-5
"""A position that is so near to the middle between two lines is taken for the middle, as ONNX Runtime does."""


@dataclass(frozen=True)
class Resize(ChannelByChannel):
    """The map at another size; codes keep their quantization.

    "nearest": floor((i + offset) * scale) in float32, round() with `align_corners`; offset 0.5 with `half_pixel`.
    "bilinear" (TFLite int8): positions with 10 fractional bits, weights exact in 2^-20, rounded half away from
    zero. "bilinear_float32" (TFLite uint8): positions and weights in float32, codes taken as uint8, floor(x + 0.5).
    "bilinear_onnx": each position exact and rounded to 2^-10, then as "bilinear"; within one code of ONNX Runtime.
    `rounding` is another there where ONNX Runtime resizes codes: "floor" of uint8, "truncate" of int8.
    "nearest_onnx": each position in float32, with `rounding` "floor", "ceil", "prefer_floor" or "prefer_ceil".
    """

    off_by_one: ClassVar[bool] = True

    kind: ResizeKind
    size: tuple[int, int]
    align_corners: bool = False
    half_pixel: bool = False
    rounding: Literal["nearest", "floor", "truncate", "ceil", "prefer_floor", "prefer_ceil"] = "nearest"

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """One int8 input, or int16 to the nearest; sizes up to 2^15; align_corners or half_pixel when bilinear."""
        if not self.kind.startswith("nearest") and self.align_corners and self.half_pixel:
            raise CompileError(inputs[0].name, "both align_corners and half_pixel_centers", "one of them")
        if max(*self.size, inputs[0].height, inputs[0].width) >= 2**15:
            raise CompileError(inputs[0].name, f"resize to {self.size}", "sizes below 32768")
        for size, target in zip(inputs[0].shape, self.size, strict=False):
            if target < 1 or self.positions(target - 1, size, target)[0] >= size:
                raise CompileError(inputs[0].name, f"resize of {size} to {target}", "positions inside of the map")
        return (*self.size, inputs[0].channels)

    def needs(self, site: Site, step: int) -> tuple[tuple[int, int], ...]:
        lower, upper, _ = self.positions(step, site.inputs[0].height, site.output.height)
        return ((min(lower, upper), max(lower, upper) + 1),)

    def takes(self, inputs: set[str], output: str) -> bool:
        return of_one_type(inputs, output) and (self.kind.startswith("nearest") or output == INT8.name)

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """Each code is one of the map, or a rounded mean of some."""
        return inputs[0]

    def is_identity(self, site: Site) -> bool:
        return not (self.align_corners and self.half_pixel)  # with both, even an equal size shifts the map

    def resized(self, before: Shape, after: Shape, output: Shape) -> Op:
        height, width = (_in_proportion(self.size[axis], before[axis], after[axis]) for axis in (0, 1))
        return replace(self, size=(height, width))

    def positions(self, index: int, size: int, target: int) -> tuple[int, int, float]:
        """The two source lines of a target line, and how far it lies from the first towards the second.

        The distance is in 2^-10 for "bilinear" and "bilinear_onnx", a float32 for "bilinear_float32", 0 for
        "nearest".
        """
        corners = self.align_corners and target > 1
        if self.kind.endswith("_onnx"):
            half = 0.5 if self.half_pixel else 0.0
            if self.kind == "nearest_onnx":
                growth = np.float32(target) / np.float32(size)
                exact = float((np.float32(index) + np.float32(half)) / growth - np.float32(half))
                if self.align_corners:
                    exact = float(np.float32(index * (size - 1)) / np.float32(max(target - 1, 1)))
                line = min(max(self._rounded(exact), 0), size - 1)
                return line, line, 0
            exact = (index + half) * ((size - 1) / (target - 1) if corners else size / target) - half
            exact = min(max(exact, 0.0), size - 1.0)
            return int(exact), min(int(exact) + 1, size - 1), round(ONE * (exact - int(exact)))
        if self.kind == "bilinear":
            scale = (ONE * (size - 1) + (target - 1) // 2) // (target - 1) if corners else 0
            scale = scale if corners else (ONE * size + target // 2) // target
            value = index * scale + (scale // 2 - ONE // 2 if self.half_pixel else 0)
            lower = max(int(value / ONE), 0)  # truncates, as C does
            return lower, min(int((value + ONE - 1) / ONE), size - 1), value - ONE * lower
        ratio = np.float32(size - 1) / np.float32(target - 1) if corners else np.float32(size) / np.float32(target)
        centre = np.float32(0.5 if self.half_pixel else 0)
        if self.kind == "nearest":
            place = (np.float32(index) + centre) * ratio
            # with align_corners, round half away from zero; the place is never negative
            found = int(np.floor(float(place) + 0.5)) if self.align_corners else int(np.floor(place))
            found = max(min(found, size - 1), 0)
            return found, found, 0
        place = (np.float32(index) + centre) * ratio - centre
        lower = max(int(np.floor(place)), 0)
        return lower, min(int(np.ceil(place)), size - 1), float(place - np.float32(lower))

    def _rounded(self, exact: float) -> int:
        """The line nearest to a position, in the sense of `rounding`."""
        match self.rounding:
            case "ceil":
                return math.ceil(exact)
            case "prefer_floor":
                return math.ceil(exact - 0.5 - TIE)
            case "prefer_ceil":
                return math.floor(exact + 0.5 + TIE)
            case _:
                return math.floor(exact)

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        source, target = site.inputs[0], site.output
        columns = [self.positions(x, source.width, target.width) for x in range(target.width)]
        left, right = ([column[k] for column in columns] for k in (0, 1))
        across = np.array([column[2] for column in columns])[:, np.newaxis]
        out = np.empty((stop - start, *target.shape[1:]), target.dtype)
        for row in range(start, stop):
            upper, lower, down = self.positions(row, source.height, target.height)
            above, below = inputs[0].take(upper, upper + 1)[0], inputs[0].take(lower, lower + 1)[0]
            corners = (above[left], below[left], above[right], below[right])
            out[row - start] = above[left] if self.kind.startswith("nearest") else self._mix(corners, down, across)
        return out

    def _mix(self, corners: tuple[Array, Array, Array, Array], down: float, across: Array) -> Array:
        """The weighted mean of (above left, below left, above right, below right) codes, as int8."""
        if self.kind != "bilinear_float32":
            x, y = across.astype(np.int64), int(down)
            weights = ((ONE - y) * (ONE - x), y * (ONE - x), (ONE - y) * x, y * x)
            total = sum(
                (c.astype(np.int64) * w for c, w in zip(corners, weights, strict=True)), np.zeros(1, np.int64)
            )
            if self.rounding == "floor":
                return (total >> 20).astype(np.int8)
            half = 1 << 19 if self.rounding == "nearest" else 0
            return np.where(total > 0, (total + half) >> 20, -((half - total) >> 20)).astype(np.int8)
        y32, x32, one = np.float32(down), across.astype(np.float32), np.float32(1)
        parts = ((one - y32, one - x32), (y32, one - x32), (one - y32, x32), (y32, x32))
        real = np.zeros(1, np.float32)
        for codes, (vertical, horizontal) in zip(corners, parts, strict=True):
            real = real + (codes.astype(np.float32) + np.float32(FLIP)) * vertical * horizontal
        return (np.floor(real + np.float32(0.5)) - FLIP).astype(INT8.dtype)


def _in_proportion(size: int, before: int, after: int) -> int:
    scaled, rest = divmod(size * after, before)
    if rest:
        raise CompileError("", f"{size} of {before} is no whole number of {after}")
    return scaled
