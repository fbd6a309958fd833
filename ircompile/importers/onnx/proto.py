"""An ONNX protobuf, read without trusting it.

Nothing here allocates more than the file holds: dims are compared with the bytes that are there before an array
is made, and weights outside of the file are only read from within the model's folder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

from ircompile.errors import CompileError
from ircompile.importers.damaged_files import printable
from ircompile.ir.tensor import Array

FIELDS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
MAX_ELEMENTS = 2**26
MAX_RANK = 32  # NumPy's own limit for broadcasting
GRAPH = object()
"""What stands for an attribute that is a graph."""
STANDARD = ("", "ai.onnx")
TYPES: dict[int, str] = {number: name for name, number in onnx.AttributeProto.AttributeType.items()}
HINT_CHECKER = "onnx.checker.check_model tells what else is wrong with the file"
HINT_WHOLE = "copy or export the file again"


def load(path: Path) -> Any:
    """The ModelProto of a file, local functions inlined; raises CompileError where it is not ONNX."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CompileError(str(path), f"cannot be read: {error.strerror}", "a .onnx file") from None
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise CompileError(str(path), f"is not whole ONNX: {error}", "ONNX protobufs", HINT_WHOLE) from None
    if not model.HasField("graph") or not model.graph.output:
        raise CompileError(str(path), "holds no ONNX graph", "ONNX protobufs", HINT_WHOLE)
    _check_texts(model, path)
    if model.graph.sparse_initializer:
        raise CompileError(str(path), "has sparse initializers", "dense initializers")
    return _inlined(model, path) if model.functions else model


def _check_texts(message: Any, path: Path) -> None:
    """Raises CompileError where a name is no UTF-8, which protobuf hands on as bytes, or holds a NUL."""
    messages = [message]
    while messages:
        for field, value in messages.pop().ListFields():
            if field.type == field.TYPE_MESSAGE:
                messages += [value] if hasattr(value, "ListFields") else list(value)
            if field.type != field.TYPE_STRING:
                continue
            if any(
                isinstance(v, bytes) or "\0" in v for v in ([value] if isinstance(value, str | bytes) else value)
            ):
                raise CompileError(
                    str(path), f"its field {field.name} holds what is no text", "names in UTF-8", HINT_WHOLE
                )


def _inlined(model: Any, path: Path) -> Any:
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # whatever the C++ side raises on a damaged function
        raise CompileError(str(path), f"has functions that cannot be inlined: {error}", "plain operators") from None


def opset(model: Any, path: Path) -> int:
    """The version of the ai.onnx operators; raises CompileError outside of what is understood."""
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    version = max(versions, default=1 if model.ir_version < 3 else 0)
    if not 10 <= version <= 25:
        raise CompileError(
            str(path), f"uses opset {version}", "opsets 10 to 25", "convert it with onnx.version_converter"
        )
    return int(version)


def product(shape: Sequence[int]) -> int:
    """Elements of a shape, without overflow."""
    total = 1
    for size in shape:
        total *= int(size)
    return total


def to_array(tensor: Any, folder: Path, where: str) -> Array:
    """The array of a TensorProto; raises CompileError where it is damaged or lies outside of `folder`."""
    count = product(tensor.dims)
    if any(size < 0 for size in tensor.dims) or count > MAX_ELEMENTS or len(tensor.dims) > MAX_RANK:
        raise CompileError(
            where, f"constant {tensor.name!r} has shape {list(tensor.dims)[:8]}", "up to 2^26 elements"
        )
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _internal(tensor, folder, where, count)
    elif not any(len(getattr(tensor, field)) for field in FIELDS) and count:
        raise CompileError(where, f"constant {tensor.name!r} has no data", "constants with data", HINT_WHOLE)
    try:
        array = np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:  # a wrong length, an unknown type: onnx raises several kinds
        raise CompileError(where, f"constant {tensor.name!r} is damaged: {error}", "", HINT_WHOLE) from None
    if array.dtype.kind == "c":
        raise CompileError(where, f"constant {tensor.name!r} is complex", "real numbers")
    if array.dtype.kind not in "biufSUO":  # 4-bit types of ml_dtypes and their like
        name = array.dtype.name
        array = array.astype(narrow_type(name) if "int" in name else np.float32)
    return array


