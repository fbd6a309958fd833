"""Damaged .onnx files, one a seed: networks that the tests draw with parts of their structure or bytes changed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx_drawing import draw
from onnx_fuzz import odd, quantized

ORIGINS, SPAN = 48, 10_000
"""Sound files that the seeds of a span damage."""
NUMBERS = [0, 1, -1, 2, 3, 7, 127, 128, 255, 256, -128, 2**15, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, -(2**63)]
FLOATS = [0.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e-45, 1e-38, 3e38, 1e30, 0.5]
TEXTS = [
    "",
    "x",
    "x_q",
    "\x1b[31m",
    "a" * 3000,
    "Conv",
    "QuantizeLinear",
    "If",
    "../../etc",
    "\x80",
    "NOTSET",
    "linear",
    "reflect",
]
Mutation = Callable[[Any, np.random.Generator], None]


def chosen(rng: np.random.Generator, items: Any) -> Any:
    """One of a sequence, or None where there is none."""
    return items[int(rng.integers(len(items)))] if len(items) else None


def numbers(graph: Any, rng: np.random.Generator) -> None:
    """Values of an initializer: scales, zero points, shapes, axes, weights."""
    tensor = chosen(rng, graph.initializer)
    if tensor is None:
        return
    array = np.array(numpy_helper.to_array(tensor))
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):
        if flat.size:
            place = int(rng.integers(flat.size))
            pool = FLOATS if array.dtype.kind == "f" else NUMBERS
            flat[place] = np.array(chosen(rng, pool)).astype(array.dtype)
    if rng.integers(4) == 0:
        flat = np.concatenate([flat, flat])[: int(rng.integers(0, 2 * flat.size + 1))]
        array = flat
    if rng.integers(4) == 0:
        array = array.astype(
            chosen(rng, [np.float32, np.int8, np.uint8, np.int32, np.int64, np.float64, np.float16, np.bool_])
        )
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def dims(graph: Any, rng: np.random.Generator) -> None:
    """The declared shape of an initializer, against its data."""
    tensor = chosen(rng, graph.initializer)
    if tensor is not None:
        size = int(np.clip(chosen(rng, NUMBERS), -(2**63), 2**63 - 1))
        if len(tensor.dims) and rng.integers(3):
            tensor.dims[int(rng.integers(len(tensor.dims)))] = size
        else:
            tensor.dims.append(size)


def data_type(graph: Any, rng: np.random.Generator) -> None:
    tensor = chosen(rng, graph.initializer)
    if tensor is not None:
        tensor.data_type = int(rng.integers(0, 28))


def attribute(graph: Any, rng: np.random.Generator) -> None:
    """An attribute changed, taken away, or given a value of another type."""
    node = chosen(rng, [n for n in graph.node if n.attribute])
    if node is None:
        return
    found = chosen(rng, node.attribute)
    match int(rng.integers(7)):
        case 0:
            node.attribute.remove(found)
        case 1 if found.ints:
            found.ints[int(rng.integers(len(found.ints)))] = chosen(rng, NUMBERS)
        case 2 if found.ints:
            del found.ints[int(rng.integers(len(found.ints)))]
        case 3:
            found.ints.extend(NUMBERS[: int(rng.integers(1, 9))])
            found.type = onnx.AttributeProto.INTS
        case 4:
            found.type, found.s = onnx.AttributeProto.STRING, str(chosen(rng, TEXTS)).encode("latin-1")
        case 5:
            found.type, found.f = onnx.AttributeProto.FLOAT, chosen(rng, FLOATS)
        case _:
            found.i = chosen(rng, NUMBERS)
            found.type = int(rng.integers(0, 16)) if rng.integers(3) == 0 else found.type


def edge(graph: Any, rng: np.random.Generator) -> None:
    """An input or output of a node under another name, absent, or twice."""
    node = chosen(rng, graph.node)
    if node is None:
        return
    names = [n for m in graph.node for n in (*m.input, *m.output)] + [i.name for i in graph.initializer] + TEXTS[:4]
    side = node.input if rng.integers(3) else node.output
    if len(side) and rng.integers(4):
        side[int(rng.integers(len(side)))] = chosen(rng, names)
    elif len(side) and rng.integers(2):
        del side[int(rng.integers(len(side)))]
    else:
        side.append(chosen(rng, names))


def kind(graph: Any, rng: np.random.Generator) -> None:
    """Another operator in a node's place."""
    from ircompile.importers.onnx.operators import legality

    node = chosen(rng, graph.node)
    if node is not None:
        node.op_type = chosen(rng, [*sorted(legality()), *TEXTS])


