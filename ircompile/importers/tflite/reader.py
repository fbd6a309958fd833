"""A TFLite flatbuffer as plain, checked Python data.

Nothing here trusts the file: every offset may point anywhere and every count may be absurd. All that is read
is read at once, within a budget, and anything the generated accessors raise becomes one CompileError.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from ircompile.errors import CompileError
from ircompile.importers.damaged_files import printable
from ircompile.ir.tensor import Array

MAX_ELEMENTS = 2**28
DTYPES = {
    "FLOAT32": "float32", "FLOAT16": "float16", "FLOAT64": "float64", "INT8": "int8", "UINT8": "uint8",
    "INT16": "int16", "INT32": "int32", "INT64": "int64", "UINT32": "uint32", "BOOL": "bool", "INT4": "int4",
}  # fmt: skip


@dataclass(frozen=True)
class TfTensor:
    """One tensor of the file; `data` are the bytes of a constant, `scales` is empty where not quantized."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: Array
    zero_points: Array
    data: bytes | None
    dynamic: tuple[int, ...] = ()
    variable: bool = False
    sparse: bool = False

    @property
    def quantized(self) -> bool:
        """Whether the file gives a scale."""
        return len(self.scales) > 0

    @property
    def elements(self) -> int:
        """The product of the sizes."""
        return _product(self.shape)

    def constant(self) -> Array | None:
        """The constant as an array of its dtype, or None where the tensor is computed or holds no numbers."""
        if self.data is None or not _numeric(self.dtype):
            return None
        if self.dtype == "int4":
            packed = np.frombuffer(self.data, np.int8)
            low, high = (packed << 4).astype(np.int8) >> 4, packed >> 4
            return np.stack([low, high], axis=-1).reshape(-1)[: self.elements].reshape(self.shape)
        wanted = np.dtype(self.dtype).newbyteorder("<")
        return np.frombuffer(self.data, wanted, self.elements).reshape(self.shape).astype(self.dtype)


