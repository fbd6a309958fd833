"""Small ONNX models, built by hand or quantized by onnxruntime, for tests."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ircompile.errors import CompileError
from ircompile.importers.onnx import read_onnx
from ircompile.ir.tensor import Array


class Net:
    """A graph that grows by calls; every call returns the name of the tensor that it makes."""

    def __init__(self, seed: int = 0, opset: int = 13, domains: Sequence[str] = ()) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset, self.domains = opset, domains
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def const(self, value: Any, dtype: Any = None) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        name = f"block/{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def input(self, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT, name: str = "x") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: int = TensorProto.FLOAT) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, dtype, None))

    def normal(self, *shape: int, scale: float = 0.3) -> Array:
        return (self.rng.standard_normal(shape) * scale).astype(np.float32)

    def conv(self, x: str, c_in: int, c_out: int, kernel: int = 1, groups: int = 1, **attributes: Any) -> str:
        weights = self.const(self.normal(c_out, c_in // groups, kernel, kernel))
        bias = self.const(self.normal(c_out))
        pads = attributes.pop("pads", [kernel // 2] * 4)
        return self.node(
            "Conv", x, weights, bias, kernel_shape=[kernel, kernel], pads=pads, group=groups, **attributes
        )

    # The quantized side: scales are drawn, codes are drawn.

    def q(self, x: str, scale: float, zero: int | None = 0, dtype: Any = np.int8) -> str:
        points = [] if zero is None else [self.const(zero, dtype)]
        return self.node("QuantizeLinear", x, self.const(scale, np.float32), *points)

    def dq(self, x: str, scale: Any, zero: Any = 0, dtype: Any = np.int8, **attributes: Any) -> str:
        points = [] if zero is None else [self.const(zero, dtype)]
        return self.node("DequantizeLinear", x, self.const(scale, np.float32), *points, **attributes)

    def qdq(self, x: str, scale: float, zero: int = 0, dtype: Any = np.int8) -> str:
        return self.dq(self.q(x, scale, zero, dtype), scale, zero, dtype)

    def codes(self, *shape: int, dtype: Any = np.int8) -> Array:
        info = np.iinfo(dtype)
        return self.rng.integers(max(info.min, -127), info.max, shape, dtype=dtype, endpoint=True)

    def weights(self, *shape: int, axis: int | None = 0) -> str:
        """Dequantized int8 weights, one scale an index of `axis`."""
        count = 1 if axis is None else shape[axis]
        scale = self.rng.uniform(0.004, 0.01, count).astype(np.float32)
        if axis is None:
            return self.dq(self.const(self.codes(*shape)), scale[0])
        return self.dq(self.const(self.codes(*shape)), scale, np.zeros(count), axis=axis)

    def model(self) -> Any:
        graph = helper.make_graph(self.nodes, "net", self.inputs, self.outputs, self.constants)
        imports = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(d, 1) for d in self.domains)]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)

    def save(self, folder: Path, name: str = "net.onnx") -> Path:
        path = folder / name
        onnx.save(self.model(), path)
        return path


class Calibration:
    """Random pictures for onnxruntime's quantizer."""

    def __init__(self, shape: Sequence[int], count: int = 4) -> None:
        rng = np.random.default_rng(5)
        self._items: Iterator[dict[str, Array]] = iter(
            [{"x": rng.standard_normal(shape).astype(np.float32)} for _ in range(count)]
        )

    def get_next(self) -> dict[str, Array] | None:
        return next(self._items, None)


def mobilenet(seed: int = 0, softmax: bool = False) -> Net:
    """Expand, depthwise, project with a residual, pooled and classified."""
    net = Net(seed)
    x = net.input([1, 3, 15, 17])
    y = net.node(
        "Clip", net.conv(x, 3, 8, 3, strides=[2, 2]), net.const(0.0, np.float32), net.const(6.0, np.float32)
    )
    z = net.node("Relu", net.conv(y, 8, 16))
    z = net.node("Relu", net.conv(z, 16, 16, 3, groups=16))
    y = net.node("Add", y, net.conv(z, 16, 8))
    y = net.conv(y, 8, 12, 3, strides=[2, 1], pads=[0, 0, 1, 1])
    y = net.node("Flatten", net.node("GlobalAveragePool", net.node("Relu", y)))
    y = net.node("Gemm", y, net.const(net.normal(12, 5)), net.const(net.normal(5)))
    net.output(net.node("Softmax", y, axis=1) if softmax else y)
    return net


def gadgets(seed: int = 0) -> Net:
    """Squeeze-and-excite, hard-swish, concat, split, pools, resize, pad, transposed convolution, slopes."""
    net = Net(seed)
    x = net.input([1, 4, 12, 10])
    y = net.node("HardSwish", net.conv(x, 4, 8, 3)) if net.opset >= 14 else net.node("Relu", net.conv(x, 4, 8, 3))
    s = net.node("GlobalAveragePool", y)
    s = net.node("HardSigmoid", net.conv(net.node("Relu", net.conv(s, 8, 4)), 4, 8))
    y = net.node("Mul", y, s)
    a, b = net.node("Split", y, outputs=2, axis=1)
    a = net.node("MaxPool", a, kernel_shape=[2, 2], strides=[2, 2])
    b = net.node("AveragePool", b, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    y = net.node("Concat", a, net.node("LeakyRelu", b, alpha=0.1), axis=1)
    y = net.node("Resize", y, net.const([], np.float32), net.const([1, 1, 2, 2], np.float32), mode="nearest",
                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
    y = net.node("Sigmoid", net.conv(y, 8, 8, 3, groups=8, dilations=[2, 2], pads=[2, 2, 2, 2]))
    y = net.node("Slice", y, net.const([1, 2]), net.const([11, 9]), net.const([2, 3]))
    net.output(net.node("ReduceMean", y, axes=[2, 3], keepdims=0))
    return net


def quantized(net: Net, folder: Path, **options: Any) -> Path:
    """The model quantized by onnxruntime; skips the test where that is not installed."""
    pytest.importorskip("onnxruntime")
    from onnxruntime.quantization import quantize_static

    source = net.save(folder, "float.onnx")
    shape = [d.dim_value for d in net.inputs[0].type.tensor_type.shape.dim]
    target = folder / "quantized.onnx"
    quantize_static(str(source), str(target), Calibration(shape), **options)
    return target


def small(**options: Any) -> tuple[Net, str]:
    net = Net(1, **options)
    x = net.qdq(net.input([1, 3, 8, 8]), 0.05, 0)
    return net, x


def refused(path: Path, *words: str) -> CompileError:
    """Reads the file, which must be refused quickly, cheaply and with all of the words."""
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(CompileError) as caught:
        read_onnx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 10
    assert peak < 2**28
    text = str(caught.value)
    for word in words:
        assert word in text, text
    return caught.value
