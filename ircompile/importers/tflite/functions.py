"""Functions of one code, as the 256 codes that the reference algorithms give.

Sources of the algorithms: TensorFlow Lite Micro `kernels/*.cc` and `kernels/internal/reference/`.
"""

import math
from collections.abc import Callable

import numpy as np

from ircompile.importers.tflite.convolution import CLAMPS, clamp_codes, clamp_of
from ircompile.importers.tflite.ends import quantize_input
from ircompile.importers.tflite.gemmlowp import logistic_q4, reciprocal, tanh_q4
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.importers.tflite.sixteen_bits import emit_rescale, emit_sigmoid, wide_ends
from ircompile.importers.tflite.values import FloatInput
from ircompile.ir.numerics import mbqm, quantize_multiplier, rdbpot, round_half_away, srdhm
from ircompile.ir.ops import Table
from ircompile.ir.ops.limits import check_multiplier
from ircompile.ir.tensor import Array, Tensor
from ircompile.qtype import INT8

CODES = np.arange(-128, 128, dtype=np.int64)


def emit_table(low: Lowering, op: TfOperator, codes: Array, function: str) -> None:
    """Adds a Table of 256 codes, clamped to int8, on the operator's first input."""
    stored = low.stored(op, 0)
    if stored.form.qtype != INT8:
        raise low.error(op, f"{stored.form.dtype} activations", "8-bit activations")
    table = low.store(op, "table", np.clip(codes, -128, 127).astype(np.int8))
    low.in_place(op, Table(table, function), low.target(op, stored.form.shape), stored.axes)


def _ends(low: Lowering, op: TfOperator) -> tuple[Tensor, Tensor]:
    return low.stored(op, 0).form, low.target(op)


def multiplier_of(real: float | np.float64) -> tuple[Array, Array]:
    """The fixed-point form of a factor; raises CompileError where C could not shift by it."""
    check_multiplier(real)
    return quantize_multiplier(np.float64(real))


def unsigned(low: Lowering, op: TfOperator) -> bool:
    """Whether the file's input is uint8."""
    return low.model.tensors[op.inputs[0]].dtype == "uint8"


def requantized(source: Tensor, target: Tensor, ratio: float) -> Array:
    """Codes of x at another scale: mbqm(x - zx, ratio) + zy, not clamped."""
    return mbqm(CODES - source.zero_point, *multiplier_of(np.float64(ratio))) + target.zero_point


def quantize(low: Lowering, op: TfOperator) -> None:
    """float32 inputs of the model; int8, uint8 and int16 to these at any scales, int32 to int8 and int16."""
    value = low.values.get(op.inputs[0])
    if isinstance(value, FloatInput):
        quantize_input(low, op, value)
        return
    source, target = _ends(low, op)
    if (source.dtype, source.quantization) == (target.dtype, target.quantization):
        low.relabel(op, low.stored(op, 0).axes)
        return
    if wide_ends(low, op):
        emit_rescale(low, op, source.scale / target.scale, source.scale / target.scale)
        return
    emit_table(low, op, requantized(source, target, source.scale / target.scale), "quantize")


def relu(low: Lowering, op: TfOperator) -> None:
    """Standing alone: requantized by mbqm(x - zx, sx / sy), clamped. RELU6 of TFLite Micro only clamps."""
    source, target = _ends(low, op)
    if wide_ends(low, op):
        if op.kind == "RELU6":
            emit_rescale(low, op, 1.0, 1.0, clamp_codes((0.0, 6.0), source))
        elif op.kind == "RELU":
            ratio = source.scale / target.scale  # PyPI's TFLite Micro divides in float64, which 16 bits show
            emit_rescale(low, op, ratio, ratio, clamp_codes(CLAMPS["RELU"], target))
        else:
            raise low.error(op, "16-bit activations", "8-bit activations")
        return
    if op.kind == "RELU6" and low.numerics == "tflm":
        emit_table(low, op, np.clip(CODES, *clamp_codes((0.0, 6.0), source)), "relu6")
        return
    bounds = {"RELU_0_TO_1": (0.0, 1.0)}.get(op.kind) or CLAMPS[op.kind]
    codes = requantized(source, target, float(np.float32(source.scale) / np.float32(target.scale)))
    emit_table(low, op, np.clip(codes, *clamp_codes(bounds, target)), op.kind.lower())


