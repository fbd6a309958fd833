"""A float ONNX model with a QuantizeLinear and a DequantizeLinear behind every input and operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ircompile.ir.tensor import Array

WEIGHTED = {"Conv": 0, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
"""The axis of the output channels of each operator's weights."""
KEEPING = (
    "MaxPool", "Concat", "Resize", "Reshape", "Transpose", "Pad", "Slice", "Split", "Gather", "Squeeze",
    "Unsqueeze", "Flatten", "Identity", "DepthToSpace", "SpaceToDepth", "GlobalMaxPool", "ReduceMax", "ReduceMin",
)  # fmt: skip


class Wrapping:
    """The quantized model in the making; every choice is drawn from `rng`."""

    def __init__(self, model: Any, feeds: Mapping[str, Array], rng: np.random.Generator) -> None:
        self.model, self.rng = model, rng
        self.dtype = np.int8 if rng.integers(2) else np.uint8
        self.ranges = ranges_of(model, feeds)
        self.constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self.nodes: list[Any] = []
        self.added: list[Any] = []
        self.scales: dict[str, tuple[float, int]] = {}
        self.names: dict[str, str] = {}

    def const(self, value: Any, dtype: Any) -> str:
        name = f"q{len(self.added)}"
        self.added.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def quantization(self, name: str) -> tuple[float, int]:
        """A scale that holds the tensor's values, at times too fine or too coarse, and a zero point."""
        low, high = self.ranges[name]
        low, high = min(low, 0.0), max(high, 0.0)
        scale = max((high - low) / 255, 1e-3) * float(self.rng.choice([1, 1, 1, 0.4, 5]))
        info = np.iinfo(self.dtype)
        return float(np.float32(scale)), int(np.clip(np.rint(info.min - low / scale), info.min, info.max))

    def pair(self, name: str, scale: tuple[float, int] | None = None) -> None:
        """Appends the pair behind a tensor; its readers read the pair."""
        scale = scale or self.quantization(name)
        self.scales[name] = scale
        points = self.const(scale[0], np.float32), self.const(scale[1], self.dtype)
        self.nodes.append(helper.make_node("QuantizeLinear", [name, *points], [f"{name}_q"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *points], [f"{name}_dq"]))
        self.names[name] = f"{name}_dq"

    def weights(self, name: str, axis: int | None) -> str:
        """A constant as int8 codes behind DequantizeLinear, one scale a channel where `axis` is given."""
        number = self.constants[name].astype(np.float32)
        if axis is not None and number.ndim == 1:
            axis = None
        over = None if axis is None else tuple(a for a in range(number.ndim) if a != axis % number.ndim)
        largest = np.max(np.abs(number), axis=over, initial=0)
        scale = np.maximum(largest / 127, 1e-4).astype(np.float32)
        shape = [1] * number.ndim
        if axis is not None:
            shape[axis % number.ndim] = -1
        codes = np.clip(np.rint(number / scale.reshape(shape) if axis is not None else number / scale), -127, 127)
        attributes = {} if axis is None else {"axis": axis % number.ndim}
        inputs = [
            self.const(codes, np.int8),
            self.const(scale, np.float32),
            self.const(np.zeros(scale.shape), np.int8),
        ]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [f"{name}_{len(self.nodes)}"], **attributes))
        return str(self.nodes[-1].output[0])

    def node(self, node: Any) -> None:
        """One operator of the model and the pairs behind its outputs."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(node.input):
            number = self.constants.get(name)
            if name in self.names:
                copy.input[place] = self.names[name]
            elif number is not None and place == 1 and node.op_type in WEIGHTED:
                axis = WEIGHTED[node.op_type]
                turned = any(a.name == "transB" and a.i for a in node.attribute)
                axis = 0 if turned else number.ndim - 1 if node.op_type == "MatMul" else axis
                copy.input[place] = self.weights(name, axis if self.rng.integers(2) else None)
            elif (
                number is not None and number.dtype == np.float32 and node.op_type in ("Add", "Mul", "Sub", "PRelu")
            ):
                copy.input[place] = self.weights(name, None) if self.rng.integers(2) else name
        self.nodes.append(copy)
        keep = node.op_type in KEEPING and node.input[0] in self.scales and self.rng.integers(4)
        for name in node.output:
            if name in self.ranges:
                self.pair(name, self.scales[node.input[0]] if keep else None)

    def run(self) -> Any:
        """The quantized model."""
        graph = self.model.graph
        for value in graph.input:
            if value.name not in self.constants:
                self.pair(value.name)
        for node in graph.node:
            self.node(node)
        outputs = [
            helper.make_tensor_value_info(self.names.get(o.name, o.name), o.type.tensor_type.elem_type, None)
            for o in graph.output
        ]
        inputs = [i for i in graph.input if i.name not in self.constants]
        made = helper.make_graph(self.nodes, "net", inputs, outputs, [*graph.initializer, *self.added])
        return helper.make_model(made, opset_imports=self.model.opset_import, ir_version=8)


def ranges_of(model: Any, feeds: Mapping[str, Array]) -> dict[str, tuple[float, float]]:
    """The least and the greatest value of every float tensor of one inference."""
    import onnxruntime

    visible = onnx.ModelProto()
    visible.CopyFrom(model)
    known = {o.name for o in visible.graph.output}
    visible.graph.output.extend(
        onnx.ValueInfoProto(name=name)
        for node in visible.graph.node
        for name in node.output
        if name and name not in known
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(visible.SerializeToString(), options)
    names = [o.name for o in session.get_outputs()]
    found = dict(zip(names, session.run(names, dict(feeds)), strict=True)) | dict(feeds)
    return {
        name: (float(np.nan_to_num(array).min()), float(np.nan_to_num(array).max()))
        for name, array in found.items()
        if array.dtype == np.float32 and array.size
    }


def wrapped(model: Any, feeds: Mapping[str, Array], seed: int) -> Any:
    """The model with quantizers around every operator."""
    del model.graph.value_info[:]
    return Wrapping(model, feeds, np.random.default_rng(seed)).run()
