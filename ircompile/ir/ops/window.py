"""The geometry of a sliding window, shared by convolution, depthwise convolution and pooling."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.limits import LARGEST, TAPS, WORK
from ircompile.ir.ops.op import Op, RowRange
from ircompile.ir.tensor import Array, Rows, Shape, Site, Tensor


@dataclass(frozen=True)
class Window:
    """Kernel size, stride and dilation as (vertical, horizontal); padding as (top, bottom, left, right)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    @classmethod
    def same(
        cls,
        size: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int] = (1, 1),
    ) -> Window:
        """The window with TensorFlow's SAME padding on a map of `size` rows and columns."""
        padding = list[int]()
        for length, k, s, d in zip(size, kernel, stride, dilation, strict=True):
            total = max((-(-length // s) - 1) * s + (k - 1) * d + 1 - length, 0)
            padding += [total // 2, total - total // 2]
        return cls(kernel, stride, (padding[0], padding[1], padding[2], padding[3]), dilation)

    def problem(self) -> str:
        """What number is out of its range; "" where none is."""
        if min(*self.kernel, *self.stride, *self.dilation) < 1 or min(self.padding) < 0:
            return f"kernel, stride or dilation below 1, or padding below 0: {self}"
        if max(*self.kernel, *self.stride, *self.dilation, *self.padding) > LARGEST:
            return f"sizes above {LARGEST}: {self}"
        return ""

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns that one window spans, holes of a dilated kernel included."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output; not positive where the window does not fit."""
        top, bottom, left, right = self.padding
        reach_h, reach_w = self.reach
        rows = (height + top + bottom - reach_h) // self.stride[0] + 1
        columns = (width + left + right - reach_w) // self.stride[1] + 1
        return rows, columns

    def rows_needed(self, row: int, height: int) -> tuple[int, int]:
        """Input rows [first, stop) that output row `row` reads, clipped to those that exist.

        Those in the holes of a dilated kernel count: other output rows read them, so they are kept in any case.
        """
        first = row * self.stride[0] - self.padding[0]
        stop = min(first + self.reach[0], height)
        first = max(first, 0)
        return (first, stop) if first < stop else (min(first, height), min(first, height))

    def covers(self, height: int, width: int) -> bool:
        """Whether one window without padding is exactly the whole map."""
        return self.kernel == (height, width) and self.padding == (0, 0, 0, 0) and self.dilation == (1, 1)

    def resized(self, before: Shape, after: Shape) -> Window:
        """The window on a map of another size: as large as the map again, if it was, else the same."""
        return replace(self, kernel=after[:2]) if self.kernel == before[:2] else self

    def gather(self, rows: Rows, start: int, stop: int, height: int, fill: int) -> Array:
        """All windows of output rows [start, stop): (stop-start, W_out, kh, kw, C), padding filled with `fill`."""
        top, _, left, right = self.padding
        reach_h, reach_w = self.reach
        first, last = start * self.stride[0] - top, (stop - 1) * self.stride[0] - top + reach_h
        lo, hi = min(max(first, 0), height), min(max(last, 0), height)
        data = rows.take(lo, hi) if hi > lo else rows.data[:0]
        above, below = (lo - first, last - hi) if hi > lo else (last - first, 0)
        data = np.pad(data, ((above, below), (left, right), (0, 0)), constant_values=np.array(fill, data.dtype))
        windows = np.lib.stride_tricks.sliding_window_view(data, (reach_h, reach_w), axis=(0, 1))
        windows = windows[:: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        return np.asarray(windows[: stop - start].transpose(0, 1, 3, 4, 2))


class Windowed(Op):
    """An op that slides a window over its one input."""

    window: Window

    def needs(self, site: Site, step: int) -> tuple[RowRange, ...]:
        return (self.window.rows_needed(step, site.inputs[0].height),)

    def of_rows(self, source: Tensor, start: int, stop: int) -> Op:
        stride, reach = self.window.stride[0], self.window.reach[0]
        above = max(self.window.padding[0] - start * stride, 0)
        below = max((stop - 1) * stride - self.window.padding[0] + reach - source.height, 0)
        window = replace(self.window, padding=(above, below, *self.window.padding[2:]))
        return replace(self, window=window)  # type: ignore[call-arg]  # all ops with windows have one

    def codes_read(self, site: Site) -> int:
        """Codes that all windows together take in."""
        kh, kw = self.window.kernel
        return site.output.height * site.output.width * kh * kw * site.inputs[0].channels

    def check(self, site: Site) -> None:
        """Raises CompileError where borders are too much to look at, or windows to simulate."""
        window, source = self.window, site.inputs[0]
        for axis, size in enumerate((source.height, source.width)):
            kernel, reach, stride = window.kernel[axis], window.reach[axis], window.stride[axis]
            before, after = window.padding[2 * axis : 2 * axis + 2]
            if min(size + before + after, before + after + 2 * reach) // stride * kernel > TAPS:
                raise CompileError(
                    "", f"kernel {window.kernel}, padding {window.padding}", "smaller windows or padding"
                )
        if self.codes_read(site) > WORK:
            raise CompileError("", f"its windows take in {self.codes_read(site):,} codes", f"up to {WORK:,}")


def window_of(op: Op) -> Window:
    """The window of an op that slides one."""
    assert isinstance(op, Windowed), op
    return op.window