def leaky_relu(low: Lowering, op: TfOperator) -> None:
    """Any slope; multipliers from float32 quotients."""
    source, target = _ends(low, op)
    alpha = float(op.option("Alpha"))
    if not np.isfinite(alpha):
        raise low.error(op, f"slope {alpha}", "finite slopes")
    sx, sy = np.float32(source.scale), np.float32(target.scale)
    if wide_ends(low, op):
        ratio = source.scale / target.scale
        emit_rescale(low, op, ratio, source.scale * alpha / target.scale)
        return
    x = CODES - source.zero_point
    positive = mbqm(x, *multiplier_of(np.float64(sx / sy)))
    m, s = multiplier_of(np.float64(abs(sx * np.float32(alpha) / sy)))
    negative = np.sign(alpha).astype(np.int64) * mbqm(x, m, s)
    emit_table(low, op, np.where(x >= 0, positive, negative) + target.zero_point, "leaky_relu")


def logistic(low: Lowering, op: TfOperator) -> None:
    """Fixed point in Q4.27, in LiteRT and of uint8 float32; the output has scale 1/256 and zero point -128 (int8)
    or 0 (uint8). 16 bits: between 256 values of a table; the output has scale 2^-15."""
    source, target = _ends(low, op)
    if wide_ends(low, op):
        emit_sigmoid(low, op, "logistic", (0,))
        return
    if (target.scale, target.zero_point) != (1 / 256, -128):
        raise low.error(op, f"output scale {target.scale}, zero point {target.zero_point}", "1/256, -128")
    if unsigned(low, op) or low.numerics == "litert-ref":
        emit_table(low, op, _by_float32(source, target, lambda x: 1 / (1 + _exp(-x))), "logistic")
        return
    emit_table(low, op, _fixed_point(source, logistic_q4, 8, 0) - 128, "logistic")


def tanh(low: Lowering, op: TfOperator) -> None:
    """Fixed point in Q4.27, in LiteRT and of uint8 float32; the output has scale 1/128 and zero point 0 (int8) or
    128 (uint8). 16 bits: as LOGISTIC."""
    source, target = _ends(low, op)
    if wide_ends(low, op):
        emit_sigmoid(low, op, "tanh", (0, 1))
        return
    if (target.scale, target.zero_point) != (1 / 128, 0):
        raise low.error(op, f"output scale {target.scale}, zero point {target.zero_point}", "1/128, 0")
    if unsigned(low, op) or low.numerics == "litert-ref":
        emit_table(low, op, _by_float32(source, target, lambda x: np.tanh(x.astype(np.float64))), "tanh")
        return
    emit_table(low, op, _fixed_point(source, tanh_q4, 7, -128), "tanh")


def _fixed_point(source: Tensor, function: Callable[[Array], Array], bits: int, lowest: int) -> Array:
    """function(x) of Q4.27 inputs, as a fraction of `bits` bits; `lowest` or 2^bits outside of the input range."""
    m, s = (int(v) for v in quantize_multiplier(np.float64(source.scale) * 2.0**27))
    radius = int(np.floor(15.0 * 2.0**27 / 2.0**s))
    x = CODES - source.zero_point
    inside = np.abs(x) < radius
    scaled = mbqm(np.where(inside, x, 0), np.int64(m), np.int64(s))
    out = rdbpot(function(scaled), np.int64(31 - bits))
    return np.where(inside, out, np.where(x > 0, 1 << bits, lowest))


def _by_float32(source: Tensor, target: Tensor, function: Callable[[Array], Array]) -> Array:
    """round(function(sx * (x - zx)) * (1 / sy)) + zy in float32."""
    x = np.float32(source.scale) * (CODES - source.zero_point).astype(np.float32)
    real = function(x).astype(np.float32) * (np.float32(1) / np.float32(target.scale))
    return round_half_away(np.clip(real, -1e6, 1e6)) + target.zero_point


def _exp(x: Array) -> Array:
    """expf, which the C library rounds nearly always as the exact value would be."""
    with np.errstate(over="ignore"):
        return np.exp(x.astype(np.float64)).astype(np.float32)


def elu(low: Lowering, op: TfOperator) -> None:
    """Computed in float32, as TFLite Micro's table is."""
    source, target = _ends(low, op)
    emit_table(low, op, _by_float32(source, target, lambda x: np.where(x < 0, _exp(x) - 1, x)), "elu")


def gelu(low: Lowering, op: TfOperator) -> None:
    """Computed in float32, as LiteRT's table is, exact or approximate; TFLite Micro has none."""
    source, target = _ends(low, op)
    if op.option("Approximate", False):
        steep = np.float32(2 / np.sqrt(np.pi) * np.sqrt(0.5))
        cubic = np.float32(0.044715)

        def function(x: Array) -> Array:
            inner = (steep * (x + cubic * x * x * x)).astype(np.float64)
            return np.float32(0.5) * x * (np.float32(1) + np.tanh(inner).astype(np.float32))
    else:
        # 1 + erf(z), as erfc(-z).
        erfc = np.vectorize(lambda x: math.erfc(-float(np.float32(x) * np.float32(np.sqrt(0.5)))))

        def function(x: Array) -> Array:
            return np.float32(0.5) * x * erfc(x).astype(np.float32)

    emit_table(low, op, _by_float32(source, target, function), "gelu")


