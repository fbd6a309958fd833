"""Random TFLite operators with weights or windows, in any geometry that the format allows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tflite_drawing import Chain
from tflite_files import T


def scale(c: Chain) -> float:
    """A scale: often one that users meet, now and then a power of two, or one far off."""
    kind = c.below(8)
    if kind == 0:
        return float(2.0 ** c.rng.integers(-10, 2))
    spread = (-7.0, 1.0) if kind == 1 else (-4.0, -1.0)
    return float(np.float32(np.exp(c.rng.uniform(*spread))))


def zero(c: Chain, dtype: str) -> int:
    """A zero point: at an end, in the middle, or any."""
    info = np.iinfo(dtype)
    middle = (info.min + info.max + 1) // 2
    return [info.min, info.max, middle, int(c.rng.integers(info.min, info.max + 1))][c.below(4)]


def fresh(c: Chain, x: int, shape: tuple[int, ...]) -> int:
    """A new tensor of the type of `x`, quantized anew."""
    dtype = c.tensors[x].dtype
    c.tensors.append(T(shape, dtype, scale(c), zero(c, dtype)))
    return len(c.tensors) - 1


def picture(c: Chain, x: int) -> bool:
    shape = c.shape(x)
    return len(shape) == 4 and shape[0] == 1


def window(c: Chain, x: int, dilated: bool) -> tuple[dict[str, Any], tuple[int, int], tuple[int, int]]:
    """Options of a window, its kernel, and the size of what it gives; sizes of 0 and less where it does not fit."""
    size = c.shape(x)[1:3]
    kernel = [1 + c.below(min(5, n + 2)) for n in size]
    stride = [1 + c.below(3) if c.chance(2) else 1 for _ in size]
    dilation = [1 + c.below(3) if dilated and c.chance(3) else 1 for _ in size]
    if max(dilation) > 1 and max(stride) > 1:
        dilation = [1, 1]
    padding = c.below(2)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    out = [-(-n // s) if padding == 0 else (n - r) // s + 1 for n, s, r in zip(size, stride, reach, strict=True)]
    options = {
        "Padding": padding,
        "StrideH": stride[0],
        "StrideW": stride[1],
        "FusedActivationFunction": c.below(4),
    }
    if dilated:
        options |= {"DilationHFactor": dilation[0], "DilationWFactor": dilation[1]}
    return options, (kernel[0], kernel[1]), (out[0], out[1])


def weights(c: Chain, x: int, shape: tuple[int, ...], count: int, axis: int) -> tuple[list[int], float | Any]:
    """Weights and, often, a bias; int8 a tensor or a channel, or uint8 with any zero point."""
    if c.tensors[x].dtype == "uint8":
        values = c.rng.integers(0, 256, shape)
        one = scale(c) / 8
        made = [c.constant(values, "uint8", one, int(c.rng.integers(0, 256)))]
        scales: Any = np.full(1, one)
    else:
        values = c.rng.choice([-128, -127, 127], shape) if c.chance(6) else c.rng.integers(-128, 128, shape)
        many = np.exp(c.rng.uniform(-9, -3, count)) if c.chance(2) else np.full(1, scale(c) / 8)
        c.tensors.append(T(shape, "int8", many.astype(np.float32), 0, values.astype(np.int8), axis=axis))
        made, scales = [len(c.tensors) - 1], many
    if not c.chance(4):
        limit = int(10 ** c.rng.uniform(1, 5))
        bias = c.rng.integers(-limit, limit + 1, count)
        made.append(c.constant(bias, "int32", (np.float32(c.tensors[x].scale) * scales.astype(np.float32))))
    return made, scales


def convolution(c: Chain, x: int) -> None:
    if not picture(c, x):
        return
    depth, deep = c.shape(x)[3], c.tensors[x].dtype == "int8" and c.chance(2)
    options, kernel, size = window(c, x, True)
    if min(size) < 1:
        return
    if deep:
        multiplier = 1 + c.below(3) if c.chance(3) else 1
        count = depth * multiplier
        shape: tuple[int, ...] = (1, *kernel, count)
        kind, options = "DEPTHWISE_CONV_2D", options | {"DepthMultiplier": multiplier}
    else:
        groups = [g for g in range(1, depth + 1) if depth % g == 0]
        group = groups[c.below(len(groups))] if c.chance(4) and c.tensors[x].dtype == "int8" else 1
        count = group * (1 + c.below(9 if group == 1 else 3))
        shape, kind = (count, *kernel, depth // group), "CONV_2D"
    made, _ = weights(c, x, shape, count, 3 if deep else 0)
    c.add(kind, [x, *made], [fresh(c, x, (1, *size, count))], **options)


def twins(c: Chain, x: int) -> None:
    """Two 1 x 1 convolutions of one weight tensor, with and without a bias."""
    if not picture(c, x) or c.tensors[x].dtype == "uint8":
        return
    depth = c.shape(x)[3]
    made, _ = weights(c, x, (depth, 1, 1, depth), depth, 0)
    options = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    y = fresh(c, x, c.shape(x))
    c.add("CONV_2D", [x, *made], [y], **options)
    c.add("CONV_2D", [y, made[0]], [fresh(c, x, c.shape(x))], FusedActivationFunction=c.below(4), **options)


def dense(c: Chain, x: int) -> None:
    shape = c.shape(x)
    depth = shape[-1] if c.chance(2) else math.prod(shape)
    count, rows = 1 + c.below(8), math.prod(shape) // depth
    made, _ = weights(c, x, (count, depth), count, 0)
    keep = depth == shape[-1] and c.chance(2)
    output = (*shape[:-1], count) if keep else (rows, count)
    options = {"FusedActivationFunction": c.below(4), "KeepNumDims": keep}
    c.add("FULLY_CONNECTED", [x, *made], [fresh(c, x, output)], **options)


def pool(c: Chain, x: int) -> None:
    if not picture(c, x):
        return
    options, kernel, size = window(c, x, False)
    if min(size) > 0:
        y = c.moved(x, (1, *size, c.shape(x)[3]))
        options |= {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
        c.add(["MAX_POOL_2D", "AVERAGE_POOL_2D"][c.below(2)], [x], [y], **options)


def spread(c: Chain, x: int) -> None:
    """TRANSPOSE_CONV."""
    if not picture(c, x) or c.tensors[x].dtype == "uint8":
        return
    _, height, width, depth = c.shape(x)
    kernel, stride = [1 + c.below(4), 1 + c.below(4)], [1 + c.below(3), 1 + c.below(3)]
    padding, count = c.below(2), 1 + c.below(4)
    size = [
        n * s if padding == 0 else n * s + max(k - s, 0)
        for n, s, k in zip((height, width), stride, kernel, strict=True)
    ]
    made, _ = weights(c, x, (count, *kernel, depth), count, 0)
    y = fresh(c, x, (1, *size, count))
    options = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    c.add("TRANSPOSE_CONV", [c.constant([1, *size, count]), made[0], x, *made[1:]], [y], **options)
