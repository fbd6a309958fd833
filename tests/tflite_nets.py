"""Random small TFLite networks of convolutions, pools, functions and ends of other types: one a seed."""

from __future__ import annotations

import numpy as np
from tflite_drawing import Chain, with_size
from tflite_files import T

FUNCTIONS = ("RELU", "RELU6", "ABS", "LEAKY_RELU", "HARD_SWISH", "ELU")


def _layer(c: Chain, x: int) -> int:
    """One more operator on a map; its output."""
    shape = c.shape(x)
    kind = c.below(7)
    if kind < 2:
        count, kernel = 1 + c.below(5), (1 + c.below(3), 1 + c.below(3))
        weights = c.constant(c.rng.integers(-127, 128, (count, *kernel, shape[3])), "int8", np.full(count, 0.02))
        y = c.codes(with_size(shape, 3, count), 0.1, c.below(40) - 20)
        options = {"StrideW": 1, "StrideH": 1, "DilationWFactor": 1 + c.below(2), "DilationHFactor": 1}
        c.add("CONV_2D", [x, weights, c.constant(c.rng.integers(-900, 900, count), "int32", 0.001)], [y], **options)
        return y
    if kind == 2:
        kernel = (1 + c.below(3), 1 + c.below(3))
        weights = c.constant(c.rng.integers(-127, 128, (1, *kernel, shape[3])), "int8", 0.02)
        y = c.codes(shape, 0.1, c.below(40) - 20)
        options = {"StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1, "DepthMultiplier": 1}
        c.add("DEPTHWISE_CONV_2D", [x, weights], [y], FusedActivationFunction=c.below(4), **options)
        return y
    if kind == 3:
        pool = {"StrideW": 1, "StrideH": 1, "FilterWidth": 1 + c.below(3), "FilterHeight": 1 + c.below(3)}
        y = c.moved(x, shape)
        c.add(["MAX_POOL_2D", "AVERAGE_POOL_2D"][c.below(2)], [x], [y], **pool)
        return y
    if kind == 4:
        y = c.codes(shape, 0.08, 4)
        name = FUNCTIONS[c.below(len(FUNCTIONS))]
        c.add(name, [x], [y], **({"Alpha": 0.2} if name == "LEAKY_RELU" else {}))
        return y
    if kind == 5:
        y = c.moved(x, (1, shape[1] * 2, shape[2] * 2, shape[3]))
        c.add("RESIZE_NEAREST_NEIGHBOR", [x, c.constant([shape[1] * 2, shape[2] * 2])], [y])
        return y
    other = c.constant(c.rng.integers(-128, 128, shape[3:]), "int8", 0.05, 3)
    y = c.codes(shape, 0.1, -7)
    c.add(["ADD", "MUL", "SUB"][c.below(3)], [x, other], [y])
    return y


def network(seed: int) -> Chain:
    """A chain of up to four layers on a small map, often with a dense layer and a float end."""
    rng = np.random.default_rng(seed)
    c = Chain(rng, "int8", 5)
    x = c.codes((1, 2 + c.below(6), 2 + c.below(6), 1 + c.below(4)), 0.05, 5)
    c.inputs.append(x)
    c.values.append(x)
    if c.chance(3):
        c.tensors[x] = T(c.shape(x), "float32")
        y = c.codes(c.shape(x), 0.05, 5)
        c.add("QUANTIZE", [x], [y])
        x = y
    for _ in range(1 + c.below(4)):
        if np.prod(c.shape(x)) < 4000:
            x = _layer(c, x)
    if c.chance(2):
        depth = int(np.prod(c.shape(x)))
        weights = c.constant(c.rng.integers(-127, 128, (3, depth)), "int8", 0.01)
        y = c.codes((1, 3), 0.2, 0)
        c.add("FULLY_CONNECTED", [x, weights], [y])
        x = y
    if c.chance(3):
        c.tensors.append(T(c.shape(x), "float32"))
        c.add("DEQUANTIZE", [x], [len(c.tensors) - 1])
    return c
