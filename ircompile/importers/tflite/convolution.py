"""Convolutions and fully connected layers."""

import math
from dataclasses import replace

import numpy as np

from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator, TfTensor
from ircompile.importers.tflite.requantization import bias_of, requant_of
from ircompile.importers.tflite.values import Batched
from ircompile.ir.ops import Conv, Depthwise, Window
from ircompile.ir.tensor import Array, Tensor

SAME = 0
ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}
CLAMPS = {"NONE": (-np.inf, np.inf), "RELU": (0.0, np.inf), "RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0)}


def clamp_of(low: Lowering, op: TfOperator, target: Tensor) -> tuple[int, int]:
    """Lowest and highest code of the fused activation: zp + round(f / scale) in float32, within the codes' type."""
    name = ACTIVATIONS.get(op.option("FusedActivationFunction"), "?")
    if name not in CLAMPS:
        raise low.error(op, f"fused activation {name}", ", ".join(CLAMPS))
    return clamp_codes(CLAMPS[name], target)


def clamp_codes(bounds: tuple[float, float], target: Tensor) -> tuple[int, int]:
    """The codes of two real bounds, infinite ones being the ends of the codes' type."""
    codes = []
    least, most = target.qtype.range
    for bound, end in zip(bounds, (least, most), strict=True):
        ratio = np.float32(bound) / np.float32(target.scale)
        if not np.isfinite(ratio) or abs(ratio) > 2**20:
            codes.append(most if ratio > 0 else least)
        else:
            codes.append(target.zero_point + int(math.copysign(math.floor(abs(float(ratio)) + 0.5), ratio)))
        codes[-1] = end if not np.isfinite(bound) else min(max(codes[-1], least), most)
    return codes[0], codes[1]


def window_of(
    low: Lowering, op: TfOperator, source: Tensor, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> Window:
    """The window with TensorFlow's SAME padding, the odd pixel after, or none for VALID."""
    stride = (op.option("StrideH"), op.option("StrideW"))
    if min(*stride, *kernel, *dilation) < 1:
        raise low.error(op, f"kernel {kernel}, stride {stride}, dilation {dilation}", "1 and more")
    padding = [0, 0, 0, 0]
    if op.option("Padding") == SAME:
        for axis, size in enumerate((source.height, source.width)):
            reach = (kernel[axis] - 1) * dilation[axis] + 1
            total = max((-(-size // stride[axis]) - 1) * stride[axis] + reach - size, 0)
            padding[2 * axis : 2 * axis + 2] = total // 2, total - total // 2
    window = Window(kernel, stride, (padding[0], padding[1], padding[2], padding[3]), dilation)
    if min(window.output_size(source.height, source.width)) < 1:
        raise low.error(op, f"kernel {kernel} on a map of {source.height} x {source.width}", "kernels that fit")
    return window


def weights_of(low: Lowering, op: TfOperator) -> tuple[TfTensor, Array]:
    """The weights as int64 with their zero point subtracted."""
    tensor = low.file_tensor(op, 1)
    values = low.constant(op, 1, "weights")
    assert tensor is not None
    if tensor.dtype not in ("int8", "uint8", "int4") or tensor.sparse:
        kind = "sparse" if tensor.sparse else tensor.dtype
        raise low.error(
            op, f"weights {tensor.name!r} are {kind}", "dense int8, int4 and uint8 weights",
            "quantize weights and activations: post-training integer quantization",
        )  # fmt: skip
    # Some converters write negative scales; the frameworks compute with them, and so do we.
    sound = np.isfinite(tensor.scales) & (tensor.scales != 0)
    if not tensor.quantized or not np.all(sound):
        bad = tensor.scales[~sound]
        raise low.error(
            op,
            f"weights {tensor.name!r} have {'no scale' if not tensor.quantized else f'scale {bad[0]}'}",
            "finite scales, not 0",
        )
    zero_points = tensor.zero_points if len(tensor.zero_points) else np.zeros(1, np.int64)
    if np.any(zero_points != zero_points[0]) or (tensor.dtype != "uint8" and zero_points[0] != 0):
        raise low.error(
            op, f"weights {tensor.name!r} have zero point {zero_points[0]}", "0 for int8, one for uint8"
        )
    return tensor, values.astype(np.int64) - zero_points[0]


def narrow(weights: Array) -> Array:
    """Weights as int8 where they fit, int16 otherwise (uint8 weights less their zero point)."""
    fits = weights.size == 0 or (weights.min() >= -128 and weights.max() <= 127)
    return weights.astype(np.int8 if fits else np.int16)


def conv(low: Lowering, op: TfOperator) -> None:
    """Any kernel, stride, padding and dilation; groups become dense or depthwise weights; int8 or int4 weights per
    channel or per tensor, uint8 per tensor with any zero point; fused RELU, RELU6, RELU_N1_TO_1."""
    if not spread(low, op):
        low.finish(op, _convolution(low, op, low.picture(op, 0)))


def depthwise(low: Lowering, op: TfOperator) -> None:
    """Any kernel, stride, padding, dilation and channel multiplier; weights and activations as CONV_2D."""
    if not spread(low, op):
        low.finish(op, _convolution(low, op, low.picture(op, 0)))


def _convolution(low: Lowering, op: TfOperator, source: Tensor, dilated: Window | None = None) -> Tensor:
    """Adds a Conv or Depthwise; `dilated` replaces padding and dilation of the file's."""
    tensor, weights = weights_of(low, op)
    if weights.ndim != 4:
        raise low.error(op, f"weights of shape {weights.shape}", "four axes")
    kernel = (weights.shape[1], weights.shape[2])
    dilation = (op.option("DilationHFactor", 1), op.option("DilationWFactor", 1))
    window = replace(dilated, kernel=kernel) if dilated else window_of(low, op, source, kernel, dilation)
    if min(window.output_size(source.height, source.width)) < 1:
        raise low.error(op, f"kernel {kernel} on a map of {source.height} x {source.width}", "kernels that fit")
    if op.kind == "CONV_2D" and weights.shape[3] == 1 and source.channels > 1:
        weights = weights.transpose(3, 1, 2, 0)  # as many groups as channels
    elif op.kind == "CONV_2D":
        return convolve(low, op, window, tensor, dense_groups(low, op, weights, source.channels), source)
    count = weights.shape[-1]
    if weights.shape[0] != 1 or count % source.channels or count < 1:
        raise low.error(
            op, f"weights of shape {weights.shape} on {source.channels} channels", "1 x kh x kw x C_out"
        )
    target = low.target(op, (*window.output_size(source.height, source.width), count))
    requant = requant_of(low, op, tensor, count, clamp_of(low, op, target))
    node = Depthwise(
        window,
        low.store(op, "weights", narrow(weights[0])),
        low.store(op, "bias", bias_of(low, op, count)),
        requant,
    )
    return low.emit(op, node, [source], target)


def convolve(
    low: Lowering, op: TfOperator, window: Window, tensor: TfTensor, weights: Array, source: Tensor
) -> Tensor:
    """Adds the Conv of dense weights (C_out, kh, kw, C_in)."""
    count = weights.shape[0]
    target = low.target(op, (*window.output_size(source.height, source.width), count))
    clamp = clamp_of(low, op, target)
    requant = requant_of(low, op, tensor, count, clamp)
    node = Conv(
        window, low.store(op, "weights", narrow(weights)), low.store(op, "bias", bias_of(low, op, count)), requant
    )
    return low.emit(op, node, [source], target)


def dense_groups(low: Lowering, op: TfOperator, weights: Array, channels: int) -> Array:
    """Grouped weights (C_out, kh, kw, C_in / groups) as dense ones with zeros."""
    outputs, kh, kw, inner = weights.shape
    if inner == channels:
        return weights
    groups = channels // max(inner, 1)
    if inner < 1 or channels % inner or outputs % groups:
        raise low.error(
            op, f"weights of shape {weights.shape} on {channels} channels", "C_in of the input, or groups"
        )
    if weights.size * groups > 2**24:
        raise low.error(op, f"{groups} groups of {weights.size} weights", "groups that fit in 2^24 dense weights")
    low.notice(f"{low.model.where(op)}: {groups} groups are computed as one dense convolution")
    dense = np.zeros((outputs, kh, kw, channels), np.int64)
    for group in range(groups):
        rows = slice(group * outputs // groups, (group + 1) * outputs // groups)
        dense[rows, :, :, group * inner : (group + 1) * inner] = weights[rows]
    return dense


def spread(low: Lowering, op: TfOperator) -> bool:
    """Notes a VALID convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, which lowers it dilated."""
    value = low.values.get(op.inputs[0]) if op.inputs else None
    if not isinstance(value, Batched) or value.convolved is not None:
        return False
    if op.option("Padding") == SAME or (op.option("StrideH"), op.option("StrideW")) != (1, 1):
        raise low.error(op, "strided or SAME between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND", "VALID, stride 1")
    low.define(op, replace(value, convolved=op))
    return True


def batched_convolution(low: Lowering, op: TfOperator, value: Batched, padding: tuple[int, int, int, int]) -> None:
    """The dilated convolution that BATCH_TO_SPACE_ND `op` completes."""
    inner = value.convolved
    assert inner is not None
    source = low.picture_of(op, value.source)
    window = Window((1, 1), (1, 1), padding, value.dilation)
    output = _convolution(low, inner, source, window)
    low.check_same(op, output, low.target(op))
    low.finish(op, output)


def fully_connected(low: Lowering, op: TfOperator) -> None:
    """Constant int8, int4 or uint8 weights per tensor or per channel; any number of rows; fused activations."""
    if op.option("WeightsFormat") != 0:
        raise low.error(op, "shuffled weights", "the default weights format")
    tensor, weights = weights_of(low, op)
    if weights.ndim != 2:
        raise low.error(op, f"weights of shape {weights.shape}", "two axes")
    count, depth = weights.shape
    source = low.source(op, 0)
    if math.prod(source.shape) % max(depth, 1) or depth < 1:
        raise low.error(op, f"weights for {depth} inputs on a tensor of {math.prod(source.shape)}", "fitting sizes")
    rows = math.prod(source.shape) // depth
    if source.channels != depth:
        source = low.reshape(op, source, (rows, 1, depth))
    low.finish(op, convolve(low, op, Window((1, 1)), tensor, weights.reshape(count, 1, 1, depth), source))


LOWERINGS = {"CONV_2D": conv, "DEPTHWISE_CONV_2D": depthwise, "FULLY_CONNECTED": fully_connected}
