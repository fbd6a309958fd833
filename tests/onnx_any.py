"""Random quantized ONNX networks as no single exporter writes them: other opsets, mixed types, odd parameters.

    PYTHONPATH=. .venv/bin/python tests/onnx_fuzz.py any FIRST COUNT

The float network has operators of `onnx_drawing` and `onnx_odd`, converted to another opset. Between them stand
quantizers of int8 and uint8, with and without zero points, shared or one a reader, followed by an integer Clip or
read with another scale; weights are asymmetric, turned, or still float with fake quantization.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter
from onnx_drawing import COMPUTED, function
from onnx_layouts import LAYOUT
from onnx_odd import ODD
from onnx_sketch import Drawing
from onnx_wrapping import KEEPING, WEIGHTED, Wrapping

from ircompile.ir.tensor import Array

FLOAT32 = np.float32


class Wild(Wrapping):
    """Quantizers as different writers and hand-made files have them."""

    def pair(self, name: str, scale: tuple[float, int] | None = None) -> None:
        """The pair behind a tensor in one of many forms; now and then none: two operators stand in float."""
        if scale is None and name in self.made and self.rng.integers(9) == 0:
            self.names[name] = name
            return
        if scale is None:
            self.dtype = np.int8 if self.rng.integers(2) else np.uint8
        elif name in self.types:
            self.dtype = self.types[name]
        factor, zero = scale or self.quantization(name)
        self.scales[name], self.types[name] = (factor, zero), self.dtype
        points = self.points(factor, zero)
        self.nodes.append(helper.make_node("QuantizeLinear", [name, *points], [f"{name}_q"]))
        code = f"{name}_q"
        if self.rng.integers(12) == 0:
            low, high = sorted(int(v) for v in self.rng.integers(np.iinfo(self.dtype).min, 128, 2))
            bounds = [self.const(low, self.dtype), self.const(high, self.dtype)]
            self.nodes.append(helper.make_node("Clip", [code, *bounds], [f"{name}_clipped"]))
            code = f"{name}_clipped"
        if self.rng.integers(15) == 0:  # read at another scale than it was written
            factor *= 1.5
            points = self.points(factor, zero)
            self.scales[name] = factor, zero
        self.codes[name] = code
        self.nodes.append(helper.make_node("DequantizeLinear", [code, *points], [f"{name}_dq"]))
        self.names[name] = f"{name}_dq"
        if self.rng.integers(10) == 0:
            kind, extra = [("Identity", {}), ("Dropout", {}), ("Cast", {"to": TensorProto.FLOAT})][
                int(self.rng.integers(3))
            ]
            self.nodes.append(helper.make_node(kind, [self.names[name]], [f"{name}_same"], **extra))
            self.names[name] = f"{name}_same"

    def points(self, factor: float, zero: int) -> list[str]:
        """Scale and zero point: scalars or of one element, initializers or Constant nodes; no zero point for 0."""
        shape: tuple[int, ...] = (1,) if self.rng.integers(5) == 0 else ()
        found = [self.named(np.full(shape, factor, FLOAT32))]
        if zero != 0 or self.dtype != np.uint8 or self.rng.integers(3):
            found.append(self.named(np.full(shape, zero, self.dtype)))
        return found

    def named(self, value: Array) -> str:
        """A constant, as an initializer or as a node."""
        if self.rng.integers(4):
            return self.const(value, value.dtype)
        name = f"k{len(self.nodes)}"
        self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name)))
        return name

    def weights(self, name: str, axis: int | None) -> str:
        """A constant in one of many forms: int8 or uint8 with zero points, turned, fake-quantized, or float."""
        number = self.constants[name].astype(FLOAT32)
        style = int(self.rng.integers(8))
        if style == 0:
            return name
        if style == 1 and number.ndim == 2:
            return self.turned(number, axis)
        if style in (2, 3) and number.size:
            return self.asymmetric(number, axis if style == 2 else None)
        if style == 4:
            points = (
                self.const(max(float(np.abs(number).max(initial=0)) / 127, 1e-4), FLOAT32),
                self.const(0, np.int8),
            )
            made = [f"{name}_w{len(self.nodes)}", f"{name}_v{len(self.nodes)}"]
            self.nodes.append(helper.make_node("QuantizeLinear", [name, *points], made[:1]))
            self.nodes.append(helper.make_node("DequantizeLinear", [made[0], *points], made[1:]))
            return made[1]
        return super().weights(name, axis)

    def turned(self, number: Array, axis: int | None) -> str:
        """Weights that a Transpose behind their DequantizeLinear turns."""
        self.constants["turned"] = np.ascontiguousarray(number.T)
        inner = super().weights("turned", None if axis is None else 1 - axis % 2)
        name = f"turned{len(self.nodes)}"
        self.nodes.append(helper.make_node("Transpose", [inner], [name], perm=[1, 0]))
        return name

    def asymmetric(self, number: Array, axis: int | None) -> str:
        """Weights with zero points, a tensor or a channel, along an axis that may be negative."""
        dtype = np.int8 if self.rng.integers(2) else np.uint8
        info = np.iinfo(dtype)
        if axis is None or number.ndim < 2:
            axis, over, shape = None, None, (1,) * number.ndim
        else:
            axis %= number.ndim
            over = tuple(a for a in range(number.ndim) if a != axis)
            shape = tuple(n if a == axis else 1 for a, n in enumerate(number.shape))
        low, high = np.minimum(number.min(over), 0), np.maximum(number.max(over), 0)
        scale = np.maximum((high - low) / 255, 1e-4).astype(FLOAT32)
        zero = np.clip(np.rint(info.min - low / scale), info.min, info.max)
        real = number / scale.reshape(shape) + zero.reshape(shape)
        codes = np.clip(np.rint(real), info.min, info.max)
        name = f"odd{len(self.nodes)}"
        inputs = [self.const(codes, dtype), self.const(scale, FLOAT32), self.const(zero, dtype)]
        sign = axis - number.ndim if axis is not None and self.rng.integers(2) else axis
        attributes = {} if sign is None else {"axis": sign}
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [name], **attributes))
        return name

    def node(self, node: Any) -> None:
        """One operator; a bias may be int32 or int8 codes of any scale."""
        self.made |= set(node.output)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(node.input):
            number = self.constants.get(name)
            if name in self.names:
                copy.input[place] = self.reader(name)
            elif number is not None and number.dtype == FLOAT32 and place == 1 and node.op_type in WEIGHTED:
                axis = WEIGHTED[node.op_type]
                turned = any(a.name == "transB" and a.i for a in node.attribute)
                axis = 0 if turned else number.ndim - 1 if node.op_type == "MatMul" else axis
                copy.input[place] = self.weights(name, axis if self.rng.integers(2) else None)
            elif number is not None and place == 2 and node.op_type in WEIGHTED and self.rng.integers(6) == 0:
                copy.input[place] = self.bias(number)
            elif number is not None and number.dtype == FLOAT32 and node.op_type in ("Add", "Mul", "Sub", "PRelu"):
                copy.input[place] = self.weights(name, None) if self.rng.integers(2) else name
        copy.name = "" if self.rng.integers(3) == 0 else copy.name
        self.nodes.append(copy)
        keep = node.op_type in KEEPING and node.input[0] in self.scales and self.rng.integers(4)
        for name in node.output:
            if name in self.ranges:
                if keep:
                    self.types[name] = self.types[node.input[0]]
                self.pair(name, self.scales[node.input[0]] if keep else None)

    def reader(self, name: str) -> str:
        """The dequantized tensor, from the shared DequantizeLinear or from one of its own."""
        if name not in self.codes or self.rng.integers(4):
            return self.names[name]
        made = f"{name}_own{len(self.nodes)}"
        self.dtype = self.types[name]
        points = self.points(*self.scales[name])
        self.nodes.append(helper.make_node("DequantizeLinear", [self.codes[name], *points], [made]))
        return made

    def bias(self, number: Array) -> str:
        """A bias as codes of a scale that need not be the product of the others."""
        scale = np.float32(
            max(float(np.abs(number).max(initial=0)), 1e-3) / (2**20 if self.rng.integers(2) else 2**10)
        )
        name = f"bias{len(self.nodes)}"
        inputs = [self.const(np.rint(number / scale), np.int32), self.const(scale, FLOAT32)]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [name]))
        return name

    def run(self) -> Any:
        """The quantized model; outputs are real values or codes, at times one twice or an input."""
        self.made: set[str] = set()
        self.types: dict[str, Any] = {}
        self.codes: dict[str, str] = {}
        model = super().run()
        if self.rng.integers(4) == 0:
            for output in model.graph.output:
                plain = next((n for n, made in self.names.items() if made == output.name), "")
                if plain in self.codes:
                    output.name = self.codes[plain]
                    output.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(self.types[plain]))
        return model


def draw_any(seed: int) -> tuple[Drawing, Any]:
    """The network of a seed, and its quantized model; raises what onnx raises where it cannot be converted."""
    d = Drawing(seed + 2**33)
    kinds = LAYOUT + COMPUTED + ODD * 2
    for _ in range(d.size(1, 7)):
        kinds[int(d.rng.integers(len(kinds)))](d)
    if len(d.values) == 1:
        function(d)
    model = d.finish().model()
    opset = int(d.rng.choice([11, 12, 13, 13, 15, 17, 18, 19, 20, 21, 22]))
    with contextlib.suppress(Exception):  # an operator that the converter has no rule for
        model = version_converter.convert_version(model, opset)
    feeds = {"x": d.rng.standard_normal(d.shape).astype(FLOAT32)}
    del model.graph.value_info[:]
    made = Wild(model, feeds, d.rng).run()
    made.ir_version = 10
    return d, made
