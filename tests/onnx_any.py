"""Random quantized ONNX networks as no single exporter writes them: other opsets, mixed types, odd parameters.

    PYTHONPATH=. .venv/bin/python tests/onnx_fuzz.py any FIRST COUNT

The float network is one of `onnx_drawing` with more operators, converted to another opset. Between its operators
stand quantizers of int8 and uint8, with and without zero points, shared or one a reader, followed by an integer
Clip or read with another scale; weights are asymmetric, turned, or still float with fake quantization.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter
from onnx_drawing import COMPUTED, LAYOUT, Drawing, function
from onnx_wrapping import KEEPING, WEIGHTED, Wrapping

from ircompile.ir.tensor import Array

FLOAT32 = np.float32


def same(d: Drawing) -> None:
    """A convolution with auto_pad, at times two of one weight tensor."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, channels, height, width) = value
    kernel, stride = [d.size(1, 4), d.size(1, 4)], [d.size(1, 3), d.size(1, 2)]
    style = str(d.rng.choice(["SAME_UPPER", "SAME_LOWER"]))
    weights = d.const(channels, channels, *kernel, scale=0.4)
    sizes = [-(-n // s) for n, s in zip((height, width), stride, strict=True)]
    d.add("Conv", (1, channels, *sizes), x, weights, kernel_shape=kernel, strides=stride, auto_pad=style)
    if d.chance(2) and d.values[-1][1] == (1, channels, *sizes):
        sizes = [-(-n // s) for n, s in zip(sizes, stride, strict=True)]
        last = d.values[-1][0]
        d.add("Conv", (1, channels, *sizes), last, weights, kernel_shape=kernel, strides=stride, auto_pad=style)


def spread(d: Drawing) -> None:
    """ConvTranspose with pads, output_padding and groups."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, channels, height, width) = value
    kernel, stride = [d.size(1, 4), d.size(1, 4)], [d.size(1, 3), d.size(1, 3)]
    pads = [d.size(0, k - 1) for k in (*kernel, *kernel)]
    extra = [d.size(0, s - 1) if d.chance(3) else 0 for s in stride]
    group = channels if d.chance(4) else 1
    out = d.size(1, 3)
    sizes = [
        (n - 1) * s + k - pads[a] - pads[a + 2] + extra[a]
        for a, (n, s, k) in enumerate(zip((height, width), stride, kernel, strict=True))
    ]
    weights = d.const(channels, out, *kernel, scale=0.4)
    bias = [d.const(group * out)] if d.chance(2) else []
    options: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": pads, "group": group}
    if min(sizes) > 0:
        d.add("ConvTranspose", (1, group * out, *sizes), x, weights, *bias, output_padding=extra, **options)


def edges(d: Drawing) -> None:
    """Slices with negative bounds and steps, empty ones too, and bounds far outside."""
    value = d.pick()
    assert value
    x, shape = value
    axis = d.size(0, len(shape) - 1)
    start, stop = d.size(-shape[axis] - 2, shape[axis] + 1), int(d.rng.choice([-1, 1, shape[axis], 2**31 - 1]))
    step = int(d.rng.choice([1, 1, 2, -1, 3]))
    count = len(range(shape[axis])[start:stop:step])
    sizes = (*shape[:axis], count, *shape[axis + 1 :])
    names = [d.net.const([v], np.int64) for v in (start, stop, axis - len(shape) if d.chance(2) else axis, step)]
    if count or d.chance(10):
        d.values.append((d.net.node("Slice", x, *names), sizes))
        if not count:
            d.values.pop()


def counted(d: Drawing) -> None:
    """Reshape with 0 for a kept size and -1 for the rest."""
    value = d.pick(3, 4)
    if value is None:
        return
    x, shape = value
    keep = d.size(1, len(shape) - 1)
    sizes = (*shape[:keep], int(np.prod(shape[keep:])))
    given = [0 if d.chance(2) else n for n in shape[:keep]] + [-1]
    d.add("Reshape", sizes, x, d.net.const(given, np.int64))


def reversed_constant(d: Drawing) -> None:
    """A constant first: Sub, Div, Pow, Max of a constant and a tensor; a tensor with itself."""
    value = d.pick()
    assert value
    x, shape = value
    kind = str(d.rng.choice(["Sub", "Div", "Max", "Min", "Add", "Mul"]))
    if d.chance(3):
        d.add(kind if kind != "Div" else "Sub", shape, x, x)
        return
    sizes = [1] * len(shape)
    if d.chance(2):
        axis = d.size(1, len(shape) - 1)
        sizes[axis] = shape[axis]
    d.add(kind, shape, d.const(*sizes), x)


def bounded(d: Drawing) -> None:
    """A Clip with one bound only, or both the wrong way round."""
    value = d.pick()
    assert value
    low, high = (d.net.const(b, FLOAT32) for b in d.rng.normal(size=2))
    bounds = [[low], ["", high], [low, high], []][d.size(0, 3)]
    d.add("Clip", value[1], value[0], *bounds)


def borders(d: Drawing) -> None:
    """Pad by reflection or by the edge; of the batch, too."""
    value = d.pick(4)
    if value is None:
        return
    x, shape = value
    amounts = [0, 0, *(d.size(0, min(2, n - 1)) for n in shape[2:])] * 2
    if d.chance(3):
        amounts = [d.size(-1, 2) if n > 2 else 0 for n in (*shape, *shape)]
    half = len(shape)
    sizes = tuple(n + amounts[a] + amounts[a + half] for a, n in enumerate(shape))
    mode = str(d.rng.choice(["reflect", "edge", "constant"]))
    if min(sizes) > 0 and sizes[0] == 1 and (mode == "constant" or min(amounts) >= 0):
        d.add("Pad", sizes, x, d.net.const(amounts, np.int64), mode=mode)


def dense_first(d: Drawing) -> None:
    """Gemm with alpha, beta and a bias of any shape; MatMul with the constant first."""
    value = d.pick(2, 3)
    if value is None:
        return
    x, shape = value
    out = d.size(1, 6)
    if len(shape) == 2 and d.chance(2):
        bias = [d.const(*[(out,), (1, out), (1,), (1, 1)][d.size(0, 3)])]
        options = {"alpha": float(d.rng.choice([1.0, 0.5, -1.0])), "beta": float(d.rng.choice([1.0, 2.0, 0.0]))}
        d.add("Gemm", (shape[0], out), x, d.const(shape[1], out, scale=0.4), *bias, **options)
    elif d.chance(2):
        d.add("MatMul", (*shape[:-2], out, shape[-1]), d.const(out, shape[-2], scale=0.4), x)
    else:
        d.add("MatMul", (*shape[:-1],), x, d.const(shape[-1], scale=0.4))


def resized(d: Drawing) -> None:
    """Resize to sizes that are no multiples."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, c, h, w) = value
    sizes = [d.size(1, 2 * h), d.size(1, 2 * w)]
    places = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
    options: dict[str, Any] = {"coordinate_transformation_mode": str(d.rng.choice(places))}
    mode = "nearest" if d.chance(2) else "linear"
    if mode == "nearest":
        options["nearest_mode"] = str(d.rng.choice(["floor", "round_prefer_floor", "round_prefer_ceil", "ceil"]))
    d.add("Resize", (1, c, *sizes), x, "", "", d.net.const([1, c, *sizes], np.int64), mode=mode, **options)


def pooled(d: Drawing) -> None:
    """Pools with auto_pad and dilations."""
    value = d.pick(4)
    if value is None:
        return
    x, (_, c, h, w) = value
    kernel, stride = [d.size(1, min(3, h)), d.size(1, min(3, w))], [d.size(1, 2), d.size(1, 3)]
    if d.chance(2):
        style = str(d.rng.choice(["SAME_UPPER", "SAME_LOWER"]))
        sizes = [-(-n // s) for n, s in zip((h, w), stride, strict=True)]
        kind = "MaxPool" if d.chance(2) else "AveragePool"
        d.add(kind, (1, c, *sizes), x, kernel_shape=kernel, strides=stride, auto_pad=style)
    else:
        reach = [2 * (k - 1) + 1 for k in kernel]
        sizes = [(n - r) // s + 1 for n, r, s in zip((h, w), reach, stride, strict=True)]
        if min(sizes) > 0:
            d.add("MaxPool", (1, c, *sizes), x, kernel_shape=kernel, strides=stride, dilations=[2, 2])


def repeated(d: Drawing) -> None:
    """Tile or Expand."""
    value = d.pick()
    assert value
    x, shape = value
    times = [1, *(d.size(1, 2) for _ in shape[1:])]
    ones = [axis for axis, n in enumerate(shape) if n == 1 and axis > 0]
    if ones and d.chance(2):
        sizes = tuple(d.size(1, 4) if axis in ones else n for axis, n in enumerate(shape))
        d.add("Expand", sizes, x, d.net.const(sizes, np.int64))
    else:
        sizes = tuple(n * t for n, t in zip(shape, times, strict=True))
        d.add("Tile", sizes, x, d.net.const(times, np.int64))


ODD: list[Callable[[Drawing], None]] = [
    same, same, spread, edges, counted, reversed_constant, bounded, borders, dense_first, resized, pooled, repeated,
]  # fmt: skip


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
