"""Random small float ONNX networks: every operator of the importer, in any order that shapes allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx_layouts import LAYOUT
from onnx_sketch import Drawing, Shape

from ircompile.ir.tensor import Array

FUNCTIONS = [
    "Relu",
    "Sigmoid",
    "Tanh",
    "LeakyRelu",
    "HardSigmoid",
    "Elu",
    "Abs",
    "Neg",
    "Softplus",
    "Erf",
    "Sqrt",
    "Exp",
]
PLACES = ["half_pixel", "asymmetric", "align_corners"]


def out_size(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    return (size + before + after - (kernel - 1) * dilation - 1) // stride + 1


def window(d: Drawing, shape: Shape, dilated: bool = True) -> tuple[dict[str, Any], list[int]]:
    """Attributes of a window over the axes behind N x C, and the sizes that it leaves."""
    spatial = shape[2:]
    kernel = [d.size(1, min(4, n + 1)) for n in spatial]
    strides = [d.size(1, 3) for _ in spatial]
    dilations = [d.size(1, 2) if dilated and d.chance(3) else 1 for _ in spatial]
    pads = [d.size(0, max(k - 1, 0)) if d.chance(2) else 0 for k in [*kernel, *kernel]]
    half = len(spatial)
    sizes = [
        out_size(n, k, s, i, pads[a], pads[a + half])
        for a, (n, k, s, i) in enumerate(zip(spatial, kernel, strides, dilations, strict=True))
    ]
    found: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    return found | ({"dilations": dilations} if dilated else {}), sizes


def conv(d: Drawing) -> None:
    value = d.pick(4, 3)
    if value is None:
        return
    x, shape = value
    attributes, sizes = window(d, shape)
    channels = shape[1]
    group = channels if d.chance(3) else 1 if channels % 2 or d.chance(2) else 2
    out = group * d.size(1, 2 if group > 1 else 9)
    weights = d.const(out, channels // group, *attributes["kernel_shape"], scale=0.4)
    bias = [d.const(out)] if d.chance(2) else []
    if min(sizes) > 0:
        d.add("Conv", (1, out, *sizes), x, weights, *bias, group=group, **attributes)


def conv_transpose(d: Drawing) -> None:
    value = d.pick(4)
    if value is None:
        return
    x, shape = value
    kernel, strides, out = [d.size(1, 3), d.size(1, 3)], [d.size(1, 2), d.size(1, 2)], d.size(1, 5)
    sizes = [(n - 1) * s + k for n, s, k in zip(shape[2:], strides, kernel, strict=True)]
    weights = d.const(shape[1], out, *kernel, scale=0.4)
    bias = [d.const(out)] if d.chance(2) else []
    d.add("ConvTranspose", (1, out, *sizes), x, weights, *bias, kernel_shape=kernel, strides=strides)


def dense(d: Drawing) -> None:
    value = d.pick(2, 3, 4)
    if value is None:
        return
    x, shape = value
    out = d.size(1, 9)
    if len(shape) == 2 and d.chance(2):
        turned = d.chance(2)
        weights = d.const(*((out, shape[1]) if turned else (shape[1], out)), scale=0.4)
        d.add("Gemm", (1, out), x, weights, *([d.const(out)] if d.chance(2) else []), transB=int(turned))
    else:
        d.add("MatMul", (*shape[:-1], out), x, d.const(shape[-1], out, scale=0.4))


def function(d: Drawing) -> None:
    value = d.pick()
    assert value
    kind = str(d.rng.choice(FUNCTIONS))
    if kind == "LeakyRelu":
        d.add(kind, value[1], value[0], alpha=float(d.rng.uniform(0, 0.5)))
    else:
        d.add(kind, value[1], value[0])


def clip(d: Drawing) -> None:
    value = d.pick()
    assert value
    bounds = [d.net.const(b, np.float32) for b in sorted(d.rng.normal(size=2))]
    d.add("Clip", value[1], value[0], *bounds)


def hard_swish(d: Drawing) -> None:
    value = d.pick()
    assert value
    x = value[0]
    if d.net.opset >= 14 and d.chance(2):
        d.add("HardSwish", value[1], x)
    else:
        d.add("Mul", value[1], x, d.net.node("Sigmoid", x))


def number(d: Drawing, shape: Shape) -> Array:
    """A constant that broadcasts: of one number, along one axis, or of every element."""
    sizes = [1] * d.size(1, len(shape) - 1)
    if not d.chance(3):
        axis = d.size(1, len(sizes))
        sizes[-axis] = shape[-axis]
    if d.chance(8):
        sizes = list(shape[1:])
    return d.net.normal(*sizes, scale=1.0)


def with_constant(d: Drawing) -> None:
    value = d.pick()
    assert value
    x, shape = value
    kind = str(d.rng.choice(["Add", "Sub", "Mul", "Div", "Max", "Min"]))
    operands = [x, d.net.const(number(d, shape))]
    if kind in ("Add", "Mul", "Sub") and d.chance(3):
        operands.reverse()
    d.add(kind, shape, *operands)


def of_two(d: Drawing) -> None:
    value = d.pick()
    assert value
    x, shape = value
    fitting = [
        v
        for v in d.values
        if len(v[1]) == len(shape) and all(b in (1, a) for a, b in zip(shape, v[1], strict=True))
    ]
    y, _ = fitting[int(d.rng.integers(len(fitting)))]
    if y != x:
        kind = str(d.rng.choice(["Add", "Add", "Mul", "Sub", "Max", "Min"]))
        d.add(kind, shape, *((x, y) if d.chance(2) else (y, x)))


def normalization(d: Drawing) -> None:
    value = d.pick(4, 3)
    if value is None:
        return
    x, shape = value
    count = shape[1]
    variance = d.net.const(d.rng.uniform(0.05, 3, count), np.float32)
    d.add("BatchNormalization", shape, x, d.const(count), d.const(count), d.const(count), variance)


def rectifier(d: Drawing) -> None:
    value = d.pick(4, 3)
    assert value or d.values
    if value is None:
        return
    x, shape = value
    sizes = [shape[1], *([1] * (len(shape) - 2))] if not d.chance(4) else [1]
    d.add("PRelu", shape, x, d.const(*sizes, scale=0.4))


def pool(d: Drawing) -> None:
    value = d.pick(4, 3)
    if value is None:
        return
    x, shape = value
    attributes, sizes = window(d, shape, dilated=False)
    kind = "MaxPool" if d.chance(2) else "AveragePool"
    if kind == "AveragePool" and d.chance(2):
        attributes["count_include_pad"] = 1
    if d.chance(4) and min(sizes) > 0:
        pads, half = attributes["pads"], len(sizes)
        steps = zip(shape[2:], attributes["kernel_shape"], attributes["strides"], range(half), strict=True)
        sizes = [-(-(n + pads[a] + pads[a + half] - k) // s) + 1 for n, k, s, a in steps]
        attributes["ceil_mode"] = 1
        sizes = [
            n - 1 if (n - 1) * s >= size + before else n
            for n, s, size, before in zip(sizes, attributes["strides"], shape[2:], pads[:half], strict=True)
        ]
    if min(sizes) > 0:
        d.add(kind, (1, shape[1], *sizes), x, **attributes)


def global_pool(d: Drawing) -> None:
    value = d.pick(4)
    if value is None:
        return
    d.add("GlobalMaxPool" if d.chance(3) else "GlobalAveragePool", (1, value[1][1], 1, 1), value[0])


def resize(d: Drawing) -> None:
    value = d.pick(4)
    if value is None:
        return
    x, (_, c, h, w) = value
    factors = [int(d.rng.choice([1, 2, 2, 3, 4])), int(d.rng.choice([1, 2, 2, 4]))]
    scales = d.net.const([1, 1, *factors], np.float32)
    linear = d.chance(2)
    rest: dict[str, Any] = {"coordinate_transformation_mode": str(d.rng.choice(PLACES))}
    if not linear:
        rest["nearest_mode"] = str(d.rng.choice(["floor", "round_prefer_floor", "round_prefer_ceil", "ceil"]))
    d.add(
        "Resize",
        (1, c, h * factors[0], w * factors[1]),
        x,
        "",
        scales,
        mode="linear" if linear else "nearest",
        **rest,
    )


def softmax(d: Drawing) -> None:
    value = d.pick()
    assert value
    d.add("Softmax", value[1], value[0], axis=d.size(1, len(value[1]) - 1) - (len(value[1]) if d.chance(2) else 0))


COMPUTED: list[Callable[[Drawing], None]] = [
    conv, conv, conv, dense, dense, function, function, clip, hard_swish, with_constant, of_two, normalization,
    rectifier, pool, global_pool, resize, softmax, conv_transpose,
]  # fmt: skip


def draw(seed: int) -> Drawing:
    """A network of one to eight operators; every second one of many layout operators."""
    d = Drawing(seed)
    kinds = LAYOUT * (3 if seed % 2 else 1) + COMPUTED
    for _ in range(d.size(1, 8)):
        kinds[int(d.rng.integers(len(kinds)))](d)
    if len(d.values) == 1:
        function(d)
    return d
