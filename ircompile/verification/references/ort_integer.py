"""The integer form of a quantized ONNX model: int8 activations as uint8, everything fused that can be."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ircompile.verification.references.base import require
from ircompile.verification.references.ort_session import open_session, saturates

_RENAMED = "qdq_s8_to_u8_quant"
"""How ONNX Runtime's optimizer calls a tensor that it moves to uint8."""
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
_DEPENDENT = ("Pad", "Relu", "Resize", "Upsample")
_PRODUCTS = ("QLinearConv", "QLinearMatMul", "QGemm")


def integer_form(model: onnx.ModelProto) -> tuple[onnx.ModelProto, frozenset[str]]:
    """The model with int8 activations moved to uint8, and the names of the tensors moved.

    Before: Q(x, s, zp int8) -> DQ(., s, zp)      After: Q(x, s, zp + 128 uint8) -> DQ(., s, zp + 128)

    Exact, because a quantized value only ever appears as value - zero point, and the clamp to
    [-128, 127] becomes the clamp to [0, 255]. ONNX Runtime fuses the uint8 form everywhere, the int8
    form only where one DequantizeLinear reads the tensor. A model in which other operators hold int8
    constants (QOperator with int8 activations), or depend on codes (a Pad without a value, a Relu, a Resize), is
    returned as it is.
    """
    form = onnx.ModelProto()
    form.CopyFrom(model)
    _constants_to_initializers(form)
    constants = {i.name: i for i in form.graph.initializer}
    int8 = {name for name, value in constants.items() if value.data_type == onnx.TensorProto.INT8}
    if any(name in int8 for n in form.graph.node if n.op_type not in _QUANTIZERS for name in n.input):
        return form, frozenset()
    shifted: dict[str, str] = {}
    moved: set[str] = set()
    weights = set(constants)
    for node in form.graph.node:
        if node.op_type not in _QUANTIZERS or len(node.input) < 3 or node.input[2] not in int8:
            continue
        if node.input[0] in weights:
            weights.add(node.output[0])  # a weight, perhaps still stored as float
            continue
        moved.add(node.output[0] if node.op_type == "QuantizeLinear" else node.input[0])
        node.input[2] = _shifted(form, constants, shifted, node.input[2])
    _move_types(form, moved)
    if any(n.op_type in _DEPENDENT and moved.intersection(n.input) for n in form.graph.node):
        return model, frozenset()
    return form, frozenset(moved)


def optimized(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """The model as ONNX Runtime's optimizer leaves it, without layouts private to one processor."""
    ort = require("onnxruntime", "onnxruntime", where)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimized.onnx"

        def written(options: Any) -> None:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            options.optimized_model_filepath = str(path)

        open_session(model.SerializeToString(), where, change=written)
        found = onnx.load_model(path)
    if saturates():
        move_weights(found)
    return found


def with_names_of(model: onnx.ModelProto, fused: onnx.ModelProto) -> frozenset[str]:
    """Names back, in `fused`, the tensors that the optimizer itself moved to uint8; returns those names.

    Such a tensor stands behind the only QuantizeLinear of a float tensor, or before a DequantizeLinear of the same
    output. Between fused operators nothing says which tensor of `model` it is.
    """
    quantized: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            quantized.setdefault(node.input[0], []).append(node.output[0])
    read = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    back: dict[str, str] = {}
    for node in fused.graph.node:
        if node.op_type == "QuantizeLinear" and node.output[0].startswith(_RENAMED):
            names = quantized.get(node.input[0], [])
            back |= {node.output[0]: names[0]} if len(names) == 1 else {}
        elif node.op_type == "DequantizeLinear" and node.input[0].startswith(_RENAMED) and node.output[0] in read:
            back[node.input[0]] = read[node.output[0]]
    here = {name for node in fused.graph.node for name in (*node.input, *node.output)}
    back = {name: old for name, old in back.items() if old not in here}
    for node in fused.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = back.get(name, name)
    return frozenset(back.values())


def move_weights(model: onnx.ModelProto) -> None:
    """int8 weights that uint8 activations are multiplied with become uint8, their zero points with them.

    The same sums, for a weight, too, only appears as value - zero point; and no product of these types saturates.
    ONNX Runtime does it on request (`session_options`), but not where tensors share weights.
    """
    constants = {i.name: i for i in model.graph.initializer}
    shifted: dict[str, str] = {}

    def is_of(name: str, kind: int) -> bool:
        return name in constants and constants[name].data_type == kind

    for node in model.graph.node:
        if node.op_type in _PRODUCTS and is_of(node.input[2], onnx.TensorProto.UINT8):
            for position in (3, 5):  # weights and their zero point
                if is_of(node.input[position], onnx.TensorProto.INT8):
                    node.input[position] = _shifted(model, constants, shifted, node.input[position])


def all_visible(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every tensor an output."""
    visible = onnx.ModelProto()
    visible.CopyFrom(model)
    known = {o.name for o in visible.graph.output} | {i.name for i in visible.graph.input}
    for node in visible.graph.node:
        visible.graph.output.extend(onnx.ValueInfoProto(name=n) for n in node.output if n and n not in known)
    return visible


def _constants_to_initializers(model: onnx.ModelProto) -> None:
    constants = [n for n in model.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"]
    for node in constants:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        model.graph.initializer.append(tensor)
        model.graph.node.remove(node)


def _shifted(
    model: onnx.ModelProto, constants: dict[str, onnx.TensorProto], shifted: dict[str, str], constant: str
) -> str:
    """The name of the uint8 constant which stands for an int8 one."""
    if constant not in shifted:
        name = f"{constant}_as_uint8"
        value = numpy_helper.to_array(constants[constant]).astype(np.int16) + 128
        model.graph.initializer.append(numpy_helper.from_array(value.astype(np.uint8), name))
        shifted[constant] = name
    return shifted[constant]


def _move_types(model: onnx.ModelProto, moved: set[str]) -> None:
    """Spread the change through operators that only move data, and correct the declared types."""
    for node in model.graph.node:
        if node.op_type not in _QUANTIZERS and any(name in moved for name in node.input):
            moved.update(node.output)
    for value in [*model.graph.input, *model.graph.output]:
        if value.name in moved and value.type.tensor_type.elem_type == onnx.TensorProto.INT8:
            value.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    del model.graph.value_info[:]