def hard_swish(low: Lowering, op: TfOperator) -> None:
    """16-bit fixed point of `reference/hard_swish.h`; output scales of at least 1/128 of the input's."""
    source, target = _ends(low, op)
    hires = np.float32(1 / 128) * np.float32(source.scale)
    out_m, out_s = _multiplier_16(np.float64(hires / np.float32(target.scale)))
    relu_m, relu_s = _multiplier_16(np.float64(hires / (np.float32(3) / np.float32(32768))))
    if out_s > 0:
        raise low.error(op, f"output scale {target.scale} of input scale {source.scale}", "1/128 of it and more")
    x = (CODES - source.zero_point) << 7
    preshift = _srdhm16(x, out_m)
    gate = _saturate16(x << (relu_s - 1)) if relu_s > 0 else x
    gate = _srdhm16(gate, relu_m)
    gate = _saturate16(gate << 1) if relu_s > 0 else rdbpot(gate, np.int64(-relu_s))
    gate = (gate + (1 << 15)) >> 1
    product = gate * preshift
    scaled = np.where(product >= 0, product >> 15, -((-product) >> 15))
    emit_table(low, op, rdbpot(scaled, np.int64(-out_s)) + target.zero_point, "hard_swish")


def absolute(low: Lowering, op: TfOperator) -> None:
    """Requantized by mbqm(|x - zx|, sx / sy)."""
    source, target = _ends(low, op)
    ratio = np.float64(np.float32(source.scale) / np.float32(target.scale))
    size = np.abs(CODES - source.zero_point)
    if source.scale != target.scale:
        size = mbqm(size, *multiplier_of(ratio))
    emit_table(low, op, size + target.zero_point, "abs")


def divide(low: Lowering, op: TfOperator) -> None:
    """By one int8 or uint8 constant that is not 0; fused activations. Where the reference shifts an int32 by 32
    bits or more, which C leaves undefined, the true quotient is rounded."""
    source, target = _ends(low, op)
    constant = low.constant(op, 1, "divisor")
    tensor = low.model.tensors[op.inputs[1]]
    scale, zero_point = low.quantization(op, tensor)
    if constant.size != 1:
        raise low.error(op, f"divisor of {constant.size} elements", "one constant")
    divisor = int(constant.reshape(-1)[0]) - zero_point - (128 if tensor.dtype == "uint8" else 0)
    if divisor == 0:
        raise low.error(op, "divides by 0", "divisors other than 0")
    m, s = multiplier_of(np.float64(np.float32(source.scale) / (np.float32(scale) * np.float32(target.scale))))
    mantissa, shift = reciprocal(abs(divisor))
    x = (CODES - source.zero_point) * (1 if divisor > 0 else -1)
    # As much headroom as the dividend leaves in int32.
    headroom = np.array([31 if v == 0 else 31 - int(v if v > 0 else -v - 1).bit_length() for v in x])
    quotient = srdhm(x << headroom, np.int64(mantissa))
    total = shift + headroom - s
    if total.min() < 0:
        raise low.error(op, f"output scale {target.scale} of input scale {source.scale}", "quotients within int8")
    codes = rdbpot(srdhm(quotient, m), total) + target.zero_point
    emit_table(low, op, np.clip(codes, *clamp_of(low, op, target)), "divide")


def _multiplier_16(real: np.float64) -> tuple[int, int]:
    m, s = (int(v) for v in multiplier_of(real))
    return (32767 if m >= 2**31 - 2**15 else (m + (1 << 15)) >> 16), s


def _saturate16(value: Array) -> Array:
    return np.clip(value, -(2**15), 2**15 - 1)


def _srdhm16(a: Array, b: int) -> Array:
    """Saturating rounding doubling high multiply of int16s, ties up."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.where(nudged >= 0, nudged >> 15, -((-nudged) >> 15))


LOWERINGS: dict[str, Callable[[Lowering, TfOperator], None]] = {
    "QUANTIZE": quantize,
    "RELU": relu,
    "RELU6": relu,
    "RELU_N1_TO_1": relu,
    "RELU_0_TO_1": relu,
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": logistic,
    "TANH": tanh,
    "ELU": elu,
    "GELU": gelu,
    "HARD_SWISH": hard_swish,
    "ABS": absolute,
    "DIV": divide,
}