@dataclass(frozen=True)
class TfOperator:
    """One operator: `kind` as in the schema ('CONV_2D', or 'CUSTOM name'), options by accessor name."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]

    def option(self, name: str, default: Any = 0) -> Any:
        """The option, or `default` where the file has no options at all."""
        return self.options.get(name, default)


@dataclass(frozen=True)
class TfSubgraph:
    """Another subgraph of a file, which an operator of the first one may call."""

    tensors: tuple[TfTensor, ...]
    operators: tuple[TfOperator, ...]


@dataclass(frozen=True)
class TfModel:
    """The first subgraph of a file, which is the one that TFLite Micro runs, and those that it may call."""

    path: Path
    tensors: tuple[TfTensor, ...]
    operators: tuple[TfOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    size: int
    called: Mapping[int, TfSubgraph] = field(default_factory=dict)

    def where(self, operator: TfOperator) -> str:
        """The place of an operator, as error messages and `Node.source` name it."""
        name = self.tensors[operator.outputs[0]].name if operator.outputs else ""
        return f"node {operator.index} {name!r} {operator.kind}"


def read_model(path: Path) -> TfModel:
    """The model of a file; raises CompileError where it is not a whole and sound TFLite file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CompileError(str(path), f"cannot be read: {error.strerror}", "a .tflite file") from None
    if data[4:8] != b"TFL3":
        why = "no TFL3 mark" if data else "it is empty"
        raise CompileError(str(path), f"is not a TFLite file: {why}", "TFLite flatbuffers, schema version 3")
    try:
        return _Reader(path, data).model()
    except (struct.error, ValueError, IndexError, TypeError, OverflowError, AttributeError) as error:
        raise CompileError(
            str(path),
            f"is damaged, or ends too early with {len(data):,} bytes: {error}",
            "whole TFLite flatbuffers",
            "copy or convert the file again",
        ) from None


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _names(enum: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


class _Reader:
    """Reads tables within a budget of bytes, so that overlapping vectors cannot multiply the file's size."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data = path, data
        self.left = 16 * len(data) + 2**20

    def spend(self, count: int, size: int = 4) -> int:
        self.left -= count * size
        if count < 0 or self.left < 0:
            raise ValueError(f"a list of {count} entries does not fit in the file")
        return count

    def model(self) -> TfModel:
        root = tflite.Model.GetRootAs(self.data, 0)
        if root.SubgraphsLength() < 1:
            raise ValueError("no subgraph")
        graph = root.Subgraphs(0)
        codes = [self._kind(root.OperatorCodes(i)) for i in range(self.spend(root.OperatorCodesLength()))]
        buffers = [self._buffer(root.Buffers(i)) for i in range(self.spend(root.BuffersLength()))]
        first = self._subgraph(graph, codes, buffers)
        tensors, operators = first.tensors, first.operators
        inputs = self._indices(graph.InputsLength, graph.InputsAsNumpy, len(tensors), 0)
        outputs = self._indices(graph.OutputsLength, graph.OutputsAsNumpy, len(tensors), 0)
        if not inputs or not outputs:
            raise ValueError("no inputs or no outputs")
        numbers = {int(op.option("InitSubgraphIndex")) for op in operators if op.kind == "CALL_ONCE"}
        if any(not 0 < number < root.SubgraphsLength() for number in numbers):
            raise ValueError(f"calls subgraphs {sorted(numbers)} of {root.SubgraphsLength()}")
        called = {number: self._subgraph(root.Subgraphs(number), codes, buffers) for number in numbers}
        return TfModel(self.path, tensors, operators, inputs, outputs, len(self.data), called)

    def _subgraph(self, graph: Any, codes: list[str], buffers: list[bytes]) -> TfSubgraph:
        tensors = tuple(
            self._tensor(i, graph.Tensors(i), buffers) for i in range(self.spend(graph.TensorsLength(), 16))
        )
        operators = tuple(
            self._operator(i, graph.Operators(i), codes, len(tensors))
            for i in range(self.spend(graph.OperatorsLength(), 16))
        )
        return TfSubgraph(tensors, operators)

    def _kind(self, code: Any) -> str:
        # Read by hand: the package's BuiltinCode() overlooks numbers below 127 that only the new field holds.
        slot = code._tab.Offset(10)
        (recent,) = struct.unpack_from("<i", self.data, code._tab.Pos + slot) if slot else (0,)
        number = max(recent, code.DeprecatedBuiltinCode())
        name = _names(tflite.BuiltinOperator).get(number, f"BUILTIN_{number}")
        return f"CUSTOM {self._text(code.CustomCode())}" if name == "CUSTOM" else name

    def _text(self, raw: bytes | None) -> str:
        text = raw or b""
        self.spend(len(text), 1)
        return printable(text[:400].decode("utf-8", "replace"))

    def _buffer(self, buffer: Any) -> bytes:
        if buffer.Offset() > 1:  # models over 2 GB keep their buffers behind the flatbuffer
            start, size = buffer.Offset(), buffer.Size()
            if start + size > len(self.data):
                raise ValueError(f"a buffer lies outside of the file, at {start}")
        elif buffer.DataLength() == 0:
            return b""
        else:
            start, size = buffer._tab.Vector(buffer._tab.Offset(4)), buffer.DataLength()
            if start + size > len(self.data):
                raise ValueError(f"a buffer of {size} bytes does not fit in the file")
        self.spend(size, 1)
        return self.data[start : start + size]

    def _tensor(self, index: int, tensor: Any, buffers: list[bytes]) -> TfTensor:
        name = self._text(tensor.Name())
        shape = self._vector(tensor.ShapeLength, tensor.ShapeAsNumpy)
        signature = self._vector(tensor.ShapeSignatureLength, tensor.ShapeSignatureAsNumpy)
        if any(size < 0 for size in shape) or _product(shape) > MAX_ELEMENTS:
            raise ValueError(f"tensor {index} {name!r} has shape {list(shape)[:8]}")
        dtype = _names(tflite.TensorType).get(tensor.Type(), f"type {tensor.Type()}")
        quantization = tensor.Quantization()
        scales, zero_points = np.zeros(0), np.zeros(0, np.int64)
        if quantization is not None:
            self.spend(quantization.ScaleLength())
            self.spend(quantization.ZeroPointLength(), 8)
            scales = _numbers(quantization.ScaleAsNumpy(), np.float64)
            zero_points = _numbers(quantization.ZeroPointAsNumpy(), np.int64)
        if not 0 <= tensor.Buffer() < max(len(buffers), 1):
            raise ValueError(f"tensor {index} {name!r} has buffer {tensor.Buffer()} of {len(buffers)}")
        dynamic = tuple(axis for axis, size in enumerate(signature[: len(shape)]) if size < 0)
        found = TfTensor(
            index, name, shape, DTYPES.get(dtype, dtype.lower()), scales, zero_points,
            (buffers[tensor.Buffer()] or None) if buffers else None,
            dynamic, bool(tensor.IsVariable()), tensor.Sparsity() is not None,
        )  # fmt: skip
        _check_data(found)
        return found

    def _vector(self, length: Callable[[], int], values: Callable[[], Any]) -> tuple[int, ...]:
        return tuple(int(v) for v in values()) if self.spend(length()) else ()

    def _indices(
        self, length: Callable[[], int], values: Callable[[], Any], count: int, least: int
    ) -> tuple[int, ...]:
        found = self._vector(length, values)
        if any(not least <= index < count for index in found):
            raise ValueError(f"names tensor {max(found)} or {min(found)} of {count}")
        return found

    def _operator(self, index: int, operator: Any, codes: list[str], count: int) -> TfOperator:
        if not 0 <= operator.OpcodeIndex() < len(codes):
            raise ValueError(f"operator {index} has code {operator.OpcodeIndex()} of {len(codes)}")
        inputs = self._indices(operator.InputsLength, operator.InputsAsNumpy, count, -1)
        outputs = self._indices(operator.OutputsLength, operator.OutputsAsNumpy, count, 0)
        return TfOperator(index, codes[operator.OpcodeIndex()], inputs, outputs, self._options(operator))

    def _options(self, operator: Any) -> dict[str, Any]:
        """Every option under its accessor's name; a vector is a tuple of integers."""
        kind = _names(tflite.BuiltinOptions).get(operator.BuiltinOptionsType(), "NONE")
        table, options = operator.BuiltinOptions(), dict[str, Any]()
        if table is None or kind == "NONE" or not hasattr(tflite, kind):
            return {}
        reader = getattr(tflite, kind)()
        reader.Init(table.Bytes, table.Pos)
        for name, accessor in vars(type(reader)).items():
            code = getattr(accessor, "__code__", None)
            if code is None or code.co_argcount != 1 or name.endswith(("Length", "IsNone")):
                continue
            if name.endswith("AsNumpy"):
                length = getattr(reader, name.removesuffix("AsNumpy") + "Length")
                options[name.removesuffix("AsNumpy")] = self._vector(length, getattr(reader, name))
            else:
                value = accessor(reader)
                options[name] = self._text(value) if isinstance(value, bytes) else value
                if not isinstance(options[name], int | float | str):
                    options[name] = None
        return options


def _numbers(values: Any, dtype: Any) -> Array:
    with np.errstate(invalid="ignore"):  # a signalling NaN; scales are checked where they are used
        return np.array([] if isinstance(values, int) else values, dtype)


def _check_data(tensor: TfTensor) -> None:
    """Raises ValueError where a constant has fewer bytes than its shape says."""
    if tensor.data is None:
        return
    bits = 4 if tensor.dtype == "int4" else 8 * np.dtype(tensor.dtype).itemsize if _numeric(tensor.dtype) else 0
    if len(tensor.data) * 8 < tensor.elements * bits:
        raise ValueError(
            f"tensor {tensor.index} {tensor.name!r} of shape {list(tensor.shape)} has {len(tensor.data)} bytes"
        )


def _numeric(dtype: str) -> bool:
    return dtype in DTYPES.values()