def narrow_type(name: str) -> Any:
    """int8 that remembers the integer type of fewer bits, such as "uint4", that its numbers come from."""
    return np.dtype(np.int8, metadata={"type": name})


def type_name(array: Array) -> str:
    """The name of an array's type in the file: "int4" for numbers of an int8 array that come from one."""
    known: dict[str, str] = dict(array.dtype.metadata or {})
    return known.get("type", str(array.dtype))


def _internal(tensor: Any, folder: Path, where: str, count: int) -> Any:
    """The tensor with the bytes of its external file inside of it."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    root = folder.resolve()
    try:
        target = (root / location).resolve()
    except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
        raise CompileError(where, f"external data {location[:80]!r} cannot be found: {error}") from None
    if not location or root not in target.parents:
        raise CompileError(
            where,
            f"constant {tensor.name!r} lies in {location!r}, outside of the model's folder",
            "external data beside the model",
        )
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", "0")) or _bytes(tensor.data_type, count)
        if offset < 0 or not 0 <= length <= 8 * MAX_ELEMENTS:
            raise ValueError(f"offset {offset}, length {length}")
        with target.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
    except (OSError, ValueError, KeyError) as error:
        raise CompileError(
            where, f"external data {location!r} of {tensor.name!r} cannot be read: {error}"
        ) from None
    whole = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    whole.raw_data = data
    return whole


def _bytes(data_type: int, count: int) -> int:
    return int(count * helper.tensor_dtype_to_np_dtype(data_type).itemsize)


def attributes(node: Any, folder: Path, where: str) -> dict[str, Any]:
    """A node's attributes as Python values: tensors as arrays, bytes as text, graphs as `GRAPH`."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            found[attribute.name] = GRAPH
        elif attribute.type == onnx.AttributeProto.TENSOR:
            found[attribute.name] = to_array(attribute.t, folder, where)
        else:
            try:
                found[attribute.name] = _plain(helper.get_attribute_value(attribute))
            except Exception as error:  # an unknown attribute type, or none of a number, a text or a list
                raise CompileError(where, f"attribute {attribute.name!r} cannot be read: {error}") from None
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return printable(value.decode("utf-8", "replace"))
    if isinstance(value, int | float | str):
        return value
    return tuple(_plain(item) for item in value)


def check_form(node: Any, version: int, where: str) -> None:
    """Raises CompileError where a node has not the form that its operator has in opset `version`.

    Operators of other domains than ONNX's own have no schema here, and pass.
    """
    if node.domain not in STANDARD or not onnx.defs.has(node.op_type, version, ""):
        return
    schema = onnx.defs.get_schema(node.op_type, version, "")
    low, high = schema.min_input, schema.max_input
    if not low <= len(node.input) <= high:
        count = f"{low}" if low == high else f"{low} to {high}" if high < 2**31 - 1 else f"{low} and more"
        raise CompileError(where, f"has {len(node.input)} operands", count, HINT_CHECKER)
    for name, formal in zip(node.input, schema.inputs, strict=False):
        if not name and formal.option == onnx.defs.OpSchema.FormalParameterOption.Single:
            raise CompileError(
                where, f"has no operand {formal.name!r}", "all that its operator needs", HINT_CHECKER
            )
    given = {attribute.name: attribute for attribute in node.attribute}
    for name, known in schema.attributes.items():
        if name in given and given[name].type != known.type.value:
            kind = TYPES.get(given[name].type, "unknown")
            raise CompileError(where, f"attribute {name} is of type {kind}", known.type.name, HINT_CHECKER)
        if known.required and name not in given:
            raise CompileError(where, f"has no attribute {name!r}", "all that its operator needs", HINT_CHECKER)
