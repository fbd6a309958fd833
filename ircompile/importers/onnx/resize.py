"""Resize and transposed convolution."""

from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.layout import Axes, View, natural_axes, row_major_axes, size_along
from ircompile.importers.onnx.lowering import Context, interpolates
from ircompile.importers.onnx.parts import numbers_of
from ircompile.importers.onnx.pooling import placed, spatial
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator, computes, keeps, unknown
from ircompile.importers.onnx.values import Expr, Real, Target
from ircompile.importers.onnx.weights import bias_units, narrow, per_channel, weights_of
from ircompile.ir.numerics import Requant
from ircompile.ir.ops import Resize, TransposeConv


def lower_resize(context: Context, expr: Expr, target: Target) -> View:
    """Resize and Upsample of height and width: nearest and linear, every coordinate transformation but crops.

    Linear between quantizers of one scale, or of integers.
    """
    raw = expr.node
    linear = interpolates(raw)
    real = context.real(expr.args[0], raw) if linear else context.preserved(expr.args[0], target, raw)
    if linear and real.quant != target.quant:
        problem = "interpolates between tensors of two scales"
        raise CompileError(raw.where, problem, "one scale for its input and output", HINT_SCALE)
    view = real.view
    spatial(raw, view.rank)
    shape = _new_shape(raw, expr, view)
    axes = _resized_axes(raw, view, shape)
    size = (shape[axes[0]] if axes[0] >= 0 else 1, shape[axes[1]])
    op = _operator(raw, view, axes, size)
    out = context.builder.emit(raw, op, [context.source(real, raw, axes)], real.quant)
    return context.requantized(Real(placed(context, out, axes, view.rank), real.quant), target, raw)


def _new_shape(raw: OnnxNode, expr: Expr, view: View) -> tuple[int, ...]:
    values = numbers_of(raw, expr.args[1:])
    if raw.kind == "Upsample" or len(values) == 1:
        scales, sizes = (values[0] if values else np.asarray(raw.get("scales", ()))), np.zeros(0)
    else:
        values = [*values, np.zeros(0), np.zeros(0)]
        scales, sizes = values[1], values[2]
    if sizes.size:
        found = [int(s) for s in sizes]
    else:
        found = [int(np.floor(n * float(np.float32(s)))) for n, s in zip(view.shape, scales, strict=False)]
    if len(found) != view.rank or raw.get("axes") or min(found, default=0) < 1:
        raise CompileError(raw.where, f"sizes {found} for shape {list(view.shape)}", "one size an axis")
    if max(found) >= 2**15:
        raise CompileError(raw.where, f"resizes to {found}", "sizes below 32768")
    if scales.size and any(abs(n * float(s) - f) > 1e-3 for n, s, f in zip(view.shape, scales, found, strict=True)):
        raise CompileError(raw.where, f"scales {scales.tolist()} of {list(view.shape)}", "whole sizes")
    return tuple(found)


def _resized_axes(raw: OnnxNode, view: View, shape: tuple[int, ...]) -> Axes:
    changed = [a for a in range(view.rank) if shape[a] != view.shape[a]]
    for axes in (natural_axes(view.rank), row_major_axes(view.rank)):
        if set(changed) <= set(axes[:2]):
            return axes
    raise CompileError(raw.where, f"resizes {list(view.shape)} to {list(shape)}", "height and width")


def _operator(raw: OnnxNode, view: View, axes: Axes, size: tuple[int, int]) -> Resize:
    """The resize that places pixels as the attributes say, or CompileError with what there is."""
    mode = raw.get("mode", "nearest")
    place = raw.get("coordinate_transformation_mode", "asymmetric" if raw.kind == "Upsample" else "half_pixel")
    if raw.get("antialias", 0) or place not in PLACES:
        raise CompileError(raw.where, f"coordinate_transformation_mode {place}, antialias", ", ".join(PLACES))
    old = size_along(view.shape, axes)[:2]
    if mode == "nearest":
        rounding = raw.get("nearest_mode", "floor" if raw.kind == "Upsample" else "round_prefer_floor")
        return _nearest(raw, place, rounding, old, size)
    if mode not in ("linear", "bilinear") or (place == "pytorch_half_pixel" and 1 in size and size != old):
        raise CompileError(raw.where, f"mode {mode} to {size}", "nearest, linear")
    return Resize("bilinear_onnx", size, *PLACES[place], ROUNDINGS[raw.get("codes", "")])


HINT_SCALE = "give the QuantizeLinear behind it the scale of the DequantizeLinear before it"
# By the type of the codes that ONNX Runtime interpolates itself: it cuts off what is behind the point.
ROUNDINGS: dict[str, Literal["nearest", "floor", "truncate"]] = {
    "": "nearest", "uint8": "floor", "int8": "truncate",
}  # fmt: skip
NEAREST: dict[str, Literal["floor", "ceil", "prefer_floor", "prefer_ceil"]] = {
    "floor": "floor", "ceil": "ceil", "round_prefer_floor": "prefer_floor", "round_prefer_ceil": "prefer_ceil",
}  # fmt: skip
PLACES = {
    "asymmetric": (False, False),
    "half_pixel": (False, True),
    "pytorch_half_pixel": (False, True),
    "tf_half_pixel_for_nn": (False, True),
    "align_corners": (True, False),
}


