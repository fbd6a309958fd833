"""What an op's own parameters may be, whatever file they come from: types, ranges, and the constants it names."""

from collections.abc import Hashable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from ircompile.errors import CompileError
from ircompile.ir.numerics import quantize_multiplier
from ircompile.ir.ops.op import Op
from ircompile.ir.tensor import Array, Consts, Site, Tensor
from ircompile.qtype import ACTIVATIONS

LARGEST = 2**20
"""Strides, paddings, kernels and the like above this are refused as nonsense."""
TAPS = 2**22
"""Windows at a border, times the kernel's size, that one axis may have: analyses look at each."""
WORK = 2**35
"""Codes that all windows of one operator may take in: more than any microcontroller computes."""
MOST_SHIFT = 30
"""Bits that TFLite's arithmetic can shift an int32 left by; more is undefined in C, in the frameworks' too."""
WIDE_SHIFT = 7
"""The same of its arithmetic of int64 accumulators."""
WIDE_SUM = 2**47
"""Accumulators of this size and above are outside of what TFLite's arithmetic of int64 defines."""


def check_op(op: Op, inputs: Sequence[Tensor], output: Tensor, consts: Consts) -> None:
    """Raises CompileError unless the op's parameters, operands and constants are what its class says."""
    problem = _fields(op)
    if problem:
        raise CompileError("", f"{type(op).__name__}: {problem}", "the parameters that its class declares")
    missing = [const.name for const in op.constants() if const.name not in consts]
    if missing:
        raise CompileError("", f"names the constant {missing[0]!r}, which is not there")
    _check_operands(op, inputs, output)
    _check_codes(op, output)
    for name, rank, dtypes in op.constants():
        _check_array(name, consts[name], dtypes, rank)
    site = Site(tuple(inputs), output, consts)
    op.check(site)
    check_multiplier(op.factors(site))


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
    return str(value.problem()) if hasattr(value, "problem") else ""


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


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


def _check_operands(op: Op, inputs: Sequence[Tensor], output: Tensor) -> None:
    """Raises CompileError on a wrong number or type of operands."""
    count = op.arity()
    if len(inputs) != count if count else not inputs:
        raise CompileError("", f"{len(inputs)} operands", f"{count or 1}")
    kinds = {t.dtype for t in inputs}
    if not op.takes(kinds, output.dtype):
        raise CompileError(
            "", f"{type(op).__name__} of {', '.join(sorted(kinds))} to {output.dtype}", "int8 activations"
        )


def _check_codes(op: Op, output: Tensor) -> None:
    """Raises CompileError where an op names codes that its output cannot hold."""
    parts = [op, getattr(op, "requant", None), getattr(op, "constant", None)]
    named = [getattr(part, name, 0) for part in parts for name in ("low", "high", "zero_point", "value")]
    low, high = output.qtype.range
    outside = [code for code in named if not low <= code <= high]
    if outside:
        raise CompileError("", f"{type(op).__name__} names the code {outside[0]}", f"{low} to {high}")


def check_multiplier(real: npt.ArrayLike, most: int = MOST_SHIFT) -> None:
    """Raises CompileError where the fixed-point form of a factor shifts left by more than `most` bits."""
    shift = int(np.max(quantize_multiplier(real)[1]))
    if shift > most:
        raise CompileError(
            "", f"the quotient of its scales needs a left shift of {shift} bits", f"up to {most} bits",
            "quantize again: an output whose scale is that small was probably never calibrated",
        )  # fmt: skip


def _check_array(name: str, array: Array, dtypes: tuple[str, ...], rank: int) -> None:
    if str(array.dtype) not in dtypes or array.ndim != rank or array.size == 0:
        raise CompileError(
            name, f"constant of {array.dtype}, shape {array.shape}", f"{' or '.join(dtypes)}, {rank} axes"
        )


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
