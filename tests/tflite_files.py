"""Writes small TFLite files for tests, with the schema package that the compiler itself reads with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite

OPTIONS = {
    "CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions", "MAX_POOL_2D": "Pool2DOptions", "ADD": "AddOptions", "SUB": "SubOptions",
    "MUL": "MulOptions", "DIV": "DivOptions", "SOFTMAX": "SoftmaxOptions", "LEAKY_RELU": "LeakyReluOptions",
    "MEAN": "ReducerOptions", "REDUCE_MAX": "ReducerOptions", "REDUCE_MIN": "ReducerOptions",
    "CONCATENATION": "ConcatenationOptions", "SPLIT": "SplitOptions", "SPLIT_V": "SplitVOptions",
    "STRIDED_SLICE": "StridedSliceOptions", "PACK": "PackOptions", "UNPACK": "UnpackOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions", "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions", "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions", "ARG_MAX": "ArgMaxOptions", "ARG_MIN": "ArgMinOptions",
    "EXPAND_DIMS": "ExpandDimsOptions", "TRANSPOSE": "TransposeOptions",
    "RESHAPE": "ReshapeOptions", "SQUEEZE": "SqueezeOptions", "GATHER": "GatherOptions", "GELU": "GeluOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "CALL_ONCE": "CallOnceOptions", "VAR_HANDLE": "VarHandleOptions", "READ_VARIABLE": "ReadVariableOptions",
    "ASSIGN_VARIABLE": "AssignVariableOptions",
}  # fmt: skip
# LiteRT knows no second version of these.
FIRST_VERSIONS = (
    "GELU",
    "HARD_SWISH", "ELU", "PRELU", "DEPTH_TO_SPACE", "RELU_0_TO_1", "RELU_N1_TO_1",
    "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE",
)  # fmt: skip
TYPES = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "int16": 7,
    "int8": 9,
    "resource": 13,
    "int4": 17,
}


@dataclass(frozen=True)
class T:
    """One tensor; `data` makes it constant, `scale` and `zero` quantize it (arrays: per channel on `axis`)."""

    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: Any = None
    zero: Any = 0
    data: Any = None
    name: str = ""
    axis: int = 0
    signature: tuple[int, ...] = ()
    variable: bool = False


@dataclass(frozen=True)
class Op:
    """One operator on tensors by number; a kind that starts with 'CUSTOM ' is a custom operator of that name."""

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Mapping[str, Any] = field(default_factory=dict)


Graph = tuple[Sequence[T], Sequence[Op]]
"""Tensors and operators of another subgraph, which has no inputs and no outputs."""


def const(values: Any, dtype: str = "int32", scale: Any = None, zero: Any = 0, axis: int = 0) -> T:
    """A constant tensor."""
    data = np.asarray(values, dtype)
    return T(data.shape, dtype, scale, zero, data, axis=axis)


def write(
    path: Path,
    tensors: Sequence[T],
    ops: Sequence[Op],
    inputs: Sequence[int],
    outputs: Sequence[int],
    others: Sequence[Graph] = (),
) -> Path:
    """Writes a file of one subgraph, and of `others`, which an operator of it may call by number from 1 on."""
    path.write_bytes(build(tensors, ops, inputs, outputs, others))
    return path


def one_op(path: Path, kind: str, inputs: Sequence[T], outputs: Sequence[T], **options: Any) -> Path:
    """Writes a file of one operator: its constant operands stay, the others are the model's inputs."""
    tensors = [*inputs, *outputs]
    first, last = range(len(inputs)), range(len(inputs), len(tensors))
    op = Op(kind, [*first], [*last], options)
    return write(path, tensors, [op], [i for i in first if inputs[i].data is None], [*last])