def _nearest(raw: OnnxNode, place: str, rounding: str, old: tuple[int, int], size: tuple[int, int]) -> Resize:
    """The resize that takes the lines that ONNX takes: of whole factors, if one does."""
    tensorflow = place == "tf_half_pixel_for_nn"
    special = (tensorflow and rounding != "floor") or (place == "pytorch_half_pixel" and 1 in size)
    if rounding not in NEAREST or special:
        raise CompileError(raw.where, f"nearest_mode {rounding}, {place}, to {size}", ", ".join(NEAREST))
    if tensorflow:
        return Resize("nearest", size, half_pixel=True)
    wanted = Resize("nearest_onnx", size, *PLACES[place], NEAREST[rounding])
    for corners, half in ((False, False), (False, True), (True, False)):
        found = Resize("nearest", size, corners, half)
        if _lines(found, old) == _lines(wanted, old):
            return found
    return wanted


def _lines(op: Resize, old: tuple[int, int]) -> list[list[int]]:
    """The rows and the columns that a nearest resize takes of a map."""
    return [[op.positions(i, n, t)[0] for i in range(t)] for n, t in zip(old, op.size, strict=True)]


def lower_transposed(context: Context, expr: Expr, target: Target) -> View:
    """ConvTranspose: one group, dilation 1, 1 or 2 spatial axes; weights as of Conv."""
    raw, builder = expr.node, context.builder
    weights = weights_of(raw, expr.args[1])
    real = context.real(expr.args[0], raw)
    rank = real.view.rank
    count = spatial(raw, rank)
    codes = weights.centred
    if raw.get("group", 1) != 1 or any(d != 1 for d in raw.ints("dilations", (1,) * count)) or codes.ndim != rank:
        raise CompileError(raw.where, f"group {raw.get('group', 1)}, dilations", "group 1, dilation 1")
    codes = codes if count == 2 else codes[:, :, np.newaxis, :]
    strides = (1,) * (2 - count) + raw.ints("strides", (1,) * count)
    size, padding = _transposed_size(raw, real.view, codes.shape[2:], strides, count)
    step = np.float32(real.quant.scale) * per_channel(raw, weights, 1)
    name = builder.name(raw)
    units = bias_units(raw, expr.args[2] if len(expr.args) > 2 else None, step)
    bias = np.rint(units[0])
    scale = builder.const(f"{name}_scale", (step / np.float32(target.quant.scale)).astype(np.float64))
    op = TransposeConv(
        size, (strides[0], strides[1]), padding,
        builder.const(f"{name}_weights", narrow(raw, codes.transpose(1, 2, 3, 0))),
        builder.const(f"{name}_bias", bias.astype(np.int32)),
        Requant("float32_even", scale, target.quant.zero, target.low, target.high),
    )  # fmt: skip
    axes = natural_axes(rank)
    out = builder.emit(raw, op, [context.source(real, raw, axes)], target.quant)
    builder.bias_rests[out] = (units - bias) * step / target.quant.scale
    return placed(context, out, axes, rank)


def _transposed_size(
    raw: OnnxNode, view: View, kernel: tuple[int, ...], strides: tuple[int, ...], count: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Output height and width, and what is cut off at the top and on the left."""
    sizes = (1,) * (2 - count) + view.shape[2:]
    extra = (0,) * (2 - count) + raw.ints("output_padding", (0,) * count)
    full = [(n - 1) * s + k + e for n, s, k, e in zip(sizes, strides, kernel, extra, strict=True)]
    mode = raw.get("auto_pad", "NOTSET") or "NOTSET"
    if mode == "NOTSET" and not raw.get("output_shape"):
        pads = raw.ints("pads", (0,) * (2 * count))
        before = (0,) * (2 - count) + pads[:count]
        after = (0,) * (2 - count) + pads[count:]
        out = [f - b - a for f, b, a in zip(full, before, after, strict=True)]
        return (out[0], out[1]), (before[0], before[1])
    wanted = tuple(
        raw.get("output_shape") or [n * s for n, s in zip(view.shape[2:], strides[2 - count :], strict=True)]
    )
    if mode not in ("NOTSET", "SAME_UPPER", "SAME_LOWER") or len(wanted) != count:
        raise CompileError(raw.where, f"auto_pad {mode}, output_shape {wanted}", "pads, SAME_UPPER, SAME_LOWER")
    out = [*((1,) * (2 - count)), *(int(w) for w in wanted)]
    total = [max(f - o, 0) for f, o in zip(full, out, strict=True)]
    start = [t // 2 if mode == "SAME_UPPER" else t - t // 2 for t in total]
    return (out[0], out[1]), (start[0], start[1])


OPERATORS: dict[str, Operator] = {
    "ConvTranspose": computes(lower_transposed, unknown),
    "Resize": keeps(lower_resize, None),
    "Upsample": keeps(lower_resize, None),
}
