"""Random TFLite networks of every supported operator: one a seed.

The operators of `tflite_chains` and all others, in any geometry that the format allows: windows, scales and zero
points at their ends, int8 and uint8 in one network, operands twice, shared weights, outputs that are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from tflite_chains import RULES
from tflite_drawing import ELEMENTS, Chain, fits
from tflite_files import T
from tflite_layers import convolution, dense, fresh, picture, pool, scale, spread, twins, zero

FUNCTIONS = ("RELU", "RELU6", "RELU_N1_TO_1", "ABS", "LEAKY_RELU", "HARD_SWISH", "ELU", "LOGISTIC", "TANH")


def function(c: Chain, x: int) -> None:
    kind, dtype = FUNCTIONS[c.below(len(FUNCTIONS))], c.tensors[x].dtype
    if dtype == "uint8" and kind in ("ABS", "ELU", "RELU_N1_TO_1"):
        kind = "LOGISTIC"
    if kind in ("LOGISTIC", "TANH"):
        quantized = (1 / 256, -128) if kind == "LOGISTIC" else (1 / 128, 0)
        c.tensors.append(T(c.shape(x), dtype, quantized[0], quantized[1] + 128 * (dtype == "uint8")))
        y = len(c.tensors) - 1
    else:
        y = c.moved(x, c.shape(x)) if c.chance(3) or kind == "RELU6" else fresh(c, x, c.shape(x))
    c.add(kind, [x], [y], **({"Alpha": float(c.rng.uniform(-1, 1.5))} if kind == "LEAKY_RELU" else {}))


def requantize(c: Chain, x: int) -> None:
    """QUANTIZE to another scale or type."""
    y = fresh(c, x, c.shape(x))
    other = ["int8", "uint8"][c.below(2)]
    if c.chance(2):
        kept = c.tensors[x].zero + 128 * ((other == "uint8") - (c.tensors[x].dtype == "uint8"))
        c.tensors[y] = replace(c.tensors[y], dtype=other, scale=c.tensors[x].scale, zero=kept)
    else:
        c.tensors[y] = replace(c.tensors[y], dtype=other, zero=zero(c, other))
    c.add("QUANTIZE", [x], [y])


def softmax(c: Chain, x: int) -> None:
    dtype = c.tensors[x].dtype
    c.tensors.append(T(c.shape(x), dtype, 1 / 256, 0 if dtype == "uint8" else -128))
    beta = [1.0, 1.0, 0.5, 3.0][c.below(4)]
    c.add("SOFTMAX", [x], [len(c.tensors) - 1], Beta=beta)


def resize(c: Chain, x: int) -> None:
    if not picture(c, x):
        return
    _, height, width, channels = c.shape(x)
    size = [height * (1 + c.below(3)), width * 2] if c.chance(2) else [1 + c.below(9), 1 + c.below(9)]
    corners, half = [(False, False), (True, False), (False, True)][c.below(3)]
    kind = ["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"][c.below(2)]
    y = c.moved(x, (1, *size, channels))
    c.add(kind, [x, c.constant(size)], [y], AlignCorners=corners, HalfPixelCenters=half)


def blocks(c: Chain, x: int) -> None:
    if not picture(c, x):
        return
    _, height, width, channels = c.shape(x)
    size = 2 + c.below(2)
    if channels % size**2 == 0:
        y = c.moved(x, (1, height * size, width * size, channels // size**2))
        c.add("DEPTH_TO_SPACE", [x], [y], BlockSize=size)
    elif height % size == 0 and width % size == 0:
        y = c.moved(x, (1, height // size, width // size, channels * size**2))
        c.add("SPACE_TO_DEPTH", [x], [y], BlockSize=size)


def arithmetic(c: Chain, x: int) -> None:
    """ADD, SUB, MUL, MINIMUM, MAXIMUM of values, itself, or constants, in either order."""
    shape, tensor = c.shape(x), c.tensors[x]
    kind = ["ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM"][c.below(5)]
    fitting = [v for v in c.values if fits(c.shape(v), shape) and c.tensors[v].dtype == tensor.dtype]
    raw = kind in ("MINIMUM", "MAXIMUM")
    if raw:
        fitting = [v for v in fitting if c.quantization(v) == c.quantization(x)]
    if c.chance(2):
        other = fitting[c.below(len(fitting))]
    else:
        trimmed = shape[c.below(len(shape)) if c.chance(2) else 0 :]
        sizes = tuple(1 if c.chance(3) else size for size in trimmed)
        info = np.iinfo(tensor.dtype)
        values = c.rng.integers(info.min, info.max + 1, sizes)
        quantized = c.quantization(x) if raw else (scale(c), zero(c, tensor.dtype))
        other = c.constant(values, tensor.dtype, *quantized)
    pair = [other, x] if c.chance(2) else [x, other]
    y = c.moved(x, shape) if raw else fresh(c, x, shape)
    c.add(kind, pair, [y], **({} if raw else {"FusedActivationFunction": c.below(4)}))


def rectifier(c: Chain, x: int) -> None:
    """PRELU with a slope for all, a channel, or an element."""
    shape, dtype = c.shape(x), c.tensors[x].dtype
    if len(shape) != 4:
        return
    sizes = [(1, 1, 1), (1, 1, shape[3]), shape[1:]][c.below(3)]
    info = np.iinfo(dtype)
    slopes = c.constant(c.rng.integers(info.min, info.max + 1, sizes), dtype, scale(c), zero(c, dtype))
    c.add("PRELU", [x, slopes], [fresh(c, x, shape)])


def joined(c: Chain, x: int) -> None:
    """CONCATENATION of values of any scale."""
    shape, dtype = c.shape(x), c.tensors[x].dtype
    axis = c.below(len(shape))
    rest = (*shape[:axis], *shape[axis + 1 :])
    fitting = [
        v for v in c.values
        if len(c.shape(v)) == len(shape) and (*c.shape(v)[:axis], *c.shape(v)[axis + 1 :]) == rest
        and c.tensors[v].dtype == dtype and (dtype == "uint8" or c.quantization(v) == c.quantization(x))
    ]  # fmt: skip
    parts = [fitting[c.below(len(fitting))] for _ in range(1 + c.below(3))] + [x]
    total = (*shape[:axis], sum(c.shape(v)[axis] for v in parts), *shape[axis + 1 :])
    y = fresh(c, x, total) if dtype == "uint8" else c.moved(x, total)
    c.add("CONCATENATION", parts, [y], Axis=axis)


def copies(c: Chain, x: int) -> None:
    """TILE, which TensorFlow Lite Micro has not."""
    shape = c.shape(x)
    times = [1 + c.below(3) if c.chance(2) else 1 for _ in shape]
    output = tuple(n * t for n, t in zip(shape, times, strict=True))
    if len(shape) < 5 and math.prod(output) < ELEMENTS:
        c.add("TILE", [x, c.constant(times)], [c.moved(x, output)])


def index(c: Chain, x: int) -> None:
    """ARG_MAX or ARG_MIN over the last axis; nothing reads it."""
    shape = c.shape(x)
    if len(shape) > 1:
        axis = c.constant(len(shape) - 1)
        c.tensors.append(T(shape[:-1], "int32"))
        kind = ["ARG_MAX", "ARG_MIN"][c.below(2)]
        c.add(kind, [x, axis], [len(c.tensors) - 1], OutputType=2)
        c.values.pop()


def real(c: Chain, x: int) -> None:
    """DEQUANTIZE; nothing reads it."""
    c.tensors.append(T(c.shape(x), "float32"))
    c.add("DEQUANTIZE", [x], [len(c.tensors) - 1])
    c.values.pop()


def gather(c: Chain, x: int) -> None:
    """GATHER of any indices on any axis, or of a single one."""
    shape = c.shape(x)
    axis = c.below(len(shape))
    single = c.chance(4) and len(shape) > 1
    indices = c.rng.integers(0, shape[axis], () if single else 1 + c.below(6))
    output = (*shape[:axis], *indices.shape, *shape[axis + 1 :])
    c.add("GATHER", [x, c.constant(indices)], [c.moved(x, output)], Axis=axis)


def normalize(c: Chain, x: int) -> None:
    """L2_NORMALIZATION."""
    if c.tensors[x].dtype == "int8":
        c.tensors.append(T(c.shape(x), "int8", 1 / 128, 0))
        c.add("L2_NORMALIZATION", [x], [len(c.tensors) - 1])


OTHERS: tuple[Callable[[Chain, int], None], ...] = (
    convolution, convolution, convolution, convolution, twins, dense, dense, pool, pool, function, function,
    requantize, softmax, resize, spread, blocks, arithmetic, arithmetic, rectifier, joined, copies, index, real,
    gather, normalize,
)  # fmt: skip


def draw_any(seed: int) -> Chain:
    """The network of a seed: up to 7 operators on one or two inputs, maps more often than not."""
    rng = np.random.default_rng([seed, 77])
    dtype = "uint8" if rng.integers(5) == 0 else "int8"
    c = Chain(rng, dtype, 0)
    for _ in range(1 + c.chance(4)):
        sizes = (1 + c.below(9), 1 + c.below(9), [1 + c.below(9), 4, 8, 16, 17][c.below(5)])
        shape = (1, *sizes) if not c.chance(5) else sizes[: 1 + c.below(3)]
        kind = dtype if not c.chance(6) else "int8"
        c.tensors.append(T(shape, kind, scale(c), zero(c, kind)))
        if c.chance(4):  # a float end
            c.tensors.append(replace(c.tensors[-1]))
            c.tensors[-2] = T(shape, "float32")
            c.inputs.append(len(c.tensors) - 2)
            c.add("QUANTIZE", [len(c.tensors) - 2], [len(c.tensors) - 1])
        else:
            c.inputs.append(len(c.tensors) - 1)
            c.values.append(len(c.tensors) - 1)
    c.values += [index for op in c.ops for index in op.outputs if index not in c.values]
    wanted, rules = len(c.ops) + 1 + c.below(7), (*OTHERS, *OTHERS, *RULES)
    while len(c.ops) < wanted:
        newest = c.values[-1 - c.below(min(3, len(c.values)))]
        source = newest if not c.chance(5) else c.values[c.below(len(c.values))]
        if math.prod(c.shape(source)) <= ELEMENTS and len(c.shape(source)) > 0:
            c.dtype, c.zero = c.tensors[source].dtype, c.tensors[source].zero
            rules[c.below(len(rules))](c, source)
    return c
