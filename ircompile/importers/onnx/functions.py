"""ONNX operators on plain arrays: constant subgraphs, and float islands evaluated on the 256 codes.

All that is float is float32, operation by operation, as ONNX Runtime computes it. Sizes are checked before
anything is allocated.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.proto import MAX_ELEMENTS, MAX_RANK, product
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.ir.tensor import Array

Inputs = Sequence[Array]
Function = Callable[[OnnxNode, Inputs], Array]
CASTS = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
         11: np.float64, 12: np.uint32, 13: np.uint64}  # fmt: skip


def f32(value: float) -> np.float32:
    """The attribute as ONNX stores it."""
    return np.float32(value)


def _sigmoid(node: OnnxNode, x: Inputs) -> Array:
    # Both branches are finite where they are taken: exp of a number that is not positive.
    small = np.exp(-np.abs(x[0]))
    return np.where(x[0] >= 0, 1 / (1 + small), small / (1 + small)).astype(x[0].dtype)


def _selu(node: OnnxNode, x: Inputs) -> Array:
    alpha, gamma = f32(node.get("alpha", 1.6732632)), f32(node.get("gamma", 1.0507010))
    return gamma * np.where(x[0] > 0, x[0], alpha * np.expm1(np.minimum(x[0], 0)))


def _softplus(node: OnnxNode, x: Inputs) -> Array:
    return np.maximum(x[0], 0) + np.log1p(np.exp(-np.abs(x[0])))


def _erf(node: OnnxNode, x: Inputs) -> Array:
    import math

    return np.vectorize(math.erf, otypes=[np.float64])(x[0].astype(np.float64)).astype(x[0].dtype)


def _gelu(node: OnnxNode, x: Inputs) -> Array:
    if node.get("approximate", "none") == "tanh":
        return f32(0.5) * x[0] * (1 + np.tanh(f32(0.7978845608) * (x[0] + f32(0.044715) * x[0] ** 3)))
    return f32(0.5) * x[0] * (1 + _erf(node, [x[0] * f32(0.70710678)]))


def clip_bounds(node: OnnxNode, x: Inputs) -> tuple[Array | float, Array | float]:
    """Lowest and highest value that a Clip or ReluN lets through; `x` holds its inputs, the first unused."""
    if node.kind == "Relu":
        return 0.0, np.inf
    largest = np.finfo(np.float32).max
    low = x[1] if len(x) > 1 and x[1].size else node.get("min", -largest)
    high = x[2] if len(x) > 2 and x[2].size else node.get("max", largest)
    if np.size(low) > 1 or np.size(high) > 1:
        raise CompileError(node.where, f"its bounds are {np.size(low)} and {np.size(high)} numbers", "one each")
    return low, high


def _clip(node: OnnxNode, x: Inputs) -> Array:
    low, high = clip_bounds(node, x)
    return np.minimum(np.maximum(x[0], np.asarray(low, x[0].dtype)), np.asarray(high, x[0].dtype))


def _div(node: OnnxNode, x: Inputs) -> Array:
    if x[0].dtype.kind in "iu":
        if not np.all(x[1]):
            raise CompileError(node.where, "divides by zero")
        return (np.abs(x[0]) // np.abs(x[1]) * np.sign(x[0]) * np.sign(x[1])).astype(x[0].dtype)
    return x[0] / x[1]


# Element by element, any shape, broadcasting: what may stand in a float island.
ELEMENTWISE: dict[str, Function] = {
    "Abs": lambda n, x: np.abs(x[0]),
    "Add": lambda n, x: x[0] + x[1],
    "Celu": lambda n, x: (
        np.maximum(x[0], 0)
        + np.minimum(f32(n.get("alpha", 1.0)) * np.expm1(np.minimum(x[0], 0) / f32(n.get("alpha", 1.0))), 0)
    ),
    "Ceil": lambda n, x: np.ceil(x[0]),
    "Clip": _clip,
    "Div": _div,
    "Elu": lambda n, x: np.where(x[0] > 0, x[0], f32(n.get("alpha", 1.0)) * np.expm1(np.minimum(x[0], 0))),
    "Erf": _erf,
    "Exp": lambda n, x: np.exp(x[0]),
    "Floor": lambda n, x: np.floor(x[0]),
    "Gelu": _gelu,
    "HardSigmoid": lambda n, x: np.clip(x[0] * f32(n.get("alpha", 0.2)) + f32(n.get("beta", 0.5)), f32(0), f32(1)),
    "HardSwish": lambda n, x: x[0] * np.clip(x[0] * f32(1 / 6) + f32(0.5), f32(0), f32(1)),
    "LeakyRelu": lambda n, x: np.where(x[0] >= 0, x[0], x[0] * f32(n.get("alpha", 0.01))),
    "Log": lambda n, x: np.log(x[0]),
    "Max": lambda n, x: np.maximum.reduce(np.broadcast_arrays(*x)),
    "Min": lambda n, x: np.minimum.reduce(np.broadcast_arrays(*x)),
    "Mish": lambda n, x: x[0] * np.tanh(_softplus(n, x)),
    "Mul": lambda n, x: x[0] * x[1],
    "Neg": lambda n, x: -x[0],
    "Pow": lambda n, x: np.power(x[0], x[1].astype(x[0].dtype)),
    "PRelu": lambda n, x: np.where(x[0] >= 0, x[0], x[0] * x[1]),
    "QuickGelu": lambda n, x: x[0] * _sigmoid(n, [x[0] * f32(n.get("alpha", 1.702))]),
    "Reciprocal": lambda n, x: 1 / x[0],
    "Relu": lambda n, x: np.maximum(x[0], 0),
    "Round": lambda n, x: np.rint(x[0]),
    "Selu": _selu,
    "Sigmoid": _sigmoid,
    "Sign": lambda n, x: np.sign(x[0]),
    "Softplus": _softplus,
    "Softsign": lambda n, x: x[0] / (1 + np.abs(x[0])),
    "Sqrt": lambda n, x: np.sqrt(x[0]),
    "Sub": lambda n, x: x[0] - x[1],
    "Swish": lambda n, x: x[0] * _sigmoid(n, [x[0] * f32(n.get("alpha", 1.0))]),
    "Tanh": lambda n, x: np.tanh(x[0]),
    "ThresholdedRelu": lambda n, x: np.where(x[0] > f32(n.get("alpha", 1.0)), x[0], 0),
}
KEEPING = ("Relu",)
"""Functions whose codes are codes of their operand."""


def check_inference(node: OnnxNode) -> None:
    """Raises CompileError for a BatchNormalization that computes the mean and variance of its input."""
    if node.get("training_mode", 0) or len([name for name in node.outputs if name]) > 1:
        raise CompileError(
            node.where, "normalizes by its input's own mean and variance", "inference: training_mode 0, one output",
            "export the model in inference mode: model.eval() in PyTorch",
        )  # fmt: skip


def _normalized(node: OnnxNode, x: Inputs) -> Array:
    """BatchNormalization in ONNX Runtime's order: x * (1 / sqrt(var + epsilon) * scale) + (b - mean * that)."""
    check_inference(node)
    _, scale, offset, mean, variance = x
    factor = np.float32(1) / np.sqrt(variance + f32(node.get("epsilon", 1e-5))) * scale
    return x[0] * factor + (offset - mean * factor)


