"""What an op's own parameters may be, whatever file they come from: types, ranges, and the constants it names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from ircompile.errors import CompileError
from ircompile.ir.numerics import Requant, quantize_multiplier
from ircompile.ir.ops import (
    ArgMax,
    AveragePool,
    Binary,
    Concat,
    Constant,
    Conv,
    Copy,
    Depthwise,
    Flip,
    Lookup,
    MaxPool,
    Mean,
    Op,
    Pad,
    PixelTable,
    Prelu,
    Reshape,
    Slice,
    Softmax,
    Table,
    Transpose,
    TransposeConv,
    Window,
    const_names,
)
from ircompile.ir.ops.binary import LEFT_SHIFT
from ircompile.ir.tensor import Array, Consts, Site, Tensor
from ircompile.qtype import ACTIVATIONS, INT8

LARGEST = 2**20
"""Strides, paddings, kernels and the like above this are refused as nonsense."""
TAPS = 2**22
"""Windows at a border, times the kernel's size, that one axis may have: analyses look at each."""
WORK = 2**35
"""Codes that all windows of one operator may take in: more than any microcontroller computes."""
MOST_SHIFT = 30
"""Bits that TFLite's arithmetic can shift an int32 left by; more is undefined in C, in the frameworks' too."""
CODES = range(INT8.low, INT8.high + 1)


def check_op(op: Op, inputs: Sequence[Tensor], output: Tensor, consts: Consts) -> None:
    """Raises CompileError unless the op's parameters, operands and constants are what its class says."""
    problem = _fields(op)
    if problem:
        raise CompileError("", f"{type(op).__name__}: {problem}", "the parameters that its class declares")
    missing = [name for name in const_names(op) if name not in consts]
    if missing:
        raise CompileError("", f"names the constant {missing[0]!r}, which is not there")
    _check_operands(op, inputs, output)
    _check_constants(op, consts)
    _check_multipliers(op, Site(tuple(inputs), output, consts))
    if isinstance(op, Conv | Depthwise | MaxPool | AveragePool):
        _check_window(op.window, inputs[0])
        _check_work(op, Site(tuple(inputs), output, consts))
    elif isinstance(op, TransposeConv):
        kernel = consts[op.weights].shape[1:3]
        if max(size * taps for size, taps in zip(op.size, kernel, strict=False)) > TAPS * 16:
            raise CompileError("", f"kernel {kernel} on {op.size}", "smaller kernels")


def checked(value: Any) -> Any:
    """The dataclass itself; raises ValueError where a field is not of its declared type."""
    for name, wanted in _hints(cast(Hashable, type(value))).items():
        if not fits(getattr(value, name), wanted):
            raise ValueError(f"{type(value).__name__}: {name}={getattr(value, name)!r}")
    return value


@lru_cache(maxsize=4096)
def _fields(value: Hashable) -> str:
    """What is wrong with the fields of a dataclass; "" where nothing is. Of hashable fields: see `checked`."""
    for name, wanted in _hints(type(value)).items():
        held = getattr(value, name)
        if not fits(held, wanted):
            return f"{name}={held!r}"
        if is_dataclass(held) and (problem := _fields(cast(Hashable, held))):
            return f"{name}: {problem}"
    return _range(value)


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}  # type: ignore[arg-type]


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value is of an annotated type; integers are plain and bounded, floats finite."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return type(value) is str and value in arguments
    if origin is tuple and arguments[1:] == (...,):
        return type(value) is tuple and all(fits(v, arguments[0]) for v in value)
    if origin is tuple:
        return (
            type(value) is tuple
            and len(value) == len(arguments)
            and all(fits(v, a) for v, a in zip(value, arguments, strict=True))
        )
    if origin is UnionType:
        return any(fits(value, a) for a in arguments)
    if wanted is NoneType:
        return value is None
    if wanted is int:
        return type(value) is int and abs(value) < 2**31
    if wanted is float:
        return isinstance(value, float | int) and not isinstance(value, bool) and isfinite(value)
    return isinstance(value, wanted)


def _range(value: Any) -> str:
    """What number of a dataclass is out of its range."""
    match value:
        case Window():
            if min(*value.kernel, *value.stride, *value.dilation) < 1 or min(value.padding) < 0:
                return f"kernel, stride or dilation below 1, or padding below 0: {value}"
            if max(*value.kernel, *value.stride, *value.dilation, *value.padding) > LARGEST:
                return f"sizes above {LARGEST}: {value}"
        case Constant() | Lookup() | Prelu():
            if not value.scale > 0 or value.zero_point not in CODES:
                return f"scale {value.scale}, zero point {value.zero_point}"
        case Requant() if value.zero_point not in CODES:
            return f"zero point {value.zero_point}"
        case Pad() if value.value not in CODES or max(*value.before, *value.after) > LARGEST:
            return f"value {value.value}, {value.before} before, {value.after} after"
        case Softmax() if not value.beta > 0:
            return f"beta {value.beta}"
        case TransposeConv() if max(*value.size, *value.stride, *map(abs, value.padding)) > LARGEST:
            return f"sizes above {LARGEST}"
    if (
        isinstance(value, Requant | Binary | MaxPool | AveragePool | Mean)
        and not INT8.low <= value.low <= value.high <= INT8.high
    ):
        return f"codes from {value.low} to {value.high}"
    return ""