def nodes(graph: Any, rng: np.random.Generator) -> None:
    """A node taken away, twice, or elsewhere."""
    if not len(graph.node):
        return
    at = int(rng.integers(len(graph.node)))
    copy = onnx.NodeProto()
    copy.CopyFrom(graph.node[at])
    if rng.integers(2):
        del graph.node[at]
    if rng.integers(2):
        graph.node.insert(int(rng.integers(len(graph.node) + 1)), copy)


def port(graph: Any, rng: np.random.Generator) -> None:
    """The shape, type or name of an input or output."""
    value = chosen(rng, [*graph.input, *graph.output])
    if value is None:
        return
    kind_, shape = value.type.tensor_type, value.type.tensor_type.shape
    match int(rng.integers(6)):
        case 0:
            kind_.elem_type = int(rng.integers(0, 24))
        case 1:
            shape.dim.add().dim_value = chosen(rng, NUMBERS)
        case 2 if len(shape.dim):
            del shape.dim[int(rng.integers(len(shape.dim)))]
        case 3 if len(shape.dim):
            shape.dim[int(rng.integers(len(shape.dim)))].dim_param = "N"
        case 4:
            value.name = chosen(rng, TEXTS[:4])
        case _ if len(shape.dim):
            shape.dim[int(rng.integers(len(shape.dim)))].dim_value = chosen(rng, NUMBERS)


def outside(graph: Any, rng: np.random.Generator) -> None:
    """An initializer whose data lie elsewhere, in text or nowhere."""
    tensor = chosen(rng, graph.initializer)
    if tensor is None:
        return
    tensor.ClearField("raw_data")
    if rng.integers(2):
        tensor.data_location = TensorProto.EXTERNAL
        for key, pool in (("location", TEXTS), ("offset", NUMBERS), ("length", NUMBERS)):
            if rng.integers(3):
                value = str(chosen(rng, pool)).replace("\x80", "")
                tensor.external_data.append(onnx.StringStringEntryProto(key=key, value=value))
    elif rng.integers(2):
        tensor.float_data.extend([1.0] * int(rng.integers(0, 40)))


MUTATIONS: list[Mutation] = [
    numbers,
    numbers,
    dims,
    data_type,
    attribute,
    attribute,
    edge,
    kind,
    nodes,
    port,
    outside,
]


@lru_cache(maxsize=ORIGINS)
def origin(seed: int) -> bytes:
    """A sound file: a random network, quantized, or of the form that other writers give."""
    with tempfile.TemporaryDirectory() as folder:
        while True:
            path = quantized(draw(seed), Path(folder)) if seed % 3 else odd(seed, Path(folder))
            if path is not None:
                return path.read_bytes()
            seed += 1_000_003


def origins(seed: int) -> list[bytes]:
    """The sound files of which the case of a seed, and those about it, damages one."""
    return [origin(seed // SPAN * ORIGINS + number) for number in range(ORIGINS)]


def mutated(seed: int) -> bytes:
    """The file of a seed: a few changes of its structure, at times of its bytes, too."""
    rng = np.random.default_rng([seed, 5])
    model = onnx.ModelProto.FromString(origin(seed // SPAN * ORIGINS + int(rng.integers(ORIGINS))))
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 6]))):
        with contextlib.suppress(Exception), np.errstate(all="ignore"):  # what protobuf or onnx does not take
            chosen(rng, MUTATIONS)(model.graph, rng)
    data = bytearray(model.SerializeToString())
    if rng.integers(6) == 0:
        for place in rng.integers(0, len(data), int(rng.integers(1, 5))):
            data[place] = int(rng.integers(256))
    return bytes(data[: int(rng.integers(len(data)))] if rng.integers(40) == 0 else data)