# As those above, but that constants of C numbers belong to axis 1.
CHANNELWISE: dict[str, Function] = {"BatchNormalization": _normalized}


def elementwise(node: OnnxNode, inputs: Inputs) -> Array:
    """The value of an element-wise operator; float results are float32, never with a NumPy warning."""
    function = ELEMENTWISE.get(node.kind) or CHANNELWISE[node.kind]
    with np.errstate(all="ignore"):
        out = np.asarray(function(node, inputs))
    return out.astype(np.float32) if out.dtype == np.float64 and inputs[0].dtype == np.float32 else out


def axes_of(node: OnnxNode, inputs: Inputs, position: int = 1) -> tuple[int, ...] | None:
    """Axes given as an input (newer opsets) or as an attribute; None where they are absent."""
    if len(inputs) > position and inputs[position].size:
        return tuple(int(a) for a in np.ravel(inputs[position]))
    axes = node.get("axes")
    return tuple(axes) if axes else None


def reshaped(node: OnnxNode, shape: Sequence[int], target: Array) -> tuple[int, ...]:
    """The new shape of a Reshape: 0 keeps a size, -1 takes what is left."""
    wanted = [int(t) for t in np.ravel(target)]
    keep = not node.get("allowzero", 0)
    sizes = [shape[i] if t == 0 and keep and i < len(shape) else t for i, t in enumerate(wanted)]
    if sizes.count(-1) == 1:
        rest = product([s for s in sizes if s != -1])
        sizes[sizes.index(-1)] = product(shape) // rest if rest > 0 else 0
    if min(sizes, default=1) < 0 or product(sizes) != product(shape):
        raise CompileError(node.where, f"reshape of {list(shape)} to {wanted}", "equal element counts")
    return tuple(sizes)


def sized(node: OnnxNode, shape: Sequence[int] | Array) -> tuple[int, ...]:
    """The shape, if a constant of it may be made."""
    sizes = tuple(int(s) for s in shape)
    if min(sizes, default=1) < 0 or product(sizes) > MAX_ELEMENTS or len(sizes) > MAX_RANK:
        raise CompileError(node.where, f"makes a constant of shape {list(sizes)[:8]}", "up to 2^26 elements")
    return sizes
