"""ONNX Runtime's integer operators, one at a time, as plain functions of arrays.

Layouts are ONNX's (NCHW). Types follow the arrays: uint8 (or int8) activations, int8 (or uint8) weights;
`scale` is a number, for weights also one number a channel. For a model with int8 activations pass
`flip(x)` and zero points moved by 128, and `flip` the result (`ircompile.verification.references.ort.flip`).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import onnx
from onnx import numpy_helper

from ircompile.verification.references.base import Array
from ircompile.verification.references.ort_session import feed, open_session, saturates

MICROSOFT = "com.microsoft"

Scale = float | np.floating[Any] | Array
Attributes = Mapping[str, int | float | str | Sequence[int]]


def qlinear_conv(
    x: Array,
    x_scale: Scale,
    x_zero_point: int,
    w: Array,
    w_scale: Scale,
    w_zero_point: int,
    y_scale: Scale,
    y_zero_point: int,
    bias: Array | None = None,
    attributes: Attributes | None = None,
) -> Array:
    """QLinearConv; `attributes` are strides, pads, dilations, group as in ONNX."""
    weights = [w, np.asarray(w_scale, np.float32), _per(w_zero_point, w.dtype, w_scale)]
    inputs = [x, *_quantization(x, x_scale, x_zero_point), *weights, *_quantization(x, y_scale, y_zero_point)]
    return run_node("QLinearConv", [*inputs, bias], attributes)


def qgemm(
    a: Array,
    a_scale: Scale,
    a_zero_point: int,
    b: Array,
    b_scale: Scale,
    b_zero_point: int,
    y_scale: Scale,
    y_zero_point: int,
    bias: Array | None = None,
    attributes: Attributes | None = None,
) -> Array:
    """QGemm; `attributes` are transA, transB, alpha; `bias` is int32 at scale alpha * a_scale * b_scale."""
    weights = [b, np.asarray(b_scale, np.float32), _per(b_zero_point, b.dtype, b_scale), bias]
    inputs = [a, *_quantization(a, a_scale, a_zero_point), *weights, *_quantization(a, y_scale, y_zero_point)]
    return run_node("QGemm", inputs, attributes, MICROSOFT)


def qlinear_matmul(
    a: Array,
    a_scale: Scale,
    a_zero_point: int,
    b: Array,
    b_scale: Scale,
    b_zero_point: int,
    y_scale: Scale,
    y_zero_point: int,
) -> Array:
    """QLinearMatMul with constant `b`."""
    weights = [b, np.asarray(b_scale, np.float32), _per(b_zero_point, b.dtype, b_scale)]
    inputs = [a, *_quantization(a, a_scale, a_zero_point), *weights, *_quantization(a, y_scale, y_zero_point)]
    return run_node("QLinearMatMul", inputs)


def qlinear_binary(
    operator: Literal["QLinearAdd", "QLinearMul"],
    a: Array,
    a_scale: Scale,
    a_zero_point: int,
    b: Array,
    b_scale: Scale,
    b_zero_point: int,
    y_scale: Scale,
    y_zero_point: int,
) -> Array:
    """The sum or the product of two activations, broadcast as in NumPy."""
    sides = [a, *_quantization(a, a_scale, a_zero_point), b, *_quantization(b, b_scale, b_zero_point)]
    return run_node(operator, [*sides, *_quantization(a, y_scale, y_zero_point)], None, MICROSOFT, (0, 3))


def qlinear_average_pool(
    x: Array, x_scale: Scale, x_zero_point: int, y_scale: Scale, y_zero_point: int, attributes: Attributes
) -> Array:
    """QLinearAveragePool; `attributes` are kernel_shape, strides, pads, count_include_pad, ceil_mode."""
    inputs = [x, *_quantization(x, x_scale, x_zero_point), *_quantization(x, y_scale, y_zero_point)]
    return run_node("QLinearAveragePool", inputs, attributes, MICROSOFT)


def qlinear_global_average_pool(
    x: Array, x_scale: Scale, x_zero_point: int, y_scale: Scale, y_zero_point: int
) -> Array:
    """QLinearGlobalAveragePool over H and W."""
    inputs = [x, *_quantization(x, x_scale, x_zero_point), *_quantization(x, y_scale, y_zero_point)]
    return run_node("QLinearGlobalAveragePool", inputs, {"channels_last": 0}, MICROSOFT)


def qlinear_sigmoid(x: Array, x_scale: Scale, x_zero_point: int, y_scale: Scale, y_zero_point: int) -> Array:
    """QLinearSigmoid."""
    inputs = [x, *_quantization(x, x_scale, x_zero_point), *_quantization(x, y_scale, y_zero_point)]
    return run_node("QLinearSigmoid", inputs, None, MICROSOFT)


def qlinear_softmax(
    x: Array,
    x_scale: Scale,
    x_zero_point: int,
    y_scale: Scale,
    y_zero_point: int,
    axis: int = -1,
    opset: int = 13,
) -> Array:
    """QLinearSoftmax; before opset 13 it normalizes over all axes from `axis` on."""
    inputs = [x, *_quantization(x, x_scale, x_zero_point), *_quantization(x, y_scale, y_zero_point)]
    return run_node("QLinearSoftmax", inputs, {"axis": axis, "opset": opset}, MICROSOFT)


def qlinear_concat(
    parts: Sequence[tuple[Array, Scale, int]], y_scale: Scale, y_zero_point: int, axis: int
) -> Array:
    """QLinearConcat of (values, scale, zero point)."""
    inputs = [*_quantization(parts[0][0], y_scale, y_zero_point)]
    for values, scale, zero_point in parts:
        inputs += [values, *_quantization(values, scale, zero_point)]
    variable = tuple(range(2, len(inputs), 3))
    return run_node("QLinearConcat", inputs, {"axis": axis}, MICROSOFT, variable)


def run_node(
    kind: str,
    inputs: Sequence[Array | None],
    attributes: Attributes | None = None,
    domain: str = "",
    variable: tuple[int, ...] = (0,),
) -> Array:
    """Run one node; the inputs at positions `variable` are fed, the others become constants of the model."""
    helper = onnx.helper
    names = ["" if array is None else f"i{position}" for position, array in enumerate(inputs)]
    fed: list[Array] = []
    arguments, constants = [], []
    for position, array in enumerate(inputs):
        if array is None:
            continue
        if position in variable:
            kind_code = helper.np_dtype_to_tensor_dtype(array.dtype)
            arguments.append(helper.make_tensor_value_info(names[position], kind_code, array.shape))
            fed.append(array)
        else:
            constants.append(numpy_helper.from_array(np.asarray(array, order="C"), names[position]))
    node = helper.make_node(kind, names, ["y"], name=kind, domain=domain, **dict(attributes or {}))
    graph = helper.make_graph([node], kind, arguments, [onnx.ValueInfoProto(name="y")], constants)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return feed(_session(model.SerializeToString(), kind), kind, fed)[0]


@lru_cache(maxsize=64)
def _session(model: bytes, kind: str) -> Any:
    # Only the optimizer makes int8 weights safe where their product saturates.
    return open_session(model, kind, fuse=saturates())


def _quantization(values: Array, scale: Scale, zero_point: int) -> tuple[Array, Array]:
    return np.asarray(scale, np.float32), np.asarray(zero_point, values.dtype)


def _per(zero_point: int, dtype: np.dtype[Any], scale: Scale) -> Array:
    return np.full(np.shape(scale), zero_point, dtype)