def build(
    tensors: Sequence[T],
    ops: Sequence[Op],
    inputs: Sequence[int],
    outputs: Sequence[int],
    others: Sequence[Graph] = (),
) -> bytes:
    """The bytes of a file."""
    b = flatbuffers.Builder(1024)
    buffers = [_table(b, "Buffer")]
    kinds = list(dict.fromkeys(op.kind for each in (ops, *(own for _, own in others)) for op in each))
    codes = [_code(b, kind) for kind in kinds]
    graphs = [_subgraph(b, kinds, buffers, tensors, ops, inputs, outputs)]
    graphs += [_subgraph(b, kinds, buffers, *other, (), ()) for other in others]
    model = _table(
        b, "Model", Version=3, OperatorCodes=_offsets(b, codes), Subgraphs=_offsets(b, graphs),
        Buffers=_offsets(b, buffers),
    )  # fmt: skip
    b.Finish(model, b"TFL3")
    return bytes(b.Output())


def _subgraph(
    b: Any,
    kinds: list[str],
    buffers: list[int],
    tensors: Sequence[T],
    ops: Sequence[Op],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> int:
    made = [_tensor(b, t, buffers, number) for number, t in enumerate(tensors)]
    operators = [_operator(b, op, kinds.index(op.kind)) for op in ops]
    return _table(
        b, "SubGraph", Tensors=_offsets(b, made), Inputs=_ints(b, inputs), Outputs=_ints(b, outputs),
        Operators=_offsets(b, operators),
    )  # fmt: skip


def _table(b: Any, name: str, **fields: Any) -> int:
    getattr(tflite, f"{name}Start")(b)
    for key, value in fields.items():
        getattr(tflite, f"{name}Add{key}")(b, value)
    return int(getattr(tflite, f"{name}End")(b))


def _offsets(b: Any, items: Sequence[int]) -> int:
    b.StartVector(4, len(items), 4)
    for item in reversed(items):
        b.PrependUOffsetTRelative(item)
    return int(b.EndVector())


def _ints(b: Any, values: Sequence[int]) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.int32)))


def _tensor(b: Any, t: T, buffers: list[int], number: int) -> int:
    name = b.CreateString(t.name or f"t{number}")
    fields = {"Shape": _ints(b, t.shape), "Type": TYPES[t.dtype], "Name": name, "Buffer": 0}
    if t.data is not None:
        raw = t.data if isinstance(t.data, bytes) else np.ascontiguousarray(t.data).tobytes()
        data = b.CreateNumpyVector(np.frombuffer(raw, np.uint8))
        fields["Buffer"] = len(buffers)
        buffers.append(_table(b, "Buffer", Data=data))
    if t.scale is not None:
        scale = b.CreateNumpyVector(np.atleast_1d(np.asarray(t.scale, np.float32)))
        zeros = np.broadcast_to(np.asarray(t.zero, np.int64), np.atleast_1d(t.scale).shape)
        zero = b.CreateNumpyVector(np.ascontiguousarray(zeros))
        fields["Quantization"] = _table(
            b, "QuantizationParameters", Scale=scale, ZeroPoint=zero, QuantizedDimension=t.axis
        )
    if t.signature:
        fields["ShapeSignature"] = _ints(b, t.signature)
    if t.variable:
        fields["IsVariable"] = True
    return _table(b, "Tensor", **fields)


def _code(b: Any, kind: str) -> int:
    if kind.startswith("CUSTOM "):
        return _table(
            b, "OperatorCode", DeprecatedBuiltinCode=32, CustomCode=b.CreateString(kind[7:]), BuiltinCode=32
        )
    number = getattr(tflite.BuiltinOperator, kind)
    version = 1 if kind in FIRST_VERSIONS else 2
    return _table(b, "OperatorCode", DeprecatedBuiltinCode=min(number, 127), Version=version, BuiltinCode=number)


def _operator(b: Any, op: Op, code: int) -> int:
    fields: dict[str, Any] = {"OpcodeIndex": code, "Inputs": _ints(b, op.inputs), "Outputs": _ints(b, op.outputs)}
    name = OPTIONS.get(op.kind)
    if name is not None:
        vectors = {k: _ints(b, v) for k, v in op.options.items() if isinstance(v, tuple)}
        vectors |= {k: int(b.CreateString(v)) for k, v in op.options.items() if isinstance(v, str)}
        fields["BuiltinOptions"] = _table(b, name, **{**op.options, **vectors})
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, name)
    return _table(b, "Operator", **fields)
