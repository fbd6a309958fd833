"""Kernel, stride, padding and dilation of convolutions and pools, from ONNX attributes."""

from __future__ import annotations

from collections.abc import Sequence

from ircompile.errors import CompileError
from ircompile.importers.onnx.model import Raw
from ircompile.ir.ops import Window


def spatial(raw: Raw, rank: int) -> int:
    """1 or 2 spatial axes of an N x C x ... tensor; raises CompileError otherwise."""
    if rank not in (3, 4):
        raise CompileError(raw.where, f"works on a tensor of rank {rank}", "1 or 2 spatial axes: rank 3 or 4")
    return rank - 2


def window(raw: Raw, kernel: Sequence[int], size: Sequence[int], pool: bool = False) -> Window:
    """The window of a convolution or pool over `size` (spatial sizes); one spatial axis becomes the width."""
    count = len(kernel)
    strides = raw.ints("strides", (1,) * count)
    dilations = raw.ints("dilations", (1,) * count)
    if min(*strides, *dilations, *kernel) < 1:
        raise CompileError(
            raw.where, f"kernel {tuple(kernel)}, strides {strides}, dilations {dilations}", "1 and more"
        )
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    before, after = padding(raw, reach, strides, size)
    if pool and raw.get("ceil_mode", 0):
        after = [_ceiled(n, b, a, r, s) for n, b, a, r, s in zip(size, before, after, reach, strides, strict=True)]
    if count == 1:
        return Window((1, kernel[0]), (1, strides[0]), (0, 0, before[0], after[0]), (1, dilations[0]))
    return Window(
        (kernel[0], kernel[1]), (strides[0], strides[1]),
        (before[0], after[0], before[1], after[1]), (dilations[0], dilations[1]),
    )  # fmt: skip


def padding(
    raw: Raw, reach: Sequence[int], strides: Sequence[int], size: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Padding before and after on each spatial axis."""
    mode, count = raw.get("auto_pad", "NOTSET") or "NOTSET", len(reach)
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        total = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(size, strides, reach, strict=True)]
        small = [t // 2 for t in total]
        large = [t - t // 2 for t in total]
        return (small, large) if mode == "SAME_UPPER" else (large, small)
    if mode not in ("NOTSET", "VALID"):
        raise CompileError(raw.where, f"auto_pad {mode!r}", "NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    pads = raw.ints("pads", (0,) * (2 * count)) if mode == "NOTSET" else (0,) * (2 * count)
    if min(pads) < 0:
        raise CompileError(raw.where, f"pads {pads}", "padding of 0 and more")
    return list(pads[:count]), list(pads[count:])


def _ceiled(size: int, before: int, after: int, reach: int, stride: int) -> int:
    """Padding after, enlarged so that rounding down gives ceil_mode's output: windows start inside of the map."""
    count = -(-(size + before + after - reach) // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return max((count - 1) * stride + reach - size - before, after if count < 1 else 0)
