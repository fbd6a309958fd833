"""Random operators of ONNX with odd parameters: bounds far outside, auto_pad, constants first, empty slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx_sketch import Drawing


def same(d: Drawing) -> None:
    """A convolution with auto_pad, at times two of one weight tensor."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, channels, height, width) = value
    kernel, stride = [d.size(1, 4), d.size(1, 4)], [d.size(1, 3), d.size(1, 2)]
    style = str(d.rng.choice(["SAME_UPPER", "SAME_LOWER"]))
    weights = d.const(channels, channels, *kernel, scale=0.4)
    sizes = [-(-n // s) for n, s in zip((height, width), stride, strict=True)]
    d.add("Conv", (1, channels, *sizes), x, weights, kernel_shape=kernel, strides=stride, auto_pad=style)
    if d.chance(2) and d.values[-1][1] == (1, channels, *sizes):
        sizes = [-(-n // s) for n, s in zip(sizes, stride, strict=True)]
        last = d.values[-1][0]
        d.add("Conv", (1, channels, *sizes), last, weights, kernel_shape=kernel, strides=stride, auto_pad=style)


def spread(d: Drawing) -> None:
    """ConvTranspose with pads, output_padding and groups."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, channels, height, width) = value
    kernel, stride = [d.size(1, 4), d.size(1, 4)], [d.size(1, 3), d.size(1, 3)]
    pads = [d.size(0, k - 1) for k in (*kernel, *kernel)]
    extra = [d.size(0, s - 1) if d.chance(3) else 0 for s in stride]
    group = channels if d.chance(4) else 1
    out = d.size(1, 3)
    sizes = [
        (n - 1) * s + k - pads[a] - pads[a + 2] + extra[a]
        for a, (n, s, k) in enumerate(zip((height, width), stride, kernel, strict=True))
    ]
    weights = d.const(channels, out, *kernel, scale=0.4)
    bias = [d.const(group * out)] if d.chance(2) else []
    options: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": pads, "group": group}
    if min(sizes) > 0:
        d.add("ConvTranspose", (1, group * out, *sizes), x, weights, *bias, output_padding=extra, **options)


def edges(d: Drawing) -> None:
    """Slices with negative bounds and steps, empty ones too, and bounds far outside."""
    value = d.pick()
    assert value
    x, shape = value
    axis = d.size(0, len(shape) - 1)
    start, stop = d.size(-shape[axis] - 2, shape[axis] + 1), int(d.rng.choice([-1, 1, shape[axis], 2**31 - 1]))
    step = int(d.rng.choice([1, 1, 2, -1, 3]))
    count = len(range(shape[axis])[start:stop:step])
    sizes = (*shape[:axis], count, *shape[axis + 1 :])
    names = [d.net.const([v], np.int64) for v in (start, stop, axis - len(shape) if d.chance(2) else axis, step)]
    if count or d.chance(10):
        d.values.append((d.net.node("Slice", x, *names), sizes))
        if not count:
            d.values.pop()


def counted(d: Drawing) -> None:
    """Reshape with 0 for a kept size and -1 for the rest."""
    value = d.pick(3, 4)
    if value is None:
        return
    x, shape = value
    keep = d.size(1, len(shape) - 1)
    sizes = (*shape[:keep], int(np.prod(shape[keep:])))
    given = [0 if d.chance(2) else n for n in shape[:keep]] + [-1]
    d.add("Reshape", sizes, x, d.net.const(given, np.int64))


def reversed_constant(d: Drawing) -> None:
    """A constant first: Sub, Div, Pow, Max of a constant and a tensor; a tensor with itself."""
    value = d.pick()
    assert value
    x, shape = value
    kind = str(d.rng.choice(["Sub", "Div", "Max", "Min", "Add", "Mul"]))
    if d.chance(3):
        d.add(kind if kind != "Div" else "Sub", shape, x, x)
        return
    sizes = [1] * len(shape)
    if d.chance(2):
        axis = d.size(1, len(shape) - 1)
        sizes[axis] = shape[axis]
    d.add(kind, shape, d.const(*sizes), x)


def bounded(d: Drawing) -> None:
    """A Clip with one bound only, or both the wrong way round."""
    value = d.pick()
    assert value
    low, high = (d.net.const(b, np.float32) for b in d.rng.normal(size=2))
    bounds = [[low], ["", high], [low, high], []][d.size(0, 3)]
    d.add("Clip", value[1], value[0], *bounds)


def borders(d: Drawing) -> None:
    """Pad by reflection or by the edge; of the batch, too."""
    value = d.pick(4)
    if value is None:
        return
    x, shape = value
    amounts = [0, 0, *(d.size(0, min(2, n - 1)) for n in shape[2:])] * 2
    if d.chance(3):
        amounts = [d.size(-1, 2) if n > 2 else 0 for n in (*shape, *shape)]
    half = len(shape)
    sizes = tuple(n + amounts[a] + amounts[a + half] for a, n in enumerate(shape))
    mode = str(d.rng.choice(["reflect", "edge", "constant"]))
    if min(sizes) > 0 and sizes[0] == 1 and (mode == "constant" or min(amounts) >= 0):
        d.add("Pad", sizes, x, d.net.const(amounts, np.int64), mode=mode)


def dense_first(d: Drawing) -> None:
    """Gemm with alpha, beta and a bias of any shape; MatMul with the constant first."""
    value = d.pick(2, 3)
    if value is None:
        return
    x, shape = value
    out = d.size(1, 6)
    if len(shape) == 2 and d.chance(2):
        bias = [d.const(*[(out,), (1, out), (1,), (1, 1)][d.size(0, 3)])]
        options = {"alpha": float(d.rng.choice([1.0, 0.5, -1.0])), "beta": float(d.rng.choice([1.0, 2.0, 0.0]))}
        d.add("Gemm", (shape[0], out), x, d.const(shape[1], out, scale=0.4), *bias, **options)
    elif d.chance(2):
        d.add("MatMul", (*shape[:-2], out, shape[-1]), d.const(out, shape[-2], scale=0.4), x)
    else:
        d.add("MatMul", (*shape[:-1],), x, d.const(shape[-1], scale=0.4))


def resized(d: Drawing) -> None:
    """Resize to sizes that are no multiples."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, c, h, w) = value
    sizes = [d.size(1, 2 * h), d.size(1, 2 * w)]
    places = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
    options: dict[str, Any] = {"coordinate_transformation_mode": str(d.rng.choice(places))}
    mode = "nearest" if d.chance(2) else "linear"
    if mode == "nearest":
        options["nearest_mode"] = str(d.rng.choice(["floor", "round_prefer_floor", "round_prefer_ceil", "ceil"]))
    d.add("Resize", (1, c, *sizes), x, "", "", d.net.const([1, c, *sizes], np.int64), mode=mode, **options)


def pooled(d: Drawing) -> None:
    """Pools with auto_pad and dilations."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, c, h, w) = value
    kernel, stride = [d.size(1, min(3, h)), d.size(1, min(3, w))], [d.size(1, 2), d.size(1, 3)]
    if d.chance(2):
        style = str(d.rng.choice(["SAME_UPPER", "SAME_LOWER"]))
        sizes = [-(-n // s) for n, s in zip((h, w), stride, strict=True)]
        kind = "MaxPool" if d.chance(2) else "AveragePool"
        d.add(kind, (1, c, *sizes), x, kernel_shape=kernel, strides=stride, auto_pad=style)
    else:
        reach = [2 * (k - 1) + 1 for k in kernel]
        sizes = [(n - r) // s + 1 for n, r, s in zip((h, w), reach, stride, strict=True)]
        if min(sizes) > 0:
            d.add("MaxPool", (1, c, *sizes), x, kernel_shape=kernel, strides=stride, dilations=[2, 2])


def repeated(d: Drawing) -> None:
    """Tile or Expand."""
    value = d.pick()
    assert value
    x, shape = value
    times = [1, *(d.size(1, 2) for _ in shape[1:])]
    ones = [axis for axis, n in enumerate(shape) if n == 1 and axis > 0]
    if ones and d.chance(2):
        sizes = tuple(d.size(1, 4) if axis in ones else n for axis, n in enumerate(shape))
        d.add("Expand", sizes, x, d.net.const(sizes, np.int64))
    else:
        sizes = tuple(n * t for n, t in zip(shape, times, strict=True))
        d.add("Tile", sizes, x, d.net.const(times, np.int64))


ODD: list[Callable[[Drawing], None]] = [
    same, same, spread, edges, counted, reversed_constant, bounded, borders, dense_first, resized, pooled, repeated,
]  # fmt: skip
