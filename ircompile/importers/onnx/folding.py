"""Constant folding: operators whose inputs are all constants, and the shapes that Shape asks for."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from ircompile.errors import CompileError
from ircompile.importers.onnx.functions import CASTS, Function, Inputs, axes_of, sized
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.values import Codes, Entry, Real, Value
from ircompile.ir.tensor import Array


def _constant(node: OnnxNode, x: Inputs) -> Array:
    for name, dtype in (("value_int", np.int64), ("value_ints", np.int64), ("value_float", np.float32),
                        ("value_floats", np.float32)):  # fmt: skip
        if name in node.attributes:
            return np.asarray(node.attributes[name], dtype)
    value = node.get("value")
    if not isinstance(value, np.ndarray):
        raise CompileError(node.where, f"constant of {sorted(node.attributes)}", "numbers")
    return value


def cast(node: OnnxNode, x: Inputs) -> Array:
    """Cast of constants."""
    if node.get("to") not in CASTS:
        raise CompileError(node.where, f"cast to type {node.get('to')}", "integers, float and bool")
    with np.errstate(all="ignore"):
        return x[0].astype(CASTS[node.attributes["to"]])


def _constant_of_shape(node: OnnxNode, x: Inputs) -> Array:
    value = np.asarray(node.get("value", np.zeros(1, np.float32))).ravel()
    return np.full(list(sized(node, x[0])), value[0], value.dtype)


def expand(node: OnnxNode, x: Inputs) -> Array:
    """Expand of constants."""
    shape = np.broadcast_shapes(x[0].shape, sized(node, x[1]))
    return np.broadcast_to(x[0], sized(node, shape)).copy()


def tile(node: OnnxNode, x: Inputs) -> Array:
    """Tile of constants."""
    sized(node, [int(s) * int(r) for s, r in zip(x[0].shape, x[1], strict=True)])
    return np.tile(x[0], x[1])


def _range(node: OnnxNode, x: Inputs) -> Array:
    start, stop, step = (v.reshape(-1)[0].item() for v in x)
    if not step or abs((stop - start) / step) > 2**20:
        raise CompileError(node.where, f"range({start}, {stop}, {step})", "up to 2^20 numbers")
    return np.arange(start, stop, step, dtype=x[0].dtype)


def gather(node: OnnxNode, x: Inputs) -> Array:
    """Gather of constants."""
    sized(node, [x[0].size, max(x[1].size, 1)] if x[0].ndim else [1])
    return np.take(x[0], x[1].astype(np.int64), axis=node.get("axis", 0))


def concat(node: OnnxNode, x: Inputs) -> Array:
    """Concat of constants."""
    return np.concatenate(x, axis=node.get("axis", 0))


def matmul(node: OnnxNode, x: Inputs) -> Array:
    """MatMul of constants."""
    return x[0] @ x[1]


def sliced(node: OnnxNode, x: Inputs) -> Array:
    """Slice of constants."""
    return x[0][tuple(slices(node, x, x[0].ndim))]


def slices(node: OnnxNode, x: Sequence[Array], rank: int) -> list[slice]:
    """One slice an axis; `x` holds data (not looked at), starts, ends, axes, steps, or attributes do."""
    if len(x) > 2:
        starts, ends = np.ravel(x[1]), np.ravel(x[2])
        axes = np.ravel(x[3]) if len(x) > 3 and x[3].size else np.arange(len(starts))
        steps = np.ravel(x[4]) if len(x) > 4 and x[4].size else np.ones(len(starts), np.int64)
    else:
        starts, ends = np.asarray(node.get("starts", ())), np.asarray(node.get("ends", ()))
        axes = np.asarray(node.get("axes", range(len(starts))))
        steps = np.ones(len(starts), np.int64)
    found = [slice(None)] * rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        lowest = int(end) if int(step) > 0 or int(end) > -(2**31) else None
        found[int(axis)] = slice(int(start), lowest, int(step))
    return found


def reduced(function: Callable[..., Array]) -> Function:
    """A reduction of constants by a function of NumPy."""

    def apply(node: OnnxNode, x: Inputs) -> Array:
        axes, keep = axes_of(node, x) or tuple(range(x[0].ndim)), bool(node.get("keepdims", 1))
        return np.asarray(function(x[0], axis=axes, keepdims=keep)).astype(x[0].dtype)

    return apply


CONSTANTS: dict[str, Function] = {
    "And": lambda n, x: x[0] & x[1],
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Equal": lambda n, x: x[0] == x[1],
    "Greater": lambda n, x: x[0] > x[1],
    "Less": lambda n, x: x[0] < x[1],
    "Mod": lambda n, x: np.mod(x[0], x[1]),
    "Not": lambda n, x: ~x[0],
    "Range": _range,
    "ReduceProd": reduced(np.prod),
    "Shape": lambda n, x: np.asarray(x[0].shape[n.get("start", 0) : n.get("end", None)], np.int64),
    "Size": lambda n, x: np.asarray(x[0].size, np.int64),
    "Where": lambda n, x: np.where(x[0], x[1], x[2]),
}
"""Operators of constants and of shapes, which compute no activation."""


def fold(function: Function, node: OnnxNode, inputs: Inputs) -> Array:
    """The value of a node of constants; raises CompileError where it makes no sense."""
    try:
        return np.asarray(function(node, inputs))
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise CompileError(node.where, f"constant operands do not fit: {error}") from None


SMALL, SECONDS = 4096, 20
UNREADABLE = (OSError, ValueError, MemoryError, subprocess.SubprocessError, DecodeError)
"""What a file raises that is gone or no longer whole, and a process that inference ended or took too long."""
INFER = """
import sys
import onnx
model = onnx.ModelProto.FromString(sys.stdin.buffer.read())
sys.stdout.buffer.write(onnx.shape_inference.infer_shapes(model, data_prop=True).SerializeToString())
"""


class Shapes:
    """The known ones from their values; those of float expressions from ONNX's own shape inference."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inferred: dict[str, tuple[int, ...]] | None = None

    def of(self, name: str, value: Value, raw: OnnxNode) -> tuple[int, ...]:
        """The shape of a tensor; raises CompileError where nothing tells it."""
        if isinstance(value, Codes | Real | Entry):
            return value.view.shape
        return self.inferred(name, raw)

    def inferred(self, name: str, raw: OnnxNode) -> tuple[int, ...]:
        """The shape by ONNX's own inference; raises CompileError where that does not tell it."""
        if self._inferred is None:
            self._inferred = self._infer()
        if name not in self._inferred:
            raise CompileError(raw.where, f"asks for the shape of {name!r}, which is not known", "fixed sizes")
        return self._inferred[name]

    def _infer(self) -> dict[str, tuple[int, ...]]:
        """In a process of its own, since ONNX's C++ aborts where a damaged file gives a size below zero."""
        try:
            model = onnx.ModelProto.FromString(self._path.read_bytes())
            for value in model.graph.input:
                dims = value.type.tensor_type.shape.dim
                if dims and not dims[0].dim_value:
                    dims[0].dim_value = 1
            for tensor in model.graph.initializer:
                if len(tensor.raw_data) > SMALL:  # weights: their shape is all that counts
                    tensor.ClearField("raw_data")
            command = [sys.executable, "-c", INFER]
            data = model.SerializeToString()
            answer = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=True).stdout
            inferred = onnx.ModelProto.FromString(answer)
        except UNREADABLE:  # then no shape is known
            return {}
        found = {}
        for value in inferred.graph.value_info:
            sizes = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
            if sizes and min(sizes) > 0:
                found[value.name] = sizes
        return found