def _check_operands(op: Op, inputs: Sequence[Tensor], output: Tensor) -> None:
    """Raises CompileError on a wrong number or type of operands."""
    count = 2 if isinstance(op, Binary) and op.constant is None else 1
    if len(inputs) != count and not (isinstance(op, Concat) and inputs):
        raise CompileError("", f"{len(inputs)} operands", f"{count}")
    kinds = {t.dtype for t in inputs}
    match op:
        case Flip():
            sound = kinds != {output.dtype} and kinds | {output.dtype} == {"int8", "uint8"}
        case PixelTable():
            sound = kinds <= {"int8", "uint8"} and output.dtype == "int8"
        case ArgMax():
            sound = kinds == {"int8"} and output.dtype == "int32"
        case Reshape() | Transpose() | Copy() | Slice() | Concat():
            sound = kinds == {output.dtype}
        case _:
            sound = kinds == {"int8"} and output.dtype == "int8"
    if not sound:
        raise CompileError(
            "", f"{type(op).__name__} of {', '.join(sorted(kinds))} to {output.dtype}", "int8 activations"
        )


def _check_constants(op: Op, consts: Consts) -> None:
    """Raises CompileError on a constant of another type or size than the op takes."""
    match op:
        case Conv() | Depthwise() | TransposeConv():
            weights, bias, scale = (consts[name] for name in const_names(op))
            rank, axis = (3, 2) if isinstance(op, Depthwise) else (4, 0)
            _check_array(op.weights, weights, ("int8", "int16"), rank)
            _check_array(op.bias, bias, ("int32",), 1)
            _check_array(op.requant.scale, scale, ("float64",), 1)
            count = weights.shape[axis]
            if bias.shape != (count,) or scale.shape != (count,):
                raise CompileError(op.weights, f"{bias.size} biases, {scale.size} scales", f"{count} of each")
            if not np.isfinite(scale).all():
                raise CompileError(op.requant.scale, "has a scale that is no number", "finite scales")
        case Table() | PixelTable() | Mean() | Prelu() | Binary():
            rank = {Table: 1, PixelTable: 2, Mean: 1}.get(type(op), 3)
            for name in const_names(op):
                _check_array(name, consts[name], ("int8",), rank)


def _check_multipliers(op: Op, site: Site) -> None:
    """Raises CompileError where fixed-point arithmetic would shift an int32 left by more than `MOST_SHIFT` bits."""
    reals: Array = np.zeros(1)
    match op:
        case Conv() | Depthwise() | TransposeConv() if op.requant.rounding in ("double", "single"):
            reals = site.consts[op.requant.scale]
        case Binary() if op.rounding == "double":
            (first, _), (second, _) = op.operands(site)
            product = (
                2.0 * max(first, second) / 2.0**LEFT_SHIFT if op.kind != "mul" else float(first) * float(second)
            )
            reals = np.array([product / site.output.scale])
        case Prelu() if op.rounding == "double":
            ratio = np.float64(site.inputs[0].scale) / np.float64(site.output.scale)
            reals = np.array([ratio, ratio * op.scale])
        case Mean() if op.rounding == "integer":
            reals = np.array([np.float64(op.source(site).scale) / np.float64(site.output.scale)])
    check_multiplier(reals)


def check_multiplier(real: npt.ArrayLike) -> None:
    """Raises CompileError where the fixed-point form of a factor shifts left by more than `MOST_SHIFT` bits."""
    shift = int(np.max(quantize_multiplier(real)[1]))
    if shift > MOST_SHIFT:
        raise CompileError(
            "", f"the quotient of its scales needs a left shift of {shift} bits", f"up to {MOST_SHIFT} bits",
            "quantize again: an output whose scale is that small was probably never calibrated",
        )  # fmt: skip


def _check_array(name: str, array: Array, dtypes: tuple[str, ...], rank: int) -> None:
    if str(array.dtype) not in dtypes or array.ndim != rank or array.size == 0:
        raise CompileError(
            name, f"constant of {array.dtype}, shape {array.shape}", f"{' or '.join(dtypes)}, {rank} axes"
        )


def _check_window(window: Window, source: Tensor) -> None:
    """Raises CompileError where the borders of a map alone are too much to look at."""
    for axis, size in enumerate((source.height, source.width)):
        kernel, reach, stride = window.kernel[axis], window.reach[axis], window.stride[axis]
        before, after = window.padding[2 * axis : 2 * axis + 2]
        if min(size + before + after, before + after + 2 * reach) // stride * kernel > TAPS:
            raise CompileError(
                "", f"kernel {window.kernel}, padding {window.padding}", "smaller windows or padding"
            )


def _check_work(op: Conv | Depthwise | MaxPool | AveragePool, site: Site) -> None:
    """Raises CompileError where windows take in more codes than is worth simulating."""
    kh, kw = op.window.kernel
    work = site.output.height * site.output.width * kh * kw * site.inputs[0].channels
    if isinstance(op, Conv):
        work *= site.output.channels
    if work > WORK:
        raise CompileError("", f"its windows take in {work:,} codes", f"up to {WORK:,}")


def check_tensor(tensor: Tensor) -> None:
    """Raises CompileError unless the tensor is one that can be stored and quantized."""
    problem = _fields(tensor)
    if problem:
        raise CompileError(tensor.name, f"has {problem}", "plain numbers")
    if tensor.dtype not in ACTIVATIONS:
        raise CompileError(tensor.name, f"has dtype {tensor.dtype}", ", ".join(ACTIVATIONS))
    if min(tensor.shape) < 1 or max(tensor.shape) > LARGEST or tensor.bytes > 64 * LARGEST:
        raise CompileError(tensor.name, f"has shape {tensor.shape}", f"sizes from 1 to {LARGEST:,}, 64 MB in all")
    if not tensor.scale > 0:
        raise CompileError(tensor.name, f"has scale {tensor.scale}", "a positive number")
    low, high = tensor.qtype.range
    if not low <= tensor.zero_point <= high:
        raise CompileError(tensor.name, f"has zero point {tensor.zero_point}", f"{low} to {high}")
